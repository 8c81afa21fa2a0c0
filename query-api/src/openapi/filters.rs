//! What a query may say of each type of column.

use schemas::limits::TEXT_QUERY_BYTES;
use schemas::model::{Column, ColumnType, Relation};
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ComponentsBuilder, KnownFormat, ObjectBuilder, Schema,
    SchemaFormat, Type,
};

use super::{named, string, uuid};
use crate::parse::filter::FULL_TEXT_COLUMNS;

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let number = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(i32::MIN)).maximum(Some(i32::MAX));
    let date = || AnyOfBuilder::new().item(formatted(KnownFormat::DateTime)).item(formatted(KnownFormat::Date));
    let mut components = components
        .schema("TextValue", string().description(Some("Compared exactly, case too.")))
        .schema("NumberValue", AnyOfBuilder::new().item(number()).item(string().pattern(Some("^-?[0-9]{1,9}$"))))
        .schema("CentsValue", ObjectBuilder::new().schema_type(Type::Number).minimum(Some(-9e11)).maximum(Some(9e11)))
        .schema("BooleanValue", ObjectBuilder::new().schema_type(Type::Boolean))
        .schema("DateValue", date().description(Some("Without a zone it is UTC.")))
        .schema("IdValue", AnyOfBuilder::new().item(uuid()).item(wrapped_id()))
        .schema("FullText", full_text(false))
        .schema("FullTextInFields", full_text(true));
    for (name, value) in VALUES {
        components = components.schema(name, filter(value));
    }
    for relation in Relation::ALL {
        components = components.schema(related_name(relation), related(relation));
    }
    components.schema("Query", query())
}

/// The filter of each type and the values that it compares with.
const VALUES: [(&str, &str); 6] = [
    ("TextFilter", "TextValue"),
    ("NumberFilter", "NumberValue"),
    ("CentsFilter", "CentsValue"),
    ("BooleanFilter", "BooleanValue"),
    ("DateFilter", "DateValue"),
    ("IdFilter", "IdValue"),
];

fn filter_name(column_type: ColumnType) -> String {
    match column_type {
        ColumnType::ObjectId => "IdFilter".to_owned(),
        ColumnType::Date => "DateFilter".to_owned(),
        ColumnType::Number => "NumberFilter".to_owned(),
        ColumnType::Cents => "CentsFilter".to_owned(),
        ColumnType::Boolean => "BooleanFilter".to_owned(),
        ColumnType::Text | ColumnType::LongText | ColumnType::VeryLongText => "TextFilter".to_owned(),
        ColumnType::Relation(relation) => related_name(relation),
    }
}

fn related_name(relation: Relation) -> String {
    format!("{}Filter", relation.title().replace(' ', ""))
}

fn query() -> ObjectBuilder {
    let mut query = ObjectBuilder::new().description(Some(
        "Conditions, all of which hold. projectId is always that of the key. Under any other key than a column's: FullText with its fields.",
    ));
    for column in Column::ALL.into_iter().filter(|column| column.is_readable()) {
        let filter = named(&filter_name(column.column_type()));
        let filter = if FULL_TEXT_COLUMNS.contains(&column) {
            AnyOfBuilder::new().item(filter).item(named("FullText")).into()
        } else {
            filter
        };
        query = query.property(column.name(), filter);
    }
    query.additional_properties(Some(named("FullTextInFields")))
}

/// A value, a list of them, null, or an operator.
fn filter(value: &str) -> AnyOfBuilder {
    let (value, nothing) = (named(value), || ObjectBuilder::new().schema_type(Type::Null));
    let list = || ArrayBuilder::new().items(value.clone());
    let with_value = [
        "EqualTo",
        "EqualToOrNull",
        "GreaterThan",
        "GreaterThanOrEqual",
        "GreaterThanOrNull",
        "LessThan",
        "LessThanOrEqual",
        "LessThanOrNull",
    ];
    let not_equal = AnyOfBuilder::new().item(value.clone()).item(nothing());
    AnyOfBuilder::new()
        .item(value.clone())
        .item(nothing())
        .item(list())
        .item(operator(&["IsNull", "NotNull"]))
        .item(operator(&with_value).property("value", value.clone()).required("value"))
        .item(operator(&["NotEqual"]).property("value", not_equal))
        .item(operator(&["Includes", "IncludesAll", "IncludesNone"]).property("value", list()))
        .item(operator(&["InBetween"]).property("startValue", value.clone()).property("endValue", value.clone()))
}

fn operator(names: &[&str]) -> ObjectBuilder {
    ObjectBuilder::new().property("_type", string().enum_values(Some(names.iter().copied()))).required("_type")
}

fn wrapped_id() -> ObjectBuilder {
    operator(&["ObjectID"]).property("value", uuid()).required("value")
}

/// The related row's id, or conditions on its fields.
fn related(relation: Relation) -> AnyOfBuilder {
    let like = || {
        operator(&["Search", "StartsWith", "EndsWith", "NotContains"])
            .property("value", string().description(Some("% stands for any characters, _ for one.")))
    };
    let fields = [("_id", ColumnType::ObjectId)].into_iter().chain(relation.fields().iter().copied());
    let nested = fields.fold(ObjectBuilder::new(), |nested, (name, column_type)| {
        let value = match column_type {
            ColumnType::ObjectId => named("IdValue"),
            ColumnType::Number => named("NumberValue"),
            ColumnType::Boolean => named("BooleanValue"),
            _ => named("TextValue"),
        };
        let null = ObjectBuilder::new().schema_type(Type::Null).description(Some("No condition."));
        nested.property(name, AnyOfBuilder::new().item(value).item(null).item(like()))
    });
    let nested = nested.additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let id = || named("IdValue");
    AnyOfBuilder::new()
        .item(id())
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .item(ArrayBuilder::new().items(id()))
        .item(operator(&["IsNull", "NotNull"]))
        .item(operator(&["EqualTo", "NotEqual"]).property("value", id()).required("value"))
        .item(operator(&["IncludesNone"]).property("value", ArrayBuilder::new().items(id())))
        .item(nested)
}

fn full_text(with_fields: bool) -> ObjectBuilder {
    let value = string().max_length(Some(TEXT_QUERY_BYTES)).examples([json!("refund AND \"rate limit\" NOT test*")]).description(Some(
        "Words, \"phrases\" and beginnings*, joined by AND, OR, NOT and parentheses; side by side means AND. Case and accents do not matter.",
    ));
    let query = operator(&["FullText"]).property("value", value).required("value");
    if !with_fields {
        return query;
    }
    let names = FULL_TEXT_COLUMNS.map(Column::name);
    let field = string().enum_values(Some(names));
    let fields = ArrayBuilder::new().items(RefOr::T(Schema::from(field.build()))).min_items(Some(1));
    query.property("fields", fields.description(Some("Where to search: in all three by default.")))
}

fn formatted(format: KnownFormat) -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(format)))
}
