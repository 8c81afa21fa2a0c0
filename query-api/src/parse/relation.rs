//! The fields of related rows that a client may name.

use schemas::model::{Column, ColumnType, Relation};

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

/// A field of a related row that clients may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) column_type: ColumnType,
}

const ID: Field = Field { name: "_id", column_type: ColumnType::ObjectId };

/// The field of this name, if clients may see it through the relation.
pub(super) fn field(column: Column, relation: Relation, name: &str) -> Result<Field, RelationError> {
    if name == ID.name {
        return Ok(ID);
    }
    if let Some((name, column_type)) = relation.fields().iter().find(|(known, _)| *known == name) {
        return Ok(Field { name, column_type: *column_type });
    }
    let title = relation.title();
    if let Some(permissions) = guarded_by(relation, name) {
        return Err(RelationError::NoPermission { title: relation_title(column), permissions });
    }
    let field = name.to_owned();
    Err(if hidden(relation).contains(&name) {
        RelationError::HiddenField { field, title }
    } else {
        RelationError::UnknownField { field, title }
    })
}

/// How the reference server names a relation when the key lacks the permission of its own.
fn relation_title(column: Column) -> &'static str {
    match column {
        Column::Incident => "Incident",
        Column::Alert => "Alert",
        Column::ScheduledMaintenance => "Scheduled Maintenance",
        _ => column.column_type().title(),
    }
}

/// The permissions that a field needs which no key here can have.
fn guarded_by(relation: Relation, name: &str) -> Option<&'static str> {
    if name != "createdAt" {
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
            "Project Owner, Project Admin, Project Member, Viewer, Scheduled Maintenance Admin, Scheduled Maintenance Member, Scheduled Maintenance Viewer, Read Scheduled Maintenance Event",
        ),
        Relation::Project | Relation::LlmProvider | Relation::User => None,
    }
}

/// Fields that exist on the related resource and are shown to nobody through a relation.
fn hidden(relation: Relation) -> &'static [&'static str] {
    match relation {
        Relation::Project => &["createdAt", "updatedAt", "deletedAt", "version", "slug", "createdByUserId"],
        Relation::LlmProvider => &[
            "createdAt",
            "updatedAt",
            "deletedAt",
            "version",
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
        Relation::Incident | Relation::Alert | Relation::ScheduledMaintenance => &[
            "updatedAt",
            "deletedAt",
            "version",
            "slug",
            "description",
            "createdByUserId",
            "deletedByUserId",
            "rootCause",
        ],
        Relation::User => {
            &["createdAt", "updatedAt", "deletedAt", "version", "slug", "password", "isMasterAdmin", "timezone"]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_field_has_its_own_refusal() {
        let of = |column: Column, name: &str| {
            let relation = column.relation().expect("a relation");
            field(column, relation, name).map_err(|error| error.to_string())
        };
        assert_eq!(of(Column::LlmProvider, "name"), Ok(Field { name: "name", column_type: ColumnType::Text }));
        assert_eq!(
            of(Column::LlmProvider, "apiKey"),
            Err("Column apiKey on LLM Provider does not support read on relation query.".to_owned())
        );
        assert_eq!(of(Column::User, "nope"), Err("Column nope not found on User".to_owned()));
        assert_eq!(
            of(Column::Incident, "createdAt"),
            Err("You do not have permissions to read Incident on LLM Log. You need one of these permissions: Project Owner, Project Admin, Project Member, Viewer, Incident Admin, Incident Member, Incident Viewer, Read Incident".to_owned())
        );
    }
}
