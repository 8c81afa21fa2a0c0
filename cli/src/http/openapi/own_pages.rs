//! The pages of the process itself.

use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ComponentsBuilder, ObjectBuilder, OneOfBuilder, Type,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Content, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref, ResponseBuilder};

const API_KEY: &str = "ApiKey";
const TAG: &str = "Operations";
const JSON: &str = "application/json";

const ABOUT_LAG: &str =
    "How far answers are behind the end of the log, in milliseconds; absent where nothing is answered.";

/// Health, metrics and the description itself, for which no key is needed.
pub(super) fn own_pages() -> OpenApi {
    let ready = |is_ready: bool| flag().enum_values(Some([is_ready]));
    let health = object([("status", string().enum_values(Some(["ok"])))]);
    let is_ready =
        |ready_is: bool| object([("ready", ready(ready_is))]).property("lagMs", whole().description(Some(ABOUT_LAG)));
    let missing = is_ready(false).property("missing", sentences()).required("missing");
    let page = |id: &str, summary: &str, content_type: &str, answers: Vec<(&str, &str, ObjectBuilder)>| {
        let operation = OperationBuilder::new()
            .operation_id(Some(id))
            .tag(TAG)
            .summary(Some(summary))
            .securities(Some([SecurityRequirement::default()]));
        let operation = answers.into_iter().fold(operation, |operation, (status, about, schema)| {
            let content = Content::new(Some(schema));
            operation.response(status, ResponseBuilder::new().description(about).content(content_type, content).build())
        });
        PathItem::new(HttpMethod::Get, operation.build())
    };
    let about_ready = "Whether the process has all that it needs to answer for every call.";
    let answers = vec![("200", "It has.", is_ready(true)), ("503", "What is missing.", missing)];
    let document = ObjectBuilder::new().required("openapi").property("openapi", string());
    let paths = PathsBuilder::new()
        .path("/healthz", page("health", "Whether the process answers.", JSON, vec![("200", "It does.", health)]))
        .path("/readyz", page("readiness", about_ready, JSON, answers))
        .path(
            "/metrics",
            page("metrics", "Metrics of the process.", "text/plain", vec![("200", "In Prometheus' form.", string())]),
        )
        .path(
            "/openapi.json",
            page("description", "This description.", JSON, vec![("200", "In OpenAPI 3.1.", document)]),
        );
    let tag = TagBuilder::new().name(TAG).description(Some("For whoever runs the server."));
    OpenApiBuilder::new().tags(Some([tag.build()])).paths(paths.build()).build()
}

/// What the process that has the index serves beside its role's pages.
pub(super) fn verify_page() -> OpenApi {
    let verified = object([
        ("calls", whole().description(Some("Calls that the log has, up to where the index has read it."))),
        ("records", whole().description(Some("Records of the log up to there."))),
        ("differencesTotal", whole()),
        ("passedOverTotal", whole()),
    ]);
    let verified = verified
        .property("differences", sentences().description(Some("The first differences, a sentence each.")))
        .property(
            "passedOver",
            sentences().description(Some("The first records that have no effect, a sentence each.")),
        )
        .required("differences")
        .required("passedOver");
    let mut operation = OperationBuilder::new()
        .operation_id(Some("verify"))
        .tag(TAG)
        .summary(Some("Index, counters and log compared."))
        .description(Some("For the holder of the master key only. Reads and writes go on meanwhile."))
        .security(SecurityRequirement::new(API_KEY, Vec::<String>::new()));
    for (status, about, schema) in [
        ("200", "They were compared.", "Verified"),
        ("400", "The API key is no key.", "VerifyError"),
        ("401", "There is no API key, or a session, of which there are none here.", "VerifyUnauthenticated"),
        ("422", "The API key is not the master key.", "VerifyError"),
        ("429", "Another comparison is under way.", "VerifyError"),
        ("500", "They can't be compared: the error says why.", "VerifyError"),
        ("503", "There is no index to compare yet.", "VerifyError"),
    ] {
        let content = Content::new(Some(Ref::from_schema_name(schema)));
        operation =
            operation.response(status, ResponseBuilder::new().description(about).content(JSON, content).build());
    }
    let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(API_KEY, "The master key, a UUID.")));
    let components = ComponentsBuilder::new()
        .schema("Verified", verified)
        .schema("VerifyError", error_schema())
        .schema("VerifyUnauthenticated", unauthenticated_schema())
        .security_scheme(API_KEY, key);
    OpenApiBuilder::new()
        .paths(PathsBuilder::new().path("/v1/verify", PathItem::new(HttpMethod::Post, operation.build())).build())
        .components(Some(components.build()))
        .build()
}

/// A refusal as every page tells it.
pub(super) fn error_schema() -> ObjectBuilder {
    object([("error", string().description(Some("What is wrong.")))])
}

fn unauthenticated_schema() -> OneOfBuilder {
    let session = object([("message", string().description(Some("What is wrong with the session.")))]);
    OneOfBuilder::new().item(error_schema()).item(session)
}

/// An object with these members and no other.
fn object<const N: usize>(members: [(&str, ObjectBuilder); N]) -> ObjectBuilder {
    let object = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    members.into_iter().fold(object, |object, (name, schema)| object.property(name, schema).required(name))
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn flag() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

fn whole() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0))
}

fn sentences() -> ArrayBuilder {
    ArrayBuilder::new().items(string())
}
