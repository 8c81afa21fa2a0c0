//! The description of the API in OpenAPI 3.1: the documented form, with the names, types and descriptions of the
//! model.

mod filters;
mod model;
mod requests;

use crate::compat::Compat;
use schemas::limits::{PAGE_ROWS, PAGE_ROWS_MAX_DOCS};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItemBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Content, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr, Required, Response,
    ResponseBuilder,
};

const API_KEY: &str = "ApiKey";
const TAG: &str = "LLM Log";

/// Every page of the API. The statuses are all that a client has to expect.
pub fn openapi(_compat: Compat) -> OpenApi {
    let paths = PathsBuilder::new()
        .path("/api/llm-log/get-list", both(list()))
        .path("/api/llm-log/{id}/get-item", both(item()))
        .path("/api/llm-log/count", post(count()))
        .path("/api/llm-log/stats", post(stats()))
        .path("/api/llm-log", post(refused("createLlmLog", "Refused: calls come as events.", false)))
        .path(
            "/api/llm-log/{id}",
            PathItemBuilder::new()
                .operation(HttpMethod::Put, refused("updateLlmLog", "Refused: calls change by events.", true).build())
                .operation(
                    HttpMethod::Delete,
                    refused("deleteLlmLog", "Refused: a call goes by an event.", true).build(),
                )
                .build(),
        )
        .path("/api/llm-log/{id}/update-item", both(refused("UpdateItem", "Refused: calls change by events.", true)))
        .path("/api/llm-log/{id}/delete-item", both(refused("DeleteItem", "Refused: a call goes by an event.", true)))
        .build();
    let components = model::components(ComponentsBuilder::new());
    let components = requests::components(filters::components(components)).security_scheme(
        API_KEY,
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "ApiKey",
            "A key of one project, a UUID.",
        ))),
    );
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("LLM Log")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("Logs of all the LLM API calls for AI features in this project.")),
        )
        .paths(paths)
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new(API_KEY, Vec::<String>::new())]))
        .build()
}

fn list() -> OperationBuilder {
    let whole = |description: &str, name: &str, maximum: Option<u32>| {
        let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(maximum);
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(schema))
    };
    let limit = format!("How many objects to return: {PAGE_ROWS} by default, at most {PAGE_ROWS_MAX_DOCS}.");
    read("List", "A page of calls, the newest first by default.", "ListRequest", "CallList")
        .parameter(whole(&limit, "limit", Some(PAGE_ROWS_MAX_DOCS)))
        .parameter(whole("How many objects to pass over.", "skip", None))
}

fn item() -> OperationBuilder {
    let text = "One call by its id; an empty object when the project has no such call.";
    read("Item", text, "ItemRequest", "CallItem").parameter(id())
}

fn count() -> OperationBuilder {
    read("Count", "The number of calls that match.", "CountRequest", "CallCount").operation_id(Some("countLlmLogs"))
}

fn stats() -> OperationBuilder {
    let text = "Sums over the calls that match, per group and in total.";
    read("Stats", text, "StatsRequest", "CallStats").operation_id(Some("sumLlmLogs"))
}

fn read(summary: &str, description: &str, request: &str, answer: &str) -> OperationBuilder {
    let positions = HeaderBuilder::new()
        .description(Some("The positions of the log that the answer covers: an opaque token."))
        .schema(Some(string()));
    let lag = HeaderBuilder::new()
        .description(Some(
            "How far the answer is behind the end of the log, in milliseconds: what was appended longer ago is in it.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0))));
    let answered = ResponseBuilder::new()
        .description("The answer.")
        .content("application/json", content(answer))
        .header("Llm-Log-Positions", positions.build())
        .header("Llm-Log-Lag-Ms", lag.build());
    let operation = OperationBuilder::new()
        .tag(TAG)
        .summary(Some(summary))
        .description(Some(description))
        .parameter(consistent_with())
        .request_body(Some(
            RequestBodyBuilder::new()
                .required(Some(Required::False))
                .content("application/json", content(request))
                .content("application/x-www-form-urlencoded", content(request))
                .build(),
        ))
        .response("200", answered);
    with_refusals(operation)
        .response("412", error("A token of positions is of another log."))
        .response("500", error("The index could not be read."))
        .response(
            "503",
            retry(
                "Too many queries are being answered or waiting, a partition is served by nobody, or the log was not \
                 read to the positions asked for in time.",
            ),
        )
        .response("504", error("The query took longer than its time limit; the error names the part."))
}

fn consistent_with() -> ParameterBuilder {
    let text = "Tokens of positions, as the Llm-Log-Positions header of an answer has them, with commas between them: \
                the answer shows everything that was appended before them. The read waits for that.";
    ParameterBuilder::new()
        .name("Llm-Log-Consistent-With")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(text))
        .schema(Some(string()))
}

fn refused(operation_id: &str, description: &str, with_id: bool) -> OperationBuilder {
    let operation = OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some(operation_id))
        .description(Some(description))
        .request_body(Some(RequestBodyBuilder::new().content("application/json", content("WriteRequest")).build()));
    with_refusals(if with_id { operation.parameter(id()) } else { operation })
}

fn with_refusals(operation: OperationBuilder) -> OperationBuilder {
    operation
        .response("400", error("The API key is invalid, or something in the request is: the error says what."))
        .response("401", error("There is no API key."))
        .response("413", error("The body is too large."))
        .response("415", error("The body is neither JSON nor a form."))
        .response("422", error("The key's permissions do not allow it."))
}

fn both(operation: OperationBuilder) -> utoipa::openapi::PathItem {
    let operation = operation.build();
    let of = |method: &str| {
        let mut built = operation.clone();
        let name = built.operation_id.or(built.summary.clone()).unwrap_or_default();
        built.operation_id = Some(format!("{method}{}", name.replace(' ', "")));
        if method == "get" {
            built.request_body = None;
        }
        built
    };
    PathItemBuilder::new().operation(HttpMethod::Get, of("get")).operation(HttpMethod::Post, of("post")).build()
}

fn post(operation: OperationBuilder) -> utoipa::openapi::PathItem {
    PathItemBuilder::new().operation(HttpMethod::Post, operation.build()).build()
}

fn id() -> ParameterBuilder {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("ID of the object"))
        .schema(Some(uuid()))
}

fn error(description: &str) -> Response {
    ResponseBuilder::new().description(description).content("application/json", content("Error")).build()
}

fn retry(description: &str) -> Response {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let header = HeaderBuilder::new().description(Some("Seconds to wait.")).schema(Some(seconds)).build();
    let mut response = error(description);
    response.headers.insert("Retry-After".to_owned(), header.into());
    response
}

fn content(schema: &str) -> Content {
    Content::new(Some(named(schema)))
}

/// A reference to a schema of the components.
fn named(schema: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(schema))
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn uuid() -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}
