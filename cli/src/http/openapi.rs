//! What `/openapi.json` describes: the pages of each role.

use query_api::Compat;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem};
use utoipa::openapi::schema::{ArrayBuilder, ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Content, OpenApi, OpenApiBuilder, PathsBuilder, Ref, ResponseBuilder};

/// The pages of `serve`.
pub(crate) fn describe_serve(compat: Compat) -> OpenApi {
    let mut api = ::query_api::openapi(compat);
    api.merge(::ingest::openapi());
    api.merge(verify_page());
    api.merge(own_pages());
    api
}

/// The pages of `query-api`.
pub(crate) fn describe_query_api(compat: Compat) -> OpenApi {
    let mut api = ::query_api::openapi(compat);
    api.merge(own_pages());
    api
}

/// The pages of `ingest`.
pub(crate) fn describe_ingest() -> OpenApi {
    let mut api = ::ingest::openapi();
    api.merge(own_pages());
    api
}

/// The pages of `projector` that are not for query-api alone.
pub(crate) fn describe_projector() -> OpenApi {
    let mut api = verify_page();
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

/// What the process that has the index serves beside its role's pages.
fn verify_page() -> OpenApi {
    let whole = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let sentences = || ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String));
    let verified = ObjectBuilder::new()
        .property("calls", whole().description(Some("Calls that the log has, up to where the index has read it.")))
        .property("records", whole().description(Some("Records of the log up to there.")))
        .property("differencesTotal", whole())
        .property("differences", sentences().description(Some("The first differences, a sentence each.")))
        .property("passedOverTotal", whole())
        .property(
            "passedOver",
            sentences().description(Some("The first records that have no effect, a sentence each.")),
        );
    let names = ["calls", "records", "differencesTotal", "differences", "passedOverTotal", "passedOver"];
    let verified = names.into_iter().fold(verified, ObjectBuilder::required);
    let error =
        ObjectBuilder::new().property("error", ObjectBuilder::new().schema_type(Type::String)).required("error");
    let mut operation = OperationBuilder::new()
        .operation_id(Some("verify"))
        .tag("Operations")
        .summary(Some("Index, counters and log compared."))
        .description(Some("For the holder of the master key only. Reads and writes go on meanwhile."));
    for (status, description, schema) in [
        ("200", "They were compared.", "Verified"),
        ("401", "There is no master key, or another.", "VerifyError"),
        ("429", "Another comparison is under way.", "VerifyError"),
        ("500", "They can't be compared: the error says why.", "VerifyError"),
        ("503", "There is no index to compare yet.", "VerifyError"),
    ] {
        let content = Content::new(Some(Ref::from_schema_name(schema)));
        let response = ResponseBuilder::new().description(description).content("application/json", content).build();
        operation = operation.response(status, response);
    }
    let components = ComponentsBuilder::new().schema("Verified", verified).schema("VerifyError", error);
    OpenApiBuilder::new()
        .paths(PathsBuilder::new().path("/v1/verify", PathItem::new(HttpMethod::Post, operation.build())).build())
        .components(Some(components.build()))
        .build()
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn schema_names(api: &OpenApi) -> BTreeSet<String> {
        api.components.iter().flat_map(|components| components.schemas.keys().cloned()).collect()
    }

    #[test]
    fn the_own_pages_are_described_so() {
        insta::assert_json_snapshot!(verify_page().merge_from(own_pages()));
    }

    /// Of two schemas with one name, or two operations, a description keeps the first only.
    #[test]
    fn no_part_of_the_description_hides_another() {
        let parts = [::query_api::openapi(Compat::Docs), ::ingest::openapi(), verify_page(), own_pages()];
        let whole = describe_serve(Compat::Docs);
        assert_eq!(schema_names(&whole).len(), parts.iter().map(|part| schema_names(part).len()).sum::<usize>());
        assert_eq!(whole.paths.paths.len(), parts.iter().map(|part| part.paths.paths.len()).sum::<usize>());
        let whole = serde_json::to_value(whole).expect("JSON");
        let methods = whole["paths"].as_object().expect("pages").values().filter_map(serde_json::Value::as_object);
        let ids: Vec<_> =
            methods.flat_map(|page| page.values()).map(|operation| operation["operationId"].as_str()).collect();
        assert!(ids.iter().all(Option::is_some), "every operation has an id");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "no two operations have the same id");
    }

    #[test]
    fn a_comparison_is_told_with_the_members_that_are_described() {
        let log = schemas::id::LogId(uuid::Uuid::nil());
        let verified = crate::verify::Verified::from(projector::VerifyReport {
            positions: schemas::positions::Positions { log, partitions: BTreeMap::new(), reference: None },
            records: 0,
            calls: 0,
            passed_over: 0,
            passed_over_records: Vec::new(),
            differences_total: 0,
            differences: Vec::new(),
        });
        let told = serde_json::to_value(verified).expect("JSON");
        let described = serde_json::to_value(verify_page()).expect("JSON");
        let described = described.pointer("/components/schemas/Verified/properties").expect("members");
        let names =
            |value: &serde_json::Value| value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&told), names(described));
    }
}
