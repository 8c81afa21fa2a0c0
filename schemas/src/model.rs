//! The model of the LLM Log resource: its columns in JSON key order, and its relations.

use serde::{Deserialize, Serialize};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    ObjectId,
    Date,
    /// A whole number.
    Number,
    /// An amount of US cents, possibly fractional.
    Cents,
    Boolean,
    Text,
    LongText,
    VeryLongText,
    Relation(Relation),
}

impl ColumnType {
    /// The type's name in the documentation of the API.
    pub fn title(self) -> &'static str {
        match self {
            Self::ObjectId => "Object ID",
            Self::Date => "Date",
            Self::Number | Self::Cents => "Number",
            Self::Boolean => "Boolean",
            Self::Text => "Text",
            Self::LongText => "Long Text",
            Self::VeryLongText => "Very Long Text",
            Self::Relation(relation) => relation.title(),
        }
    }

    /// What a client has to send for a value of this type.
    pub fn expectation(self) -> &'static str {
        match self {
            Self::ObjectId => "a UUID such as \"550e8400-e29b-41d4-a716-446655440000\"",
            Self::Date => "an RFC 3339 date and time such as \"2026-03-01T06:00:00.123Z\"",
            Self::Number => "a whole number from 0 to 9007199254740991",
            Self::Cents => "an amount in US cents between -900000000000 and 900000000000, as a decimal number",
            Self::Boolean => "true or false",
            Self::Text | Self::LongText | Self::VeryLongText => "a string",
            Self::Relation(_) => "a related object",
        }
    }

    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::LongText | Self::VeryLongText)
    }
}

/// A resource that a call points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Relation {
    Project,
    LlmProvider,
    Incident,
    Alert,
    ScheduledMaintenance,
    User,
}

impl Relation {
    pub const ALL: [Self; 6] =
        [Self::Project, Self::LlmProvider, Self::Incident, Self::Alert, Self::ScheduledMaintenance, Self::User];

    /// The related resource's name in the documentation of the API.
    pub fn title(self) -> &'static str {
        match self {
            Self::Project => "Project",
            Self::LlmProvider => "LLM Provider",
            Self::Incident => "Incident",
            Self::Alert => "Alert",
            Self::ScheduledMaintenance => "Scheduled Maintenance Event",
            Self::User => "User",
        }
    }

    /// The related row's fields that a client may select, filter and sort by, beside `_id`.
    pub fn fields(self) -> &'static [(&'static str, ColumnType)] {
        use ColumnType::{Boolean, Number, ObjectId, Text};
        match self {
            Self::Project => &[("name", Text)],
            Self::LlmProvider => &[("name", Text), ("projectId", ObjectId), ("isGlobalLlm", Boolean)],
            Self::Incident => &[
                ("projectId", ObjectId),
                ("title", Text),
                ("currentIncidentStateId", ObjectId),
                ("createdByProbeId", ObjectId),
                ("incidentNumber", Number),
                ("incidentNumberWithPrefix", Text),
            ],
            Self::Alert => &[
                ("projectId", ObjectId),
                ("title", Text),
                ("currentAlertStateId", ObjectId),
                ("createdByProbeId", ObjectId),
                ("alertNumber", Number),
                ("alertNumberWithPrefix", Text),
            ],
            Self::ScheduledMaintenance => &[("projectId", ObjectId), ("title", Text)],
            Self::User => {
                &[("name", Text), ("email", Text), ("profilePictureId", ObjectId), ("twoFactorAuthEnabled", Boolean)]
            }
        }
    }

    /// The column that holds the related row's id.
    pub fn id_column(self) -> Column {
        match self {
            Self::Project => Column::ProjectId,
            Self::LlmProvider => Column::LlmProviderId,
            Self::Incident => Column::IncidentId,
            Self::Alert => Column::AlertId,
            Self::ScheduledMaintenance => Column::ScheduledMaintenanceId,
            Self::User => Column::UserId,
        }
    }
}

