//! What `/openapi.json` describes: the pages of each role.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem};
use utoipa::openapi::{OpenApi, OpenApiBuilder, PathsBuilder, ResponseBuilder};

/// The pages of `serve`.
pub(crate) fn describe_serve() -> OpenApi {
    describe_query_api()
}

/// The pages of `query-api`.
pub(crate) fn describe_query_api() -> OpenApi {
    let mut api = ::query_api::openapi();
    api.merge(own_pages());
    api
}

/// The pages of `ingest`.
pub(crate) fn describe_ingest() -> OpenApi {
    let mut api = OpenApiBuilder::new().build();
    api.merge(own_pages());
    api
}

fn own_pages() -> OpenApi {
    let paths = PathsBuilder::new()
        .path("/healthz", page("health", "Whether the process answers.", "application/json", &[("200", "It does.")]))
        .path(
            "/readyz",
            page(
                "readiness",
                "Whether the process has all that it needs to answer for every call.",
                "application/json",
                &[("200", "It has."), ("503", "What is missing, a sentence each.")],
            ),
        )
        .path("/metrics", page("metrics", "Metrics of the process.", "text/plain", &[("200", "In Prometheus' form.")]));
    OpenApiBuilder::new().paths(paths.build()).build()
}

fn page(id: &str, summary: &str, content_type: &str, statuses: &[(&str, &str)]) -> PathItem {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(id))
        .tag("Operations")
        .summary(Some(summary))
        // No key is needed.
        .securities(Some([utoipa::openapi::security::SecurityRequirement::default()]));
    for (status, description) in statuses {
        let response = ResponseBuilder::new()
            .description(*description)
            .content(content_type, ContentBuilder::new().build())
            .build();
        operation = operation.response(*status, response);
    }
    PathItem::new(HttpMethod::Get, operation.build())
}
