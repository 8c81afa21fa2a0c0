//! What is true of every page, because the listener sees to it.

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, Header, HeaderBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};

use super::own_pages::error_schema;

const STARTING: &str = "The server is starting.";

/// Adds what every page of a role answers before the role has started.
pub(super) fn with_start(mut api: OpenApi) -> OpenApi {
    api.paths.paths.values_mut().flat_map(operations).for_each(starts);
    api
}

/// Adds the request id to every answer.
pub(super) fn with_request_ids(mut api: OpenApi) -> OpenApi {
    let id = || RefOr::Ref(Ref::new("#/components/headers/RequestId"));
    for operation in api.paths.paths.values_mut().flat_map(operations) {
        for answer in operation.responses.responses.values_mut() {
            if let RefOr::T(answer) = answer {
                answer.headers.insert("X-Request-Id".to_owned(), id());
            }
        }
    }
    let components = api.components.get_or_insert_default();
    components.headers.insert("RequestId".to_owned(), RefOr::T(request_id()));
    api
}

fn operations(page: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, .. } = page;
    [get, put, post, delete].into_iter().flatten()
}

fn starts(operation: &mut Operation) {
    match operation.responses.responses.get_mut("503") {
        Some(RefOr::T(busy)) => busy.description = format!("{} Or the server is starting.", busy.description),
        _ => drop(operation.responses.responses.insert("503".to_owned(), RefOr::T(starting()))),
    }
}

fn starting() -> Response {
    ResponseBuilder::new()
        .description(STARTING)
        .content("application/json", Content::new(Some(error_schema())))
        .header("Retry-After", retry_after())
        .build()
}

fn retry_after() -> Header {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    HeaderBuilder::new().description(Some("Seconds to wait.")).schema(Some(seconds)).build()
}

fn request_id() -> Header {
    let about = "The id of the request: its own X-Request-Id, or a new one.";
    let id = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(128));
    HeaderBuilder::new().description(Some(about)).schema(Some(id)).build()
}
