//! One call.

use schemas::event::PlainJson;
use schemas::id::ProjectId;
use schemas::model::{Column, Relation};
use schemas::reference::{ReferenceData, RelatedRow};
use schemas::row::Row;
use schemas::value::Value;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::compat::Compat;
use crate::parse::select::{Selected, Selection};

/// A row as a client sees it: `_id`, then what was selected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowAnswer<'a> {
    pub(crate) row: &'a Row,
    pub(crate) selection: &'a Selection,
    pub(crate) reference: &'a ReferenceData,
    pub(crate) compat: Compat,
}

impl Serialize for RowAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(Column::Id.name(), &PlainJson(self.row.get(Column::Id)))?;
        for selected in selected_columns(self.selection, self.compat) {
            match selected {
                Selected::Scalar(column) => {
                    map.serialize_entry(column.name(), &ShownValue::of(self.row.get(*column), self.compat))?;
                }
                Selected::Related { column, relation, fields } => {
                    let related = self.related(*relation).map(|row| RelatedAnswer {
                        row,
                        relation: *relation,
                        fields,
                        compat: self.compat,
                    });
                    map.serialize_entry(column.name(), &related)?;
                }
            }
        }
        map.end()
    }
}

/// What stands in a row after `_id`, in the order of the form.
pub(super) fn selected_columns(selection: &Selection, compat: Compat) -> Vec<&Selected> {
    let mut columns: Vec<&Selected> = selection.columns.iter().collect();
    if compat == Compat::OneUptime {
        columns.sort_by_key(|selected| selected.column());
    }
    columns
}

impl RowAnswer<'_> {
    /// The related row, if the call's own project has it.
    fn related(&self, relation: Relation) -> Option<RelatedRow<'_>> {
        let Value::Id(project) = *self.row.get(Column::ProjectId) else { return None };
        let Value::Id(id) = *self.row.get(relation.id_column()) else { return None };
        self.reference.related(relation, ProjectId(project), id)
    }
}

#[derive(Debug, Clone, Copy)]
struct RelatedAnswer<'a> {
    row: RelatedRow<'a>,
    relation: Relation,
    fields: &'a [&'static str],
    compat: Compat,
}

impl Serialize for RelatedAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("_id", &PlainJson(&Value::Id(self.row.id)))?;
        let mut fields = self.fields.to_vec();
        if self.compat == Compat::OneUptime {
            fields.sort_by_key(|field| self.relation.fields().iter().position(|(known, _)| known == field));
        }
        for field in fields {
            let value = self.row.get(field);
            let wrapper = match (self.relation, field) {
                (Relation::User, "name") => Some("Name"),
                (Relation::User, "email") => Some("Email"),
                _ => None,
            };
            map.serialize_entry(
                field,
                &ShownValue { wrapper: wrapper.or(wrapper_of(&value)), value: &value, compat: self.compat },
            )?;
        }
        map.end()
    }
}

/// A value, in its wrapper where the form has one.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShownValue<'a> {
    value: &'a Value,
    wrapper: Option<&'static str>,
    compat: Compat,
}

impl<'a> ShownValue<'a> {
    pub(super) fn of(value: &'a Value, compat: Compat) -> Self {
        Self { value, wrapper: wrapper_of(value), compat }
    }
}

fn wrapper_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::Id(_) => Some("ObjectID"),
        Value::Date(_) => Some("DateTime"),
        _ => None,
    }
}

impl Serialize for ShownValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let plain = PlainJson(self.value);
        let wrapper = self.wrapper.filter(|_| self.compat == Compat::OneUptime && !self.value.is_null());
        let Some(wrapper) = wrapper else { return plain.serialize(serializer) };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("_type", wrapper)?;
        map.serialize_entry("value", &plain)?;
        map.end()
    }
}
