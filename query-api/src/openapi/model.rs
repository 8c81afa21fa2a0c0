//! What answers hold.

use schemas::model::{Column, ColumnType, Relation};
use schemas::stats::GroupBy;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ComponentsBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema,
    SchemaFormat, SchemaType, Type,
};

use super::{named, string, uuid};

/// Columns that no call is without: they are never null.
fn is_never_null(column: Column) -> bool {
    column.info().required
        || matches!(
            column,
            Column::Id
                | Column::CreatedAt
                | Column::UpdatedAt
                | Column::Version
                | Column::CompletionTokens
                | Column::CachedInputTokens
                | Column::CacheCreationTokens
        )
}

const CURSOR: &str = "Where the next page begins, null after the last one; there when the request has a cursor.";

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let mut call = ObjectBuilder::new()
        .description(Some("A call: its id and the columns that were selected, in the order of the selection."));
    for column in Column::ALL.into_iter().filter(|column| column.is_readable()) {
        call = call.property(column.name(), shown(column));
    }
    let call = call.required("_id").additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let nothing = ObjectBuilder::new().max_properties(Some(0)).description(Some("The project has no such call."));
    let list = ObjectBuilder::new()
        .property("count", whole().description(Some("Number of all matching calls, whatever skip and limit say.")))
        .property("limit", nullable_whole("The limit as the URL has it, null when it is no number there."))
        .property("skip", nullable_whole("The skip as the URL has it, null when it is no number there."))
        .property("data", ArrayBuilder::new().items(named("Call")))
        .property("cursor", text_or_null().description(Some(CURSOR)));
    let list = ["count", "limit", "skip", "data"].into_iter().fold(list, ObjectBuilder::required);
    let count = ObjectBuilder::new().property("count", whole()).required("count");
    let components = components
        .schema("Call", call)
        .schema("CallItem", OneOfBuilder::new().item(named("Call")).item(nothing))
        .schema("CallList", list)
        .schema("CallCount", count)
        .schema("CallStats", stats())
        .schema("Sums", sums(true))
        .schema("Error", text_in("error", "What is wrong, where, and what was expected."));
    Relation::ALL
        .into_iter()
        .fold(components, |components, relation| components.schema(relation_schema(relation), related(relation)))
}

pub(super) fn text_or_null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

/// The name of a relation's schema.
fn relation_schema(relation: Relation) -> String {
    relation.title().replace(' ', "")
}

fn shown(column: Column) -> RefOr<Schema> {
    let description = column.info().description;
    match column.column_type() {
        ColumnType::Relation(relation) => OneOfBuilder::new()
            .description(Some(description))
            .item(named(&relation_schema(relation)))
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .into(),
        scalar => {
            value(scalar, !is_never_null(column)).title(Some(scalar.title())).description(Some(description)).into()
        }
    }
}

fn value(column_type: ColumnType, nullable: bool) -> ObjectBuilder {
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

fn related(relation: Relation) -> ObjectBuilder {
    let row = ObjectBuilder::new().property("_id", uuid()).required("_id");
    let row =
        relation.fields().iter().fold(row, |row, (name, column_type)| row.property(*name, value(*column_type, true)));
    row.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn stats() -> ObjectBuilder {
    let groups = ArrayBuilder::new().items(named("Sums")).description(Some("Those with the most calls first."));
    let count = whole().description(Some("Number of all groups, those beyond the limit too."));
    let stats = ObjectBuilder::new()
        .property("groups", groups)
        .property("groupCount", count)
        .property("total", sums(false).description(Some("Sums over all groups.")));
    ["groups", "groupCount", "total"].into_iter().fold(stats, ObjectBuilder::required)
}

fn sums(of_group: bool) -> ObjectBuilder {
    let mut sums = ObjectBuilder::new();
    for group in GroupBy::ALL.into_iter().filter(|_| of_group) {
        sums = sums.property(
            group.name(),
            match group {
                GroupBy::Day => string()
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
                    .description(Some("The UTC day.")),
                GroupBy::Column(column) => {
                    value(column.column_type(), true).description(Some(column.info().description))
                }
            },
        );
    }
    let numbers = [
        ("calls", "Number of calls"),
        ("errors", "Calls of any status but Success and Running"),
        ("totalTokens", Column::TotalTokens.info().description),
        ("completionTokens", Column::CompletionTokens.info().description),
        ("cachedInputTokens", Column::CachedInputTokens.info().description),
        ("cacheCreationTokens", Column::CacheCreationTokens.info().description),
    ];
    for (name, description) in numbers {
        sums = sums
            .property(name, ObjectBuilder::new().schema_type(Type::Integer).description(Some(description)))
            .required(name);
    }
    let cost = value(ColumnType::Cents, false).description(Some(Column::CostInUsdCents.info().description));
    let percentiles = ["p50", "p95", "p99"].into_iter().fold(ObjectBuilder::new(), |percentiles, name| {
        percentiles.property(name, value(ColumnType::Number, true)).required(name)
    });
    let percentiles =
        percentiles.description(Some("Durations in milliseconds, exact to three digits, when asked for."));
    sums.property("costInUSDCents", cost).required("costInUSDCents").property("durationMs", percentiles)
}

fn whole() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0))
}

fn nullable_whole(description: &str) -> ObjectBuilder {
    value(ColumnType::Number, true).description(Some(description))
}

fn text_in(name: &str, description: &str) -> OneOfBuilder {
    let of = |name: &str| ObjectBuilder::new().property(name, string().description(Some(description))).required(name);
    OneOfBuilder::new().item(of(name)).item(of("message"))
}
