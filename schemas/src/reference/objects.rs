//! What each kind of reference record holds.

use std::slice::from_ref;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::record::REFERENCE_TYPE_PREFIX;
use super::visibility::Visibility;
use crate::access::{Grant, KeyHash};
use crate::id::ProjectId;
use crate::model::Relation;
use crate::time::Timestamp;
use crate::value::Value;

/// A kind of reference record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceKind {
    Log,
    Project,
    Key,
    KeyRevocation,
    LlmProvider,
    User,
    Incident,
    Alert,
    ScheduledMaintenance,
}

impl ReferenceKind {
    pub const ALL: [Self; 9] = [
        Self::Log,
        Self::Project,
        Self::Key,
        Self::KeyRevocation,
        Self::LlmProvider,
        Self::User,
        Self::Incident,
        Self::Alert,
        Self::ScheduledMaintenance,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Project => "project",
            Self::Key => "key",
            Self::KeyRevocation => "key-revocation",
            Self::LlmProvider => "llm-provider",
            Self::User => "user",
            Self::Incident => "incident",
            Self::Alert => "alert",
            Self::ScheduledMaintenance => "scheduled-maintenance",
        }
    }

    /// The full name of the type of its events.
    pub fn event_type(self) -> String {
        format!("{REFERENCE_TYPE_PREFIX}{}", self.name())
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn of_relation(relation: Relation) -> Self {
        match relation {
            Relation::Project => Self::Project,
            Relation::LlmProvider => Self::LlmProvider,
            Relation::Incident => Self::Incident,
            Relation::Alert => Self::Alert,
            Relation::ScheduledMaintenance => Self::ScheduledMaintenance,
            Relation::User => Self::User,
        }
    }
}

macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $field_type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($(#[$field_meta])* pub $field: $field_type,)* }
    };
}

object! {
    /// The log itself. The record with the lowest offset names it, whatever comes later.
    LogObject {
        /// How many partitions the log has; never changes.
        #[schemars(range(max = u32::MAX))]
        partitions: u32,
    }
}
object! {
    /// A project: the tenant that every call and every key belongs to.
    ProjectObject {
        /// The project's name.
        name: String,
    }
}
object! {
    /// An API key without the key.
    KeyObject {
        /// The project whose calls the key opens.
        project_id: ProjectId,
        /// SHA-256 of the key, in hexadecimal digits.
        hash: KeyHash,
        /// What the key is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What the holder may do.
        permissions: Vec<Grant>,
        /// When the key was made.
        #[serde(default, with = "optional_time", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<DateTime<Utc>>")]
        created_at: Option<Timestamp>,
        /// From when on the key is refused.
        #[serde(default, with = "optional_time", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<DateTime<Utc>>")]
        expires_at: Option<Timestamp>,
    }
}
object! {
    /// Says that the key of the same id is good no more. Final: deleting it does not bring the key back.
    KeyRevocationObject {
        /// When the key was revoked.
        #[serde(default, with = "optional_time", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<DateTime<Utc>>")]
        revoked_at: Option<Timestamp>,
    }
}
object! {
    /// A provider of language models, of one project or of all.
    LlmProviderObject {
        /// The provider's name.
        name: String,
        /// Absent for a global provider.
        #[serde(default)]
        project_id: Option<ProjectId>,
        /// Whether calls of every project may point to it.
        #[serde(default)]
        is_global_llm: bool,
    }
}
object! {
    /// A user. Calls of the projects it belongs to may point to it.
    UserObject {
        /// The user's name.
        #[serde(default)]
        name: Option<String>,
        /// The user's e-mail address.
        #[serde(default)]
        email: Option<String>,
        /// The file with the user's picture.
        #[serde(default)]
        profile_picture_id: Option<Uuid>,
        /// Whether the user signs in with a second factor.
        #[serde(default)]
        two_factor_auth_enabled: Option<bool>,
        /// The projects that the user belongs to.
        #[serde(default)]
        project_ids: Vec<ProjectId>,
    }
}
object! {
    /// An incident of a project.
    IncidentObject {
        /// The project that the incident belongs to.
        project_id: ProjectId,
        /// The incident's title.
        #[serde(default)]
        title: Option<String>,
        /// The state that the incident is in.
        #[serde(default)]
        current_incident_state_id: Option<Uuid>,
        /// The probe that made the incident.
        #[serde(default)]
        created_by_probe_id: Option<Uuid>,
        /// The incident's number within its project.
        #[serde(default)]
        #[schemars(range(min = i64::MIN, max = i64::MAX))]
        incident_number: Option<i64>,
        /// The number as people write it.
        #[serde(default)]
        incident_number_with_prefix: Option<String>,
    }
}
object! {
    /// An alert of a project.
    AlertObject {
        /// The project that the alert belongs to.
        project_id: ProjectId,
        /// The alert's title.
        #[serde(default)]
        title: Option<String>,
        /// The state that the alert is in.
        #[serde(default)]
        current_alert_state_id: Option<Uuid>,
        /// The probe that made the alert.
        #[serde(default)]
        created_by_probe_id: Option<Uuid>,
        /// The alert's number within its project.
        #[serde(default)]
        #[schemars(range(min = i64::MIN, max = i64::MAX))]
        alert_number: Option<i64>,
        /// The number as people write it.
        #[serde(default)]
        alert_number_with_prefix: Option<String>,
    }
}
object! {
    /// A scheduled maintenance event of a project.
    ScheduledMaintenanceObject {
        /// The project that the event belongs to.
        project_id: ProjectId,
        /// The event's title.
        #[serde(default)]
        title: Option<String>,
    }
}

