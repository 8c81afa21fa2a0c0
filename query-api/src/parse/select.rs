//! `select`: which columns and which fields of related rows to answer with.

use axum::http::StatusCode;
use schemas::model::{Column, ColumnSet, Relation};
use serde_json::Value as Json;

use super::relation;
use super::relation::RelationError;
use super::shown::shown;

/// The columns to answer with, in the order of the request; `_id` is always among them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Selection {
    pub(crate) columns: Vec<Selected>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selected {
    Scalar(Column),
    /// A related row, with its fields in the order of the request beside `_id`.
    Related {
        column: Column,
        relation: Relation,
        fields: Vec<&'static str>,
    },
}

impl Selected {
    pub(crate) fn column(&self) -> Column {
        match self {
            Self::Scalar(column) | Self::Related { column, .. } => *column,
        }
    }
}

impl Selection {
    /// The scalar columns that have to be read.
    pub(crate) fn to_read(&self) -> ColumnSet {
        let scalars = self.columns.iter().flat_map(|selected| match selected {
            Selected::Scalar(column) => [Some(*column), None],
            Selected::Related { relation, .. } => [Some(relation.id_column()), Some(Column::ProjectId)],
        });
        scalars.flatten().chain([Column::Id]).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectError {
    #[error(
        "Invalid select clause. Cannot select on \"{0}\". This column does not exist on LLM Log. Here are the columns you can select on instead: {all}",
        all = Column::ALL.map(Column::name).join(", ")
    )]
    UnknownColumn(String),
    #[error(
        "You do not have permissions to select on - {0}.\n                    You need any one of these permissions: "
    )]
    Unreadable(&'static str),
    #[error("Select not supported on {0} of LLM Log because this column modelType is not found.")]
    NotARelation(&'static str),
    #[error("select.{0}: expected true or an object with fields of the related row, got a string")]
    RelationAsString(&'static str),
    #[error(transparent)]
    Relation(#[from] RelationError),
}

/// Arrays and texts have their indices for keys, and no column or field has such a name.
const FIRST_INDEX: &str = "0";

impl SelectError {
    fn first_index() -> Self {
        Self::UnknownColumn(FIRST_INDEX.to_owned())
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unreadable(_) | Self::Relation(RelationError::NoPermission { .. }) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

pub(crate) fn parse(select: Option<&Json>) -> Result<Selection, SelectError> {
    let members = match select {
        Some(Json::Object(members)) => members,
        Some(Json::Array(elements)) if !elements.is_empty() => return Err(SelectError::first_index()),
        Some(Json::String(text)) if !text.is_empty() => return Err(SelectError::first_index()),
        _ => return Ok(Selection::default()),
    };
    let mut wanted = Vec::new();
    for (name, value) in members {
        let column = Column::of_name(name).ok_or_else(|| SelectError::UnknownColumn(shown(name)))?;
        if !column.is_readable() {
            return Err(SelectError::Unreadable(column.name()));
        }
        wanted.push((column, value));
    }
    let mut columns = Vec::new();
    for (column, value) in wanted {
        match column.relation() {
            None if is_object(value) => return Err(SelectError::NotARelation(column.name())),
            None if *value != Json::Bool(false) && column != Column::Id => columns.push(Selected::Scalar(column)),
            None => {}
            Some(relation) => {
                let fields = related_fields(column, relation, value)?;
                columns.push(Selected::Related { column, relation, fields });
            }
        }
    }
    Ok(Selection { columns })
}

/// What JavaScript takes for an object.
fn is_object(value: &Json) -> bool {
    matches!(value, Json::Null | Json::Array(_) | Json::Object(_))
}

fn related_fields(column: Column, relation: Relation, value: &Json) -> Result<Vec<&'static str>, SelectError> {
    let fields = match value {
        Json::String(_) => return Err(SelectError::RelationAsString(column.name())),
        Json::Object(fields) => fields,
        Json::Array(elements) => match elements.first() {
            None => return Ok(Vec::new()),
            Some(first) if is_object(first) => return Err(RelationError::TooDeep.into()),
            Some(_) => return Err(RelationError::unknown(relation, FIRST_INDEX).into()),
        },
        // Whatever else stands there, `false` too, selects the id.
        Json::Null | Json::Bool(_) | Json::Number(_) => return Ok(Vec::new()),
    };
    let mut selected = Vec::new();
    for (name, value) in fields {
        if is_object(value) {
            return Err(RelationError::TooDeep.into());
        }
        let field = relation::field(relation, name)?;
        if field.name != "_id" && *value != Json::Bool(false) {
            selected.push(field.name);
        }
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(select: &Json) -> String {
        parse(Some(select)).expect_err("refused").to_string()
    }

    #[test]
    fn nothing_and_non_objects_select_only_the_id() {
        for select in
            [None, Some(json!(null)), Some(json!({})), Some(json!([])), Some(json!(5)), Some(json!({"_id": false}))]
        {
            assert_eq!(parse(select.as_ref()), Ok(Selection::default()), "{select:?}");
        }
        assert_eq!(parse(Some(&json!(""))), Ok(Selection::default()));
    }

    #[test]
    fn anything_but_false_selects_and_the_order_is_kept() {
        let selection =
            parse(Some(&json!({"status": 0, "feature": false, "createdAt": "x", "user": {"email": 1, "_id": true}})));
        assert_eq!(
            selection.expect("valid").columns,
            [
                Selected::Scalar(Column::Status),
                Selected::Scalar(Column::CreatedAt),
                Selected::Related { column: Column::User, relation: Relation::User, fields: vec!["email"] },
            ]
        );
    }

    #[test]
    fn a_relation_is_its_id_whatever_selects_it_unless_fields_are_named() {
        let related = |select: Json| match parse(Some(&json!({ "user": select }))).map(|selection| selection.columns) {
            Ok(columns) => match columns.as_slice() {
                [Selected::Related { fields, .. }] => Ok(fields.clone()),
                other => panic!("{other:?}"),
            },
            Err(error) => Err(error.to_string()),
        };
        for select in [json!(true), json!(false), json!(0), json!(null), json!({}), json!([]), json!({"name": false})] {
            assert_eq!(related(select.clone()), Ok(vec![]), "{select}");
        }
        let deep = "You cannot query deep relations. Querying deep relations is not supported.";
        for (select, text) in [
            (json!("name"), "select.user: expected true or an object with fields of the related row, got a string"),
            (json!(["name"]), "Column 0 not found on User"),
            (json!([{}]), deep),
            (json!({"name": null}), deep),
            (json!({"nope": {}}), deep),
            (json!({"name": ["x"]}), deep),
        ] {
            assert_eq!(related(select.clone()), Err(text.to_owned()), "{select}");
        }
    }

    #[test]
    fn refusals_say_what_clients_look_for() {
        assert!(
            error(&json!({"nope": true})).starts_with("Invalid select clause. Cannot select on \"nope\". This column")
        );
        assert!(error(&json!({"nope": true})).ends_with(", deletedByUser, deletedByUserId"));
        assert!(error(&json!(["status"])).contains("Cannot select on \"0\""));
        assert!(error(&json!("status")).contains("Cannot select on \"0\""));
        assert!(error(&json!({ "x".repeat(5000): true })).contains("Cannot select on \"xxx"));
        assert!(error(&json!({ "x".repeat(5000): true })).len() < 1500);
        assert_eq!(
            error(&json!({"deletedByUserId": true})),
            "You do not have permissions to select on - deletedByUserId.\n                    You need any one of these permissions: "
        );
        let of_scalar = "Select not supported on status of LLM Log because this column modelType is not found.";
        assert_eq!(error(&json!({"status": null})), of_scalar);
        assert_eq!(error(&json!({"status": {"x": 1}})), of_scalar);
    }

    #[test]
    fn names_are_checked_before_relations() {
        assert!(error(&json!({"status": {"x": 1}, "nope": 1})).contains("Cannot select on \"nope\""));
    }

    #[test]
    fn what_is_read_covers_relations() {
        let selection = parse(Some(&json!({"llmProvider": true}))).expect("valid");
        let read: Vec<Column> = selection.to_read().iter().collect();
        assert_eq!(read, [Column::Id, Column::ProjectId, Column::LlmProviderId]);
    }
}
