//! What answers hold.

use schemas::model::{Column, ColumnType, Relation};
use schemas::stats::GroupBy;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ComponentsBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema,
    SchemaType, Type,
};

use super::values::{self, plain, related_field, shown};
use super::{formatted, named, null, readable_columns, string, uuid, whole};
use crate::compat::Compat;

pub(super) fn components(components: ComponentsBuilder, compat: Compat) -> ComponentsBuilder {
    let nothing = ObjectBuilder::new().max_properties(Some(0)).description(Some("The project has no such call."));
    let count = ObjectBuilder::new().property("count", whole()).required("count");
    let components = values::components(components, compat)
        .schema("Call", call(compat))
        .schema("CallItem", OneOfBuilder::new().item(named("Call")).item(nothing))
        .schema("CallList", list())
        .schema("CallCount", closed(count))
        .schema("CallStats", stats())
        .schema("CallGroup", sums(true, compat))
        .schema("Sums", sums(false, compat))
        .schema("Error", text_in("error", "What is wrong, where, and what was expected."))
        .schema("SessionError", text_in("message", "What is wrong with the session."));
    Relation::ALL.into_iter().fold(components, |components, relation| {
        components.schema(relation_schema(relation), related(relation, compat))
    })
}

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

fn call(compat: Compat) -> ObjectBuilder {
    let order = match compat {
        Compat::Docs => "the order of the selection",
        Compat::OneUptime => "the order below",
    };
    let about = format!("A call: its id and the columns that were selected, in {order}.");
    let call = ObjectBuilder::new().description(Some(about));
    let call = readable_columns().fold(call, |call, column| call.property(column.name(), column_value(column, compat)));
    closed(call.required(Column::Id.name()))
}

fn column_value(column: Column, compat: Compat) -> RefOr<Schema> {
    let about = column.info().description;
    match column.column_type() {
        // The one id that stands bare in every form.
        ColumnType::ObjectId if column == Column::Id => {
            uuid().title(Some(ColumnType::ObjectId.title())).description(Some(about)).into()
        }
        ColumnType::Relation(relation) => {
            let row = OneOfBuilder::new().title(Some(relation.title())).description(Some(about));
            row.item(named(&relation_schema(relation))).item(null()).into()
        }
        _ if column == Column::DeletedAt => null().description(Some(about)).into(),
        scalar => shown(scalar, !is_never_null(column), Some(about), compat),
    }
}

/// The name of a relation's schema.
fn relation_schema(relation: Relation) -> String {
    relation.title().replace(' ', "")
}

fn related(relation: Relation, compat: Compat) -> ObjectBuilder {
    let row = ObjectBuilder::new().property("_id", uuid()).required("_id");
    let row = relation
        .fields()
        .iter()
        .fold(row, |row, (name, column_type)| row.property(*name, related_field(relation, name, *column_type, compat)));
    closed(row)
}

fn list() -> ObjectBuilder {
    let echo = |about: &str| plain(ColumnType::Number, true).minimum(Some(0)).description(Some(about));
    let cursor = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("Where the next page begins, null after the last one; there when the request has a cursor."));
    let list = ObjectBuilder::new()
        .property("count", whole().description(Some("Number of all matching calls, whatever skip and limit say.")))
        .property("limit", echo("The limit as the URL has it, null when it is no number there."))
        .property("skip", echo("The skip as the URL has it, null when it is no number there."))
        .property("data", ArrayBuilder::new().items(named("Call")))
        .property("cursor", cursor);
    closed(["count", "limit", "skip", "data"].into_iter().fold(list, ObjectBuilder::required))
}

fn stats() -> ObjectBuilder {
    let groups = ArrayBuilder::new().items(named("CallGroup")).description(Some("Those with the most calls first."));
    let count = whole().description(Some("Number of all groups, those beyond the limit too."));
    let stats = ObjectBuilder::new()
        .property("groups", groups)
        .property("groupCount", count)
        .property("total", OneOfBuilder::new().item(named("Sums")).description(Some("Sums over all groups.")));
    closed(["groups", "groupCount", "total"].into_iter().fold(stats, ObjectBuilder::required))
}

fn sums(of_group: bool, compat: Compat) -> ObjectBuilder {
    let groups = GroupBy::ALL.into_iter().filter(|_| of_group);
    let mut sums =
        groups.fold(ObjectBuilder::new(), |sums, group| sums.property(group.name(), group_value(group, compat)));
    let numbers = [
        ("calls", "Number of calls"),
        ("errors", "Calls of any status but Success and Running"),
        ("totalTokens", Column::TotalTokens.info().description),
        ("completionTokens", Column::CompletionTokens.info().description),
        ("cachedInputTokens", Column::CachedInputTokens.info().description),
        ("cacheCreationTokens", Column::CacheCreationTokens.info().description),
    ];
    for (name, about) in numbers {
        sums = sums.property(name, plain(ColumnType::Number, false).description(Some(about))).required(name);
    }
    let cost = plain(ColumnType::Cents, false).description(Some(Column::CostInUsdCents.info().description));
    let durations = ["p50", "p95", "p99"].into_iter().fold(ObjectBuilder::new(), |durations, name| {
        durations.property(name, plain(ColumnType::Number, true)).required(name)
    });
    let durations = closed(durations)
        .description(Some("Percentiles of the duration in milliseconds, exact to three digits, when asked for."));
    closed(sums.property("costInUSDCents", cost).required("costInUSDCents").property("durationMs", durations))
}

/// What the calls of a group have in common, if they were grouped by it.
fn group_value(group: GroupBy, compat: Compat) -> RefOr<Schema> {
    match group {
        GroupBy::Day => formatted(KnownFormat::Date).description(Some("The UTC day.")).into(),
        GroupBy::Column(column) => {
            shown(column.column_type(), !is_never_null(column), Some(column.info().description), compat)
        }
    }
}

fn text_in(name: &str, about: &str) -> ObjectBuilder {
    closed(ObjectBuilder::new().property(name, string().description(Some(about))).required(name))
}

fn closed(object: ObjectBuilder) -> ObjectBuilder {
    object.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}
