//! The fields of related rows that a client may name.

use schemas::model::{ColumnType, Relation};

use super::shown::shown;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RelationError {
    #[error("You cannot query deep relations. Querying deep relations is not supported.")]
    TooDeep,
    #[error("Column {field} not found on {title}")]
    UnknownField { field: String, title: &'static str },
    #[error("Column {field} on {title} does not support read on relation query.")]
    HiddenField { field: String, title: &'static str },
    #[error("You do not have permissions to read {title} on LLM Log. You need one of these permissions: {permissions}")]
    NoPermission { title: &'static str, permissions: &'static str },
}

impl RelationError {
    pub(super) fn unknown(relation: Relation, name: &str) -> Self {
        Self::UnknownField { field: shown(name), title: relation.title() }
    }
}

/// A field of a related row that clients may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) column_type: ColumnType,
}

const ID: Field = Field { name: "_id", column_type: ColumnType::ObjectId };

/// The field of this name, if clients may see it through the relation.
pub(super) fn field(relation: Relation, name: &str) -> Result<Field, RelationError> {
    if name == ID.name {
        return Ok(ID);
    }
    if let Some((name, column_type)) = relation.fields().iter().find(|(known, _)| *known == name) {
        return Ok(Field { name, column_type: *column_type });
    }
    let title = relation.title();
    if let Some(permissions) = guarded_by(relation, name) {
        return Err(RelationError::NoPermission { title, permissions });
    }
    Err(if BASE_FIELDS.contains(&name) || hidden(relation).contains(&name) {
        RelationError::HiddenField { field: name.to_owned(), title }
    } else {
        RelationError::unknown(relation, name)
    })
}

/// What every resource of the reference server has, and shows through a relation to whoever may read the related one.
const BASE_FIELDS: [&str; 4] = ["createdAt", "updatedAt", "deletedAt", "version"];

/// The permissions that a field needs on the reference server. Here it is shown to nobody.
fn guarded_by(relation: Relation, name: &str) -> Option<&'static str> {
    if !BASE_FIELDS.contains(&name) {
        return None;
    }
    match relation {
        Relation::Incident => Some(
            "Project Owner, Project Admin, Project Member, Viewer, Incident Admin, Incident Member, Incident Viewer, Read Incident",
        ),
        Relation::Alert => Some(
            "Project Owner, Project Admin, Project Member, Viewer, Alert Admin, Alert Member, Alert Viewer, Read Alert",
        ),
        Relation::ScheduledMaintenance => Some(
            "Project Owner, Project Admin, Project Member, Viewer, Scheduled Maintenance Admin, Scheduled Maintenance Member, Scheduled Maintenance Viewer, Read Scheduled Maintenance",
        ),
        Relation::Project | Relation::LlmProvider | Relation::User => None,
    }
}

/// Fields that exist on the related resource and are shown to nobody through a relation.
fn hidden(relation: Relation) -> &'static [&'static str] {
    match relation {
        Relation::Project => &["slug", "createdByUserId"],
        Relation::LlmProvider => &[
            "slug",
            "description",
            "llmType",
            "apiKey",
            "modelName",
            "baseUrl",
            "isDefault",
            "costPerMillionTokensInUSDCents",
            "createdByUserId",
            "deletedByUserId",
        ],
        Relation::Incident | Relation::Alert | Relation::ScheduledMaintenance => {
            &["slug", "description", "createdByUserId", "deletedByUserId", "rootCause"]
        }
        Relation::User => &["slug", "password", "isMasterAdmin", "timezone"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_field_has_its_own_refusal() {
        let of = |relation: Relation, name: &str| field(relation, name).map_err(|error| error.to_string());
        assert_eq!(of(Relation::LlmProvider, "name"), Ok(Field { name: "name", column_type: ColumnType::Text }));
        assert_eq!(
            of(Relation::LlmProvider, "apiKey"),
            Err("Column apiKey on LLM Provider does not support read on relation query.".to_owned())
        );
        assert_eq!(of(Relation::User, "nope"), Err("Column nope not found on User".to_owned()));
        assert_eq!(
            of(Relation::User, "version"),
            Err("Column version on User does not support read on relation query.".to_owned())
        );
        assert_eq!(
            of(Relation::ScheduledMaintenance, "updatedAt"),
            Err("You do not have permissions to read Scheduled Maintenance Event on LLM Log. You need one of these permissions: Project Owner, Project Admin, Project Member, Viewer, Scheduled Maintenance Admin, Scheduled Maintenance Member, Scheduled Maintenance Viewer, Read Scheduled Maintenance".to_owned())
        );
        assert_eq!(
            of(Relation::Incident, "createdAt"),
            Err("You do not have permissions to read Incident on LLM Log. You need one of these permissions: Project Owner, Project Admin, Project Member, Viewer, Incident Admin, Incident Member, Incident Viewer, Read Incident".to_owned())
        );
    }
}
