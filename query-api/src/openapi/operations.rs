//! The pages: what each takes, and every status that it answers with.

use serde_json::Value as Json;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItemBuilder};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, HeaderBuilder, PathItem, Required, Response, ResponseBuilder};

use super::{TAG, examples, named, requests, string, uuid, whole};
use crate::compat::Compat;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

pub(super) fn list(compat: Compat) -> OperationBuilder {
    let about = "A page of calls, ten and the newest first by default.";
    let csv = string().description(Some("A line with the names of the columns, then a line per call."));
    let csv_instead =
        "The answer as CSV instead of JSON. Of a walk, the header Llm-Log-Cursor says where the next page begins.";
    let as_csv = string().enum_values(Some(["csv"]));
    let answered = answered("CallList", examples::list_answer(compat))
        .content("text/html", ContentBuilder::new().schema(Some(csv)).build());
    read("Get list", about)
        .request_body(Some(body("ListRequest", &examples::list_request(), &[JSON, FORM])))
        .response("200", answered)
        .parameter(in_url("limit", "Wins over the body's.", requests::limit(compat)))
        .parameter(in_url("skip", "Wins over the body's.", requests::skip()))
        .parameter(in_url("output-type", csv_instead, as_csv))
}

pub(super) fn item(compat: Compat) -> OperationBuilder {
    read("Get item", "One call by its id; an empty object when the project has no such call.")
        .request_body(Some(body("ItemRequest", &examples::item_request(), &[JSON, FORM])))
        .response("200", answered("CallItem", examples::call(compat)))
        .parameter(id())
}

pub(super) fn count() -> OperationBuilder {
    read("Count", "The number of calls that match.")
        .request_body(Some(body("CountRequest", &examples::count_request(), &[JSON, FORM])))
        .response("200", answered("CallCount", examples::count_answer()))
}

pub(super) fn stats() -> OperationBuilder {
    let about = "Sums over the calls that match, per group and in total.";
    // A form has only strings, and a limit is a number.
    read("Stats", about)
        .request_body(Some(body("StatsRequest", &examples::stats_request(), &[JSON])))
        .response("200", answered_without_example("CallStats"))
}

/// A page that refuses whatever it is asked.
pub(super) fn refused(summary: &str, about: &str, with_id: bool) -> OperationBuilder {
    let content = |builder: RequestBodyBuilder, media_type: &str| builder.content(media_type, content("WriteRequest"));
    let body = [JSON, FORM].into_iter().fold(RequestBodyBuilder::new(), content).required(Some(Required::False));
    let operation = operation(summary, about).request_body(Some(body.build()));
    let operation = if with_id { operation.parameter(id()) } else { operation };
    operation.response("503", retry("Too many large bodies are being read."))
}

/// The same by GET and by POST.
pub(super) fn both(name: &str, operation: OperationBuilder) -> PathItem {
    let post = operation.operation_id(Some(format!("post{name}"))).build();
    let mut get = post.clone();
    get.operation_id = Some(format!("get{name}"));
    // OpenAPI advises against describing the body of a GET, and browsers send none.
    get.request_body = None;
    PathItemBuilder::new().operation(HttpMethod::Get, get).operation(HttpMethod::Post, post).build()
}

pub(super) fn post(operation_id: &str, operation: OperationBuilder) -> PathItem {
    PathItem::new(HttpMethod::Post, operation.operation_id(Some(operation_id)).build())
}

fn read(summary: &str, about: &str) -> OperationBuilder {
    let tenant = ParameterBuilder::new()
        .name("tenantid")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("With the master key: the one project to read. The project of any other key is its own."))
        .schema(Some(uuid()));
    operation(summary, about)
        .parameter(tenant)
        .parameter(consistent_with())
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
    let about = "Tokens of positions, as the Llm-Log-Positions header of an answer has them, with commas between them: \
                 the answer shows everything that was appended before them. The read waits for that.";
    ParameterBuilder::new()
        .name("Llm-Log-Consistent-With")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(string()))
}

/// What every page may answer.
fn operation(summary: &str, about: &str) -> OperationBuilder {
    let nobody = OneOfBuilder::new().item(named("Error")).item(named("SessionError"));
    let nobody = ResponseBuilder::new()
        .description("There is no API key, or a session, of which there are none here.")
        .content(JSON, Content::new(Some(nobody)));
    OperationBuilder::new()
        .tag(TAG)
        .summary(Some(summary))
        .description(Some(about))
        .response("400", error("The API key is invalid, or something in the request is: the error says what."))
        .response("401", nobody)
        .response("408", error("The body took too long to arrive."))
        .response("413", error("The body is larger than 50 MiB, as sent or as inflated, or has too many values."))
        .response("415", error("The body is neither JSON nor a form, or encoded in another way than gzip."))
        .response("422", error("The key's permissions do not allow it."))
}

fn answered(schema: &str, example: Json) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(named(schema))).example(Some(example)).build();
    of_a_read().content(JSON, content)
}

fn answered_without_example(schema: &str) -> ResponseBuilder {
    of_a_read().content(JSON, content(schema))
}

fn of_a_read() -> ResponseBuilder {
    let positions = HeaderBuilder::new()
        .description(Some("The positions of the log that the answer covers: an opaque token."))
        .schema(Some(string()));
    let lag = HeaderBuilder::new()
        .description(Some(
            "How far the answer is behind the end of the log, in milliseconds: what was appended longer ago is in it.",
        ))
        .schema(Some(whole()));
    ResponseBuilder::new()
        .description("The answer.")
        .header("Llm-Log-Positions", positions.build())
        .header("Llm-Log-Lag-Ms", lag.build())
}

fn body(schema: &str, example: &Json, media_types: &[&str]) -> RequestBody {
    let of = |media_type: &str| {
        let example = (media_type == JSON).then(|| example.clone());
        ContentBuilder::new().schema(Some(named(schema))).example(example).build()
    };
    let body = RequestBodyBuilder::new().required(Some(Required::False));
    media_types.iter().fold(body, |body, media_type| body.content(*media_type, of(media_type))).build()
}

fn in_url(name: &str, about: &str, schema: ObjectBuilder) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(schema))
}

fn id() -> ParameterBuilder {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("ID of the object"))
        .schema(Some(uuid()))
}

fn error(about: &str) -> Response {
    ResponseBuilder::new().description(about).content(JSON, content("Error")).build()
}

fn retry(about: &str) -> Response {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let header = HeaderBuilder::new().description(Some("Seconds to wait.")).schema(Some(seconds)).build();
    let mut response = error(about);
    response.headers.insert("Retry-After".to_owned(), header.into());
    response
}

fn content(schema: &str) -> Content {
    Content::new(Some(named(schema)))
}
