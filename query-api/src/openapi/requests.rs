//! What requests hold.

use schemas::limits::{LIST_REACH, NUMBER_MAX, PAGE_ROWS, STATS_GROUPS, STATS_GROUPS_MAX};
use schemas::model::Relation;
use schemas::stats::GroupBy;
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ComponentsBuilder, ObjectBuilder, Schema, Type,
};

use super::{flag, named, readable_columns, string, whole};
use crate::compat::Compat;

pub(super) fn components(components: ComponentsBuilder, compat: Compat) -> ComponentsBuilder {
    let data = ObjectBuilder::new().description(Some("Columns of the call."));
    components
        .schema("ListRequest", list(compat))
        .schema("ItemRequest", ObjectBuilder::new().property("select", named("Select")))
        .schema("CountRequest", ObjectBuilder::new().property("query", named("Query")))
        .schema("StatsRequest", stats())
        .schema("WriteRequest", ObjectBuilder::new().property("data", data))
        .schema("Select", select())
        .schema("Sort", sort())
        .schema("Direction", direction())
}

/// How many rows to answer with, wherever that is said.
pub(super) fn limit(compat: Compat) -> ObjectBuilder {
    let about = format!("How many objects to return: {PAGE_ROWS} by default, at most {}.", compat.page_rows_max());
    whole().maximum(Some(compat.page_rows_max())).default(Some(json!(PAGE_ROWS))).description(Some(about))
}

pub(super) fn skip() -> ObjectBuilder {
    let maximum = isize::try_from(NUMBER_MAX).ok();
    let about = format!(
        "How many objects to pass over. A page ends at object {LIST_REACH} of the list at most; a cursor goes further."
    );
    whole().maximum(maximum).default(Some(json!(0))).description(Some(about))
}

fn list(compat: Compat) -> ObjectBuilder {
    let cursor = string().description(Some(
        "Walks the list page by page: an empty text for the first page, then the cursor of the page before, with the same \
         query and sort, without skip and not by _relevance. Each call that is there at the start and keeps its place in \
         the order comes exactly once.",
    ));
    let group_by = ObjectBuilder::new().max_properties(Some(0)).description(Some("Refused unless it is empty."));
    ObjectBuilder::new()
        .property("query", named("Query"))
        .property("select", named("Select"))
        .property("sort", named("Sort"))
        .property("skip", skip())
        .property("limit", limit(compat))
        .property("cursor", cursor)
        .property("groupBy", group_by)
}

fn stats() -> ObjectBuilder {
    let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(STATS_GROUPS_MAX));
    let limit = limit.default(Some(json!(STATS_GROUPS))).description(Some("Greatest number of groups."));
    let percentiles =
        flag().default(Some(json!(false))).description(Some("Whether to add percentiles of the duration."));
    ObjectBuilder::new()
        .property("query", named("Query"))
        .property("groupBy", group_by())
        .property("limit", limit)
        .property("percentiles", percentiles)
}

fn select() -> ObjectBuilder {
    let select = ObjectBuilder::new().description(Some("The columns to answer with; _id always is."));
    let select = readable_columns().fold(select, |select, column| {
        let about = Some(column.info().description);
        match column.relation() {
            None => select.property(column.name(), flag().description(about)),
            Some(relation) => {
                let wanted = AnyOfBuilder::new().description(about).item(flag()).item(related(relation));
                select.property(column.name(), wanted)
            }
        }
    });
    select.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn related(relation: Relation) -> ObjectBuilder {
    let names = ["_id"].into_iter().chain(relation.fields().iter().map(|(name, _)| *name));
    let fields = names.fold(ObjectBuilder::new(), |fields, name| fields.property(name, flag()));
    fields.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn sort() -> ObjectBuilder {
    let about = "Columns by priority; the newest first by default. Equal rows come by _id. A relation has to be selected too. \
                 _relevance needs a FullText condition.";
    let sort = ObjectBuilder::new().description(Some(about)).property("_relevance", named("Direction"));
    let sort = readable_columns().fold(sort, |sort, column| match column.relation() {
        None => sort.property(column.name(), named("Direction")),
        Some(relation) => sort.property(column.name(), related_sort(relation)),
    });
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
    let object = object.additional_properties(Some(AdditionalProperties::FreeForm(false)));
    direction().item(object)
}

fn group_by() -> AnyOfBuilder {
    let name = || string().enum_values(Some(GroupBy::ALL.map(GroupBy::name)));
    let names = ArrayBuilder::new().items(RefOr::T(Schema::from(name().build()))).unique_items(true);
    AnyOfBuilder::new().item(names).item(name())
}
