//! The description of the API in OpenAPI 3.1, in the form that the server answers in, with the names, types and
//! descriptions of the model.

mod answers;
mod examples;
mod filters;
mod operations;
mod operators;
mod requests;
mod values;

use schemas::model::Column;
use utoipa::openapi::path::{HttpMethod, PathItemBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, Paths, PathsBuilder, Ref, RefOr};

use crate::compat::Compat;
use operations::{both, count, item, list, post, refused, stats};

const API_KEY: &str = "ApiKey";
const TAG: &str = "LLM Log";

const ABOUT: &str = "Logs of all the LLM API calls for AI features in this project.

HEAD is answered as GET, without a body. Answers are compressed with gzip when Accept-Encoding asks for it. A body may be \
compressed with gzip, with a Content-Encoding that says so, and JSON may have any type application/*+json. A GET takes the \
same body as a POST. In a form, such as query[status]=Error, every value is a string.";

/// Every page of the API. The statuses are all that a client has to expect.
pub fn openapi(compat: Compat) -> OpenApi {
    let components = answers::components(ComponentsBuilder::new(), compat);
    let components = requests::components(filters::components(components), compat);
    let key = ApiKeyValue::with_description("ApiKey", "A key of one project, a UUID, or the master key.");
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title("LLM Log").version(env!("CARGO_PKG_VERSION")).description(Some(ABOUT)))
        .tags(Some([TagBuilder::new().name(TAG).description(Some("Reading calls.")).build()]))
        .paths(paths(compat))
        .components(Some(components.security_scheme(API_KEY, SecurityScheme::ApiKey(ApiKey::Header(key))).build()))
        .security(Some([SecurityRequirement::new(API_KEY, Vec::<String>::new())]))
        .build()
}

fn paths(compat: Compat) -> Paths {
    let update = || refused("Update", "Refused: calls change by events.", true);
    let delete = || refused("Delete", "Refused: a call goes by an event.", true);
    let one = PathItemBuilder::new()
        .operation(HttpMethod::Put, update().operation_id(Some("updateLlmLog")).build())
        .operation(HttpMethod::Delete, delete().operation_id(Some("deleteLlmLog")).build());
    let create = refused("Create", "Refused: calls come as events.", false);
    PathsBuilder::new()
        .path("/api/llm-log/get-list", both("List", list(compat)))
        .path("/api/llm-log/{id}/get-item", both("Item", item(compat)))
        .path("/api/llm-log/count", post("countLlmLogs", count()))
        .path("/api/llm-log/stats", post("sumLlmLogs", stats()))
        .path("/api/llm-log", post("createLlmLog", create))
        .path("/api/llm-log/{id}", one.build())
        .path("/api/llm-log/{id}/update-item", both("UpdateItem", update()))
        .path("/api/llm-log/{id}/delete-item", both("DeleteItem", delete()))
        .build()
}

/// A reference to a schema of the components.
fn named(schema: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(schema))
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A text as Postgres takes it.
fn text() -> ObjectBuilder {
    string().pattern(Some(r"^[^\u0000]*$"))
}

fn uuid() -> ObjectBuilder {
    formatted(KnownFormat::Uuid)
}

fn formatted(format: KnownFormat) -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(format)))
}

fn null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Null)
}

fn whole() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0))
}

fn flag() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

/// The columns that a client may name.
fn readable_columns() -> impl Iterator<Item = Column> {
    Column::ALL.into_iter().filter(|column| column.is_readable())
}
