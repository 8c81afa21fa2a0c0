//! How values look in answers, in the form of the server.

use schemas::model::{ColumnType, Relation};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ComponentsBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat,
    SchemaType, Type,
};

use super::{formatted, named, null, string, uuid};
use crate::compat::Compat;

/// The wrappers of the reference server: the name of each schema, its `_type` and its value.
pub(super) fn components(components: ComponentsBuilder, compat: Compat) -> ComponentsBuilder {
    if compat == Compat::Docs {
        return components;
    }
    components
        .schema("WrappedId", wrapped("ObjectID", uuid()))
        .schema("WrappedDate", wrapped("DateTime", formatted(KnownFormat::DateTime)))
        .schema("WrappedName", wrapped("Name", string()))
        .schema("WrappedEmail", wrapped("Email", string()))
}

fn wrapped(type_name: &str, value: ObjectBuilder) -> ObjectBuilder {
    ObjectBuilder::new()
        .property("_type", string().enum_values(Some([type_name])))
        .property("value", value)
        .required("_type")
        .required("value")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

/// A value of this type with what there is to say of it.
pub(super) fn shown(column_type: ColumnType, nullable: bool, about: Option<&str>, compat: Compat) -> RefOr<Schema> {
    if let Some(wrapper) = wrapper(column_type, compat) {
        return in_wrapper(wrapper, nullable, about);
    }
    let Some(about) = about else {
        return plain(column_type, nullable).into();
    };
    plain(column_type, nullable).title(Some(column_type.title())).description(Some(about)).into()
}

/// A field of a related row.
pub(super) fn related_field(relation: Relation, name: &str, column_type: ColumnType, compat: Compat) -> RefOr<Schema> {
    match (relation, name, compat) {
        (Relation::User, "name", Compat::OneUptime) => in_wrapper("WrappedName", true, None),
        (Relation::User, "email", Compat::OneUptime) => in_wrapper("WrappedEmail", true, None),
        _ => shown(column_type, true, None, compat),
    }
}

fn wrapper(column_type: ColumnType, compat: Compat) -> Option<&'static str> {
    match (compat, column_type) {
        (Compat::OneUptime, ColumnType::ObjectId) => Some("WrappedId"),
        (Compat::OneUptime, ColumnType::Date) => Some("WrappedDate"),
        _ => None,
    }
}

fn in_wrapper(wrapper: &str, nullable: bool, about: Option<&str>) -> RefOr<Schema> {
    let value = OneOfBuilder::new().description(about).item(named(wrapper));
    if nullable { value.item(null()).into() } else { value.into() }
}

/// A value as plain JSON.
pub(super) fn plain(column_type: ColumnType, nullable: bool) -> ObjectBuilder {
    let (json_type, format) = match column_type {
        ColumnType::ObjectId => (Type::String, Some(KnownFormat::Uuid)),
        ColumnType::Date => (Type::String, Some(KnownFormat::DateTime)),
        ColumnType::Number => (Type::Integer, None),
        ColumnType::Cents => (Type::Number, None),
        ColumnType::Boolean => (Type::Boolean, None),
        ColumnType::Text | ColumnType::LongText | ColumnType::VeryLongText => (Type::String, None),
        ColumnType::Relation(_) => (Type::Object, None),
    };
    let json_type = if nullable { SchemaType::from_iter([json_type, Type::Null]) } else { SchemaType::new(json_type) };
    ObjectBuilder::new().schema_type(json_type).format(format.map(SchemaFormat::KnownFormat))
}
