//! The operators of a query: objects with a `_type`.

use schemas::limits::{IN_VALUES, TEXT_QUERY_BYTES};
use schemas::model::Column;
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};

use super::{null, readable_columns, string, text};
use crate::parse::filter::FULL_TEXT_COLUMNS;

const ONE_VALUE: [&str; 8] = [
    "EqualTo",
    "EqualToOrNull",
    "GreaterThan",
    "GreaterThanOrEqual",
    "GreaterThanOrNull",
    "LessThan",
    "LessThanOrEqual",
    "LessThanOrNull",
];

/// An object with one of these types.
pub(super) fn operator(names: &[&str]) -> ObjectBuilder {
    ObjectBuilder::new().property("_type", string().enum_values(Some(names.iter().copied()))).required("_type")
}

/// Every comparison with values of a type. Only an element of a list may be wrapped.
pub(super) fn comparisons(value: &RefOr<Schema>, operand: &RefOr<Schema>) -> [ObjectBuilder; 5] {
    let bound = || AnyOfBuilder::new().item(operand.clone()).item(null());
    [
        is_null(),
        operator(&ONE_VALUE).property("value", operand.clone()).required("value"),
        not_equal(operand),
        includes(&["Includes", "IncludesAll", "IncludesNone"], value),
        operator(&["InBetween"])
            .property("startValue", bound())
            .property("endValue", bound())
            .description(Some("Both ends belong to it; without one of them nothing does.")),
    ]
}

pub(super) fn is_null() -> ObjectBuilder {
    operator(&["IsNull", "NotNull"])
}

pub(super) fn not_equal(operand: &RefOr<Schema>) -> ObjectBuilder {
    operator(&["NotEqual"])
        .property("value", operand.clone())
        .required("value")
        .description(Some("Calls without a value are not among them."))
}

pub(super) fn includes(names: &[&str], value: &RefOr<Schema>) -> ObjectBuilder {
    operator(names).property("value", list(value))
}

pub(super) fn list(value: &RefOr<Schema>) -> ArrayBuilder {
    ArrayBuilder::new().items(value.clone()).max_items(Some(IN_VALUES))
}

/// A search for a part of the value's text, in any case.
pub(super) fn like() -> ObjectBuilder {
    let pattern = text()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("A part of the value's text, in any case: % stands for any characters, _ for one."));
    operator(&["Search", "StartsWith", "EndsWith", "NotContains"]).property("value", pattern)
}

/// The same search in several columns, one of which has to have it.
pub(super) fn multi_search() -> ObjectBuilder {
    let names = readable_columns().filter(|column| column.relation().is_none()).map(Column::name);
    let field = string().enum_values(Some(names));
    let value = text().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    operator(&["MultiSearch"])
        .property("value", value.description(Some("As of Search. Without a text or fields it is no condition.")))
        .property("fields", ArrayBuilder::new().items(RefOr::T(Schema::from(field.build()))))
}

/// Words in the column that is asked about, or in those that it names itself.
pub(super) fn full_text() -> ObjectBuilder {
    let value = string()
        .min_length(Some(1))
        .max_length(Some(TEXT_QUERY_BYTES))
        .examples([json!("refund AND \"rate limit\" NOT test*")])
        .description(Some(format!(
            "Words, \"phrases\" and beginnings*, joined by AND, OR, NOT and parentheses; side by side means AND. Case and accents do not matter. At most {TEXT_QUERY_BYTES} bytes in all conditions of a query together.",
        )));
    let field = string().enum_values(Some(FULL_TEXT_COLUMNS.map(Column::name)));
    let fields = ArrayBuilder::new().items(RefOr::T(Schema::from(field.build()))).min_items(Some(1)).description(Some(
        "Where to search; by default in the column that is the key, or in all three when the key is none.",
    ));
    operator(&["FullText"]).property("value", value).required("value").property("fields", fields)
}