/// What the model says of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnInfo {
    /// The name in JSON.
    pub name: &'static str,
    pub column_type: ColumnType,
    /// Marked as required by the documentation; such a column is never null.
    pub required: bool,
    pub description: &'static str,
}

macro_rules! columns {
    ($($column:ident $name:literal $column_type:expr, $required:literal, $description:literal;)*) => {
        /// A column of the model. The order is that of the model's JSON keys.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Column { $($column,)* }

        impl Column {
            /// Every column, in the order of the model.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$column),*];

            pub fn info(self) -> &'static ColumnInfo {
                match self {
                    $(Self::$column => {
                        const INFO: ColumnInfo = ColumnInfo {
                            name: $name,
                            column_type: $column_type,
                            required: $required,
                            description: $description,
                        };
                        &INFO
                    })*
                }
            }

            /// The column with this JSON name.
            pub fn of_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$column),)*
                    _ => None,
                }
            }
        }
    };
}

columns! {
    Id "_id" ColumnType::ObjectId, false, "ID of this object";
    CreatedAt "createdAt" ColumnType::Date, false, "Date and Time when the object was created.";
    UpdatedAt "updatedAt" ColumnType::Date, false, "Date and Time when the object was updated.";
    DeletedAt "deletedAt" ColumnType::Date, false, "Always null: an erased call is never shown.";
    Version "version" ColumnType::Number, false, "Version of this object: as its events say, else the number of kinds of event seen.";
    Project "project" ColumnType::Relation(Relation::Project), false, "Relation to Project Resource in which this object belongs";
    ProjectId "projectId" ColumnType::ObjectId, true, "ID of your Project in which this object belongs";
    LlmProvider "llmProvider" ColumnType::Relation(Relation::LlmProvider), false, "LLM Provider used for this API call";
    LlmProviderId "llmProviderId" ColumnType::ObjectId, false, "ID of LLM Provider used for this API call";
    LlmProviderName "llmProviderName" ColumnType::Text, false, "Name of the LLM Provider at time of call";
    LlmType "llmType" ColumnType::Text, false, "Type of LLM (OpenAI, Anthropic, Ollama)";
    ModelName "modelName" ColumnType::Text, false, "Name of the model used (e.g., gpt-4, claude-3-opus)";
    IsGlobalProvider "isGlobalProvider" ColumnType::Boolean, true, "Was a global LLM provider used for this call?";
    TotalTokens "totalTokens" ColumnType::Number, true, "Total tokens used (input + output)";
    CompletionTokens "completionTokens" ColumnType::Number, false, "Tokens of the response, reasoning included";
    CachedInputTokens "cachedInputTokens" ColumnType::Number, false, "Tokens of the input that the provider read from its cache";
    CacheCreationTokens "cacheCreationTokens" ColumnType::Number, false, "Tokens of the input that the provider wrote to its cache";
    CostInUsdCents "costInUSDCents" ColumnType::Cents, true, "Total cost in USD cents";
    WasBilled "wasBilled" ColumnType::Boolean, true, "Was the project charged for this API call?";
    Status "status" ColumnType::Text, true, "Status of the LLM API call";
    StatusMessage "statusMessage" ColumnType::LongText, false, "Status Message (error details if failed)";
    Feature "feature" ColumnType::Text, false, "The feature that triggered this API call (e.g., IncidentPostmortem)";
    RequestPrompt "requestPrompt" ColumnType::VeryLongText, false, "The prompt sent to the LLM (truncated)";
    ResponsePreview "responsePreview" ColumnType::VeryLongText, false, "Preview of the LLM response (truncated)";
    Incident "incident" ColumnType::Relation(Relation::Incident), false, "Incident associated with this LLM call (if any)";
    IncidentId "incidentId" ColumnType::ObjectId, false, "ID of Incident associated with this LLM call (if any)";
    Alert "alert" ColumnType::Relation(Relation::Alert), false, "Alert associated with this LLM call (if any)";
    AlertId "alertId" ColumnType::ObjectId, false, "ID of Alert associated with this LLM call (if any)";
    AiRunId "aiRunId" ColumnType::ObjectId, false, "ID of the AI run that made this LLM call (if any)";
    ScheduledMaintenance "scheduledMaintenance" ColumnType::Relation(Relation::ScheduledMaintenance), false, "Scheduled Maintenance associated with this LLM call (if any)";
    ScheduledMaintenanceId "scheduledMaintenanceId" ColumnType::ObjectId, false, "ID of Scheduled Maintenance associated with this LLM call (if any)";
    User "user" ColumnType::Relation(Relation::User), false, "User who triggered this LLM call (if any)";
    UserId "userId" ColumnType::ObjectId, false, "ID of User who triggered this LLM call (if any)";
    RequestStartedAt "requestStartedAt" ColumnType::Date, false, "When the LLM request started";
    RequestCompletedAt "requestCompletedAt" ColumnType::Date, false, "When the LLM request completed";
    DurationMs "durationMs" ColumnType::Number, false, "Request duration in milliseconds";
    DeletedByUser "deletedByUser" ColumnType::Relation(Relation::User), false, "User who deleted this object; readable by nobody";
    DeletedByUserId "deletedByUserId" ColumnType::ObjectId, false, "ID of the User who deleted this object; readable by nobody";
}

