//! The description of the HTTP door in OpenAPI 3.1, with the names, types and descriptions of the model.

mod answers;
mod events;
mod reference;

use schemas::limits::{BODY_BYTES, EVENT_BYTES, REQUEST_EVENTS};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ComponentsBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema,
    SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Content, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr, Required, Response,
    ResponseBuilder,
};

const API_KEY: &str = "ApiKey";
const ABOUT_EVENTS: &str = "All of them, or none. Sending an event again does no harm when its `subject`, `id` and `time` are \
    the same: one without `time` has the time of its receipt, so that a repeat counts as a later event.";
const TAG: &str = "Ingest";

/// Every page of the door. The statuses are all that a client has to expect.
pub fn openapi() -> OpenApi {
    let paths = PathsBuilder::new()
        .path("/v1/events", PathItem::new(HttpMethod::Post, append_events().build()))
        .path("/v1/reference", PathItem::new(HttpMethod::Post, append_reference().build()))
        .path("/v1/keys", PathItem::new(HttpMethod::Get, list_keys().build()))
        .build();
    let components = answers::components(reference::components(events::components(ComponentsBuilder::new())));
    let key = ApiKeyValue::with_description("ApiKey", "A key of one project, a UUID.");
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("LLM Log ingest")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some("The way into the log: what is acknowledged is durable.")),
        )
        .tags(Some([TagBuilder::new()
            .name(TAG)
            .description(Some("Publishing calls, and what they refer to."))
            .build()]))
        .paths(paths)
        .components(Some(components.security_scheme(API_KEY, SecurityScheme::ApiKey(ApiKey::Header(key))).build()))
        .security(Some([SecurityRequirement::new(API_KEY, Vec::<String>::new())]))
        .build()
}

fn append_events() -> OperationBuilder {
    let body = RequestBodyBuilder::new()
        .description(Some("One or an array of them, also compressed with gzip."))
        .required(Some(Required::True))
        .content("application/json", content(one_or_many("CallItemToAppend")))
        .content("application/cloudevents+json", content(one_or_many("CallEvent")))
        .content("application/cloudevents-batch+json", content(one_or_many("CallEvent")))
        .build();
    let acknowledged = acknowledged("All events are durable.", "Acknowledgement");
    let operation = operation("appendEvents", "Append call events", ABOUT_EVENTS)
        .request_body(Some(body))
        .response("200", acknowledged)
        .response("500", error("The server failed; nothing was appended."));
    appending(operation)
}

fn append_reference() -> OperationBuilder {
    let text = "All of them, or none. For the holder of the master key only.";
    let body = RequestBodyBuilder::new()
        .description(Some("One or an array of them, also compressed with gzip."))
        .required(Some(Required::True))
        .content("application/json", content(one_or_many("ReferenceEvent")))
        .content("application/cloudevents+json", content(one_or_many("ReferenceEvent")))
        .content("application/cloudevents-batch+json", content(one_or_many("ReferenceEvent")))
        .build();
    let acknowledged = acknowledged("All changes are durable.", "ReferenceAcknowledgement");
    let operation = operation("appendReference", "Change reference data", text)
        .request_body(Some(body))
        .response("200", acknowledged);
    appending(operation)
}

fn acknowledged(description: &str, schema: &str) -> ResponseBuilder {
    let positions =
        HeaderBuilder::new().description(Some("The token `position` of the answer.")).schema(Some(string()));
    ResponseBuilder::new()
        .description(description)
        .content("application/json", content(named(schema)))
        .header("Llm-Log-Positions", positions.build())
}

fn list_keys() -> OperationBuilder {
    let text = "The API keys, without the keys. For the holder of the master key only.";
    let listed = ResponseBuilder::new().description("The keys.").content("application/json", content(named("KeyList")));
    with_refusals(operation("listKeys", "List API keys", text).response("200", listed))
}

fn operation(id: &str, summary: &str, description: &str) -> OperationBuilder {
    OperationBuilder::new().tag(TAG).operation_id(Some(id)).summary(Some(summary)).description(Some(description))
}

/// What every page may refuse.
fn with_refusals(operation: OperationBuilder) -> OperationBuilder {
    operation
        .response("400", error("The API key is invalid, or the body is not JSON."))
        .response("401", nobody())
        .response("422", error("The key's permissions do not allow it, or items are not as expected: each is named."))
}

/// What a page that takes items may refuse.
fn appending(operation: OperationBuilder) -> OperationBuilder {
    let too_large = format!(
        "The body has more than {BODY_BYTES} bytes or {REQUEST_EVENTS} items, or an item has more than {EVENT_BYTES} bytes."
    );
    with_refusals(operation)
        .response("408", error("The body took too long to arrive."))
        .response("413", error(&too_large))
        .response("415", error("The body is not JSON, not an event in structured mode, or encoded in another way than gzip."))
        .response("429", retry("Too many bytes are in flight, or the project sends too many events; nothing was appended."))
        .response(
            "503",
            retry("The log did not take them, or did not say so in time: send again with the same ids and times, which does no harm."),
        )
}

fn nobody() -> Response {
    let message = object([("message", string().description(Some("What is wrong with the session.")).into())]);
    let session = message.additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let body = content(OneOfBuilder::new().item(named("IngestError")).item(session));
    let text = "There is no API key, or a session, of which there are none here.";
    ResponseBuilder::new().description(text).content("application/json", body).build()
}

fn error(description: &str) -> Response {
    let body = content(named("IngestError"));
    ResponseBuilder::new().description(description).content("application/json", body).build()
}

fn retry(description: &str) -> Response {
    let header =
        HeaderBuilder::new().description(Some("Seconds to wait.")).schema(Some(whole().minimum(Some(1)))).build();
    let mut response = error(description);
    response.headers.insert("Retry-After".to_owned(), header.into());
    response
}

fn one_or_many(item: &str) -> OneOfBuilder {
    OneOfBuilder::new().item(named(item)).item(ArrayBuilder::new().items(named(item)).max_items(Some(REQUEST_EVENTS)))
}

fn content(schema: impl Into<RefOr<Schema>>) -> Content {
    Content::new(Some(schema.into()))
}

/// A reference to a schema of the components.
fn named(schema: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(schema))
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn whole() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0))
}

fn boolean() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

fn uuid() -> ObjectBuilder {
    formatted(KnownFormat::Uuid)
}

fn date() -> ObjectBuilder {
    formatted(KnownFormat::DateTime)
}

fn formatted(format: KnownFormat) -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(format)))
}

/// The same, or null.
fn nullable(schema: ObjectBuilder, json_type: Type) -> ObjectBuilder {
    schema.schema_type(SchemaType::from_iter([json_type, Type::Null]))
}

/// An object with these members, each of which is required.
fn object<const N: usize>(members: [(&str, RefOr<Schema>); N]) -> ObjectBuilder {
    members.into_iter().fold(ObjectBuilder::new().schema_type(Type::Object), |object, (name, schema)| {
        object.property(name, schema).required(name)
    })
}

/// The same, with no other member.
fn closed(object: ObjectBuilder) -> ObjectBuilder {
    object.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}