/// The content of a reference record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceObject {
    Log(LogObject),
    Project(ProjectObject),
    Key(KeyObject),
    KeyRevocation(KeyRevocationObject),
    LlmProvider(LlmProviderObject),
    User(UserObject),
    Incident(IncidentObject),
    Alert(AlertObject),
    ScheduledMaintenance(ScheduledMaintenanceObject),
}

impl ReferenceObject {
    pub fn kind(&self) -> ReferenceKind {
        match self {
            Self::Log(_) => ReferenceKind::Log,
            Self::Project(_) => ReferenceKind::Project,
            Self::Key(_) => ReferenceKind::Key,
            Self::KeyRevocation(_) => ReferenceKind::KeyRevocation,
            Self::LlmProvider(_) => ReferenceKind::LlmProvider,
            Self::User(_) => ReferenceKind::User,
            Self::Incident(_) => ReferenceKind::Incident,
            Self::Alert(_) => ReferenceKind::Alert,
            Self::ScheduledMaintenance(_) => ReferenceKind::ScheduledMaintenance,
        }
    }

    /// Which calls may see it through a relation.
    pub(super) fn visibility(&self, id: Uuid) -> Visibility<'_> {
        match self {
            Self::Project(_) => Visibility::ToItself(ProjectId(id)),
            Self::LlmProvider(provider) if provider.is_global_llm => Visibility::Everywhere,
            Self::LlmProvider(provider) => Visibility::In(provider.project_id.as_slice()),
            Self::User(user) => Visibility::In(&user.project_ids),
            Self::Incident(incident) => Visibility::In(from_ref(&incident.project_id)),
            Self::Alert(alert) => Visibility::In(from_ref(&alert.project_id)),
            Self::ScheduledMaintenance(maintenance) => Visibility::In(from_ref(&maintenance.project_id)),
            Self::Log(_) | Self::Key(_) | Self::KeyRevocation(_) => Visibility::In(&[]),
        }
    }
}

/// A row that a relation of a call resolved to.
#[derive(Debug, Clone, Copy)]
pub struct RelatedRow<'a> {
    pub id: Uuid,
    pub(super) object: &'a ReferenceObject,
}

impl RelatedRow<'_> {
    /// The value of one of [`Relation::fields`]; null when there is none.
    pub fn get(&self, field: &str) -> Value {
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::text);
        let id = |id: Option<Uuid>| id.map_or(Value::Null, Value::Id);
        let number = |number: Option<i64>| number.map_or(Value::Null, Value::Number);
        if field == "_id" {
            return Value::Id(self.id);
        }
        match (self.object, field) {
            (ReferenceObject::Project(project), "name") => Value::text(project.name.as_str()),
            (ReferenceObject::LlmProvider(provider), "name") => Value::text(provider.name.as_str()),
            (ReferenceObject::LlmProvider(provider), "projectId") => id(provider.project_id.map(|project| project.0)),
            (ReferenceObject::LlmProvider(provider), "isGlobalLlm") => Value::Boolean(provider.is_global_llm),
            (ReferenceObject::User(user), "name") => text(&user.name),
            (ReferenceObject::User(user), "email") => text(&user.email),
            (ReferenceObject::User(user), "profilePictureId") => id(user.profile_picture_id),
            (ReferenceObject::User(user), "twoFactorAuthEnabled") => {
                user.two_factor_auth_enabled.map_or(Value::Null, Value::Boolean)
            }
            (ReferenceObject::Incident(incident), "projectId") => Value::Id(incident.project_id.0),
            (ReferenceObject::Incident(incident), "title") => text(&incident.title),
            (ReferenceObject::Incident(incident), "currentIncidentStateId") => id(incident.current_incident_state_id),
            (ReferenceObject::Incident(incident), "createdByProbeId") => id(incident.created_by_probe_id),
            (ReferenceObject::Incident(incident), "incidentNumber") => number(incident.incident_number),
            (ReferenceObject::Incident(incident), "incidentNumberWithPrefix") => {
                text(&incident.incident_number_with_prefix)
            }
            (ReferenceObject::Alert(alert), "projectId") => Value::Id(alert.project_id.0),
            (ReferenceObject::Alert(alert), "title") => text(&alert.title),
            (ReferenceObject::Alert(alert), "currentAlertStateId") => id(alert.current_alert_state_id),
            (ReferenceObject::Alert(alert), "createdByProbeId") => id(alert.created_by_probe_id),
            (ReferenceObject::Alert(alert), "alertNumber") => number(alert.alert_number),
            (ReferenceObject::Alert(alert), "alertNumberWithPrefix") => text(&alert.alert_number_with_prefix),
            (ReferenceObject::ScheduledMaintenance(maintenance), "projectId") => Value::Id(maintenance.project_id.0),
            (ReferenceObject::ScheduledMaintenance(maintenance), "title") => text(&maintenance.title),
            _ => Value::Null,
        }
    }
}

pub(super) mod optional_time {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use crate::time::Timestamp;

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(in crate::reference) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.to_string()).serialize(serializer)
    }

    pub(in crate::reference) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| Timestamp::parse(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}