impl Column {
    pub fn name(self) -> &'static str {
        self.info().name
    }

    pub fn column_type(self) -> ColumnType {
        self.info().column_type
    }

    pub fn relation(self) -> Option<Relation> {
        match self.column_type() {
            ColumnType::Relation(relation) => Some(relation),
            _ => None,
        }
    }

    /// Whether any permission lets a client read it.
    pub fn is_readable(self) -> bool {
        !matches!(self, Self::DeletedByUser | Self::DeletedByUserId)
    }

    /// Whether an event's `data` may claim a value for it. `createdAt`, `updatedAt`, `version` and
    /// `projectId` are folded by rules of their own.
    pub fn is_claimable(self) -> bool {
        !matches!(
            self,
            Self::Id
                | Self::CreatedAt
                | Self::UpdatedAt
                | Self::DeletedAt
                | Self::Version
                | Self::ProjectId
                | Self::DeletedByUserId
        ) && self.relation().is_none()
    }

    /// The column that stands for this one's claim: columns of one claim are won and lost together.
    pub fn claim(self) -> Self {
        match self {
            Self::StatusMessage => Self::Status,
            Self::CompletionTokens | Self::CachedInputTokens | Self::CacheCreationTokens => Self::TotalTokens,
            other => other,
        }
    }
}

/// A set of columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColumnSet(u64);

impl ColumnSet {
    pub fn insert(&mut self, column: Column) {
        self.0 |= 1 << (column as u8);
    }

    pub fn contains(self, column: Column) -> bool {
        self.0 & (1 << (column as u8)) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Column> {
        Column::ALL.into_iter().filter(move |column| self.contains(*column))
    }
}

impl FromIterator<Column> for ColumnSet {
    fn from_iter<I: IntoIterator<Item = Column>>(columns: I) -> Self {
        let mut set = Self::default();
        columns.into_iter().for_each(|column| set.insert(column));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_found_by_its_name() {
        assert_eq!(Column::ALL.len(), 38);
        for column in Column::ALL {
            assert_eq!(Column::of_name(column.name()), Some(column));
        }
        assert_eq!(Column::of_name("id"), None);
    }

    #[test]
    fn a_claim_is_led_by_a_column_of_its_own() {
        for column in Column::ALL {
            assert_eq!(column.claim().claim(), column.claim());
            assert_eq!(column.claim().is_claimable(), column.is_claimable());
        }
    }
}
