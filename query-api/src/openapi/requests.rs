//! What requests hold.

use schemas::limits::{PAGE_ROWS_MAX_DOCS, STATS_GROUPS, STATS_GROUPS_MAX};
use schemas::model::{Column, Relation};
use schemas::stats::GroupBy;
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ComponentsBuilder, ObjectBuilder, Schema, Type,
};

use super::model::text_or_null;
use super::{named, string};

const CURSOR: &str = "Walks the list page by page: an empty text for the first page, then the cursor of the page before, with the same \
    query and sort, without skip and not by _relevance. Each call that is there at the start and keeps its place in the \
    order comes exactly once.";

pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let query = || ObjectBuilder::new().property("query", named("Query"));
    let whole = |minimum: u32, maximum: u32| {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(minimum)).maximum(Some(maximum))
    };
    let list = query()
        .property("select", named("Select"))
        .property("sort", named("Sort"))
        .property("skip", ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)))
        .property("limit", whole(0, PAGE_ROWS_MAX_DOCS))
        .property("cursor", text_or_null().description(Some(CURSOR)));
    let stats = query()
        .property("groupBy", group_by())
        .property(
            "limit",
            whole(1, STATS_GROUPS_MAX)
                .default(Some(json!(STATS_GROUPS)))
                .description(Some("Greatest number of groups.")),
        )
        .property(
            "percentiles",
            ObjectBuilder::new()
                .schema_type(Type::Boolean)
                .description(Some("Whether to add percentiles of the duration.")),
        );
    components
        .schema("ListRequest", list)
        .schema("ItemRequest", ObjectBuilder::new().property("select", named("Select")))
        .schema("CountRequest", query())
        .schema("StatsRequest", stats)
        .schema("WriteRequest", ObjectBuilder::new().property("data", ObjectBuilder::new()))
        .schema("Select", select())
        .schema("Sort", sort())
        .schema("Direction", direction())
}

fn select() -> ObjectBuilder {
    let flag = || ObjectBuilder::new().schema_type(Type::Boolean);
    let mut select = ObjectBuilder::new().description(Some("The columns to answer with; _id always is."));
    for column in Column::ALL.into_iter().filter(|column| column.is_readable()) {
        let description = column.info().description;
        select = match column.relation() {
            None => select.property(column.name(), flag().description(Some(description))),
            Some(relation) => {
                let wanted = AnyOfBuilder::new().description(Some(description)).item(flag()).item(related(relation));
                select.property(column.name(), wanted)
            }
        };
    }
    select.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn related(relation: Relation) -> ObjectBuilder {
    let names = ["_id"].into_iter().chain(relation.fields().iter().map(|(name, _)| *name));
    let fields = names.fold(ObjectBuilder::new(), |fields, name| {
        fields.property(name, ObjectBuilder::new().schema_type(Type::Boolean))
    });
    fields.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn sort() -> ObjectBuilder {
    let text = "Columns by priority; the newest first by default. Equal rows come by _id. A relation has to be selected too. \
                _relevance needs a FullText condition.";
    let sort = ObjectBuilder::new().description(Some(text)).property("_relevance", named("Direction"));
    let scalars = Column::ALL.into_iter().filter(|column| column.relation().is_none());
    let sort = scalars.fold(sort, |sort, column| sort.property(column.name(), named("Direction")));
    let relations = Column::ALL
        .into_iter()
        .filter(|column| column.is_readable())
        .filter_map(|column| Some((column, column.relation()?)));
    let sort = relations.fold(sort, |sort, (column, relation)| sort.property(column.name(), related_sort(relation)));
    sort.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn related_sort(relation: Relation) -> ObjectBuilder {
    let names = ["_id"].into_iter().chain(relation.fields().iter().map(|(name, _)| *name));
    let fields = names.fold(ObjectBuilder::new(), |fields, name| fields.property(name, named("Direction")));
    fields.min_properties(Some(1)).additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn direction() -> AnyOfBuilder {
    let direction = || {
        AnyOfBuilder::new()
            .item(string().enum_values(Some(["ASC", "DESC", "asc", "desc"])))
            .item(ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([1, -1])))
    };
    let nulls = string().enum_values(Some(["first", "last", "FIRST", "LAST"]));
    let object = ObjectBuilder::new().property("direction", direction()).property("nulls", nulls);
    direction().item(object)
}

fn group_by() -> AnyOfBuilder {
    let name = || string().enum_values(Some(GroupBy::ALL.map(GroupBy::name)));
    let names = ArrayBuilder::new().items(RefOr::T(Schema::from(name().build()))).unique_items(true);
    AnyOfBuilder::new().item(names).item(name())
}
