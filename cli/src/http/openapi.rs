//! What `/openapi.json` describes: the pages of each role.

mod edge;
mod own_pages;

use ::query_api::Compat;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};

use edge::{with_request_ids, with_start};
use own_pages::{own_pages, verify_page};

/// The pages of `serve`.
pub(crate) fn describe_serve(compat: Compat) -> OpenApi {
    with_own_pages(::query_api::openapi(compat).merge_from(::ingest::openapi()).merge_from(verify_page()))
}

/// The pages of `query-api`.
pub(crate) fn describe_query_api(compat: Compat) -> OpenApi {
    with_own_pages(::query_api::openapi(compat))
}

/// The pages of `ingest`.
pub(crate) fn describe_ingest() -> OpenApi {
    with_own_pages(::ingest::openapi())
}

/// The pages of `projector`, without those that only query-api asks for.
pub(crate) fn describe_projector() -> OpenApi {
    let about = "The index of some or all partitions of the log.";
    let info = InfoBuilder::new().title("LLM Log projector").version(env!("CARGO_PKG_VERSION"));
    let whole = OpenApiBuilder::new().info(info.description(Some(about))).build();
    with_own_pages(whole.merge_from(verify_page()))
}

fn with_own_pages(of_role: OpenApi) -> OpenApi {
    with_request_ids(with_start(of_role).merge_from(own_pages()))
}

#[cfg(test)]
mod tests;
