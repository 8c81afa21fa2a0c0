//! What a query may say of each type of column.

use schemas::limits::QUERY_CONDITIONS;
use schemas::model::{Column, ColumnType, Relation};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ComponentsBuilder, KnownFormat, ObjectBuilder, Schema, Type,
};

use super::operators::{comparisons, full_text, includes, is_null, like, list, multi_search, not_equal, operator};
use super::{flag, formatted, named, null, readable_columns, string, text, uuid};
use crate::parse::filter::FULL_TEXT_COLUMNS;

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let components =
        values(components).schema("FullText", full_text()).schema("MultiSearch", multi_search()).schema("Like", like());
    let components = FILTERS.into_iter().fold(components, |components, (name, value, operand)| {
        components.schema(name, filter(&named(value), &named(operand)))
    });
    let components = Relation::ALL
        .into_iter()
        .fold(components, |components, relation| components.schema(related_name(relation), related(relation)));
    components.schema("Query", query())
}

/// What values are compared with. Ids and dates may be wrapped, as the reference server shows them, but not as the
/// operand of an operator.
fn values(components: ComponentsBuilder) -> ComponentsBuilder {
    let wrapped = |name: &str, value: RefOr<Schema>| operator(&[name]).property("value", value).required("value");
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(i32::MIN)).maximum(Some(i32::MAX));
    let cents = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(-9e11)).maximum(Some(9e11));
    let date = AnyOfBuilder::new().item(formatted(KnownFormat::DateTime)).item(formatted(KnownFormat::Date));
    let (any_id, any_date) = (named("IdText"), named("DateText"));
    components
        .schema("TextValue", text().description(Some("Compared exactly, case too.")))
        .schema("NumberValue", AnyOfBuilder::new().item(number).item(string().pattern(Some("^-?[0-9]{1,9}$"))))
        .schema("CentsValue", cents)
        .schema("BooleanValue", flag())
        .schema("DateText", date.description(Some("Without a zone it is UTC.")))
        .schema("DateValue", AnyOfBuilder::new().item(any_date.clone()).item(wrapped("DateTime", any_date)))
        .schema("IdText", uuid())
        .schema("IdValue", AnyOfBuilder::new().item(any_id.clone()).item(wrapped("ObjectID", any_id)))
}

/// The filter of each type, the values that it compares with, and the operands of its operators.
const FILTERS: [(&str, &str, &str); 6] = [
    ("TextFilter", "TextValue", "TextValue"),
    ("NumberFilter", "NumberValue", "NumberValue"),
    ("CentsFilter", "CentsValue", "CentsValue"),
    ("BooleanFilter", "BooleanValue", "BooleanValue"),
    ("DateFilter", "DateValue", "DateText"),
    ("IdFilter", "IdValue", "IdText"),
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
    let query = ObjectBuilder::new().description(Some(
        "Conditions, all of which hold. projectId is always that of the key. Under any other key than a column's: a search that names its columns.",
    ));
    let query = readable_columns().fold(query, |query, column| {
        let filter = AnyOfBuilder::new().item(named(&filter_name(column.column_type())));
        let filter = if FULL_TEXT_COLUMNS.contains(&column) { filter.item(named("FullText")) } else { filter };
        query.property(column.name(), filter.description(Some(column.info().description)))
    });
    let elsewhere = AnyOfBuilder::new().item(named("FullText")).item(named("MultiSearch"));
    query
        .property_names(Some(nobodys()))
        .max_properties(Some(QUERY_CONDITIONS))
        .additional_properties(Some(RefOr::T(Schema::from(elsewhere.build()))))
}

/// Any name but those of the columns that nobody may read.
fn nobodys() -> ObjectBuilder {
    let hidden: Vec<&str> = Column::ALL.into_iter().filter(|column| !column.is_readable()).map(Column::name).collect();
    string().pattern(Some(format!("^(?!({})$)", hidden.join("|"))))
}

/// A value, a list of them, null, or an operator.
fn filter(value: &RefOr<Schema>, operand: &RefOr<Schema>) -> AnyOfBuilder {
    let plain = AnyOfBuilder::new().item(value.clone()).item(null()).item(list(value));
    comparisons(value, operand).into_iter().fold(plain, AnyOfBuilder::item).item(named("Like"))
}

/// The related row's id, or conditions on its fields.
fn related(relation: Relation) -> AnyOfBuilder {
    let fields = [("_id", ColumnType::ObjectId)].into_iter().chain(relation.fields().iter().copied());
    let nested = fields.fold(ObjectBuilder::new(), |nested, (name, column_type)| {
        let value = match column_type {
            ColumnType::ObjectId => "IdValue",
            ColumnType::Number => "NumberValue",
            ColumnType::Boolean => "BooleanValue",
            _ => "TextValue",
        };
        let nothing = null().description(Some("No condition."));
        nested.property(name, AnyOfBuilder::new().item(named(value)).item(nothing).item(named("Like")))
    });
    let nested = nested
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .description(Some("Conditions on the related row, all of which hold."));
    let (value, operand) = (named("IdValue"), named("IdText"));
    AnyOfBuilder::new()
        .item(value.clone())
        .item(null())
        .item(list(&value))
        .item(is_null())
        .item(operator(&["EqualTo"]).property("value", operand.clone()).required("value"))
        .item(not_equal(&operand))
        .item(includes(&["IncludesNone"], &value))
        .item(named("Like"))
        .item(nested)
}
