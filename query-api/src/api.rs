//! The router: one way in for every request, so that checks come in one order.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use schemas::access::ApiKey;
use schemas::reader::CallReader;
use schemas::reference::ReferenceData;
use schemas::time::Clock;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

use crate::auth::authenticate;
use crate::body::read_members;
use crate::compat::Compat;
use crate::consistency::{self, ReferencePosition};
use crate::cors;
use crate::endpoint::Endpoint;
use crate::endpoints;
use crate::refusal::Refusal;
use crate::render::json_response;
use crate::request::Request;

/// What the API needs to answer.
#[derive(Debug, Clone)]
pub struct QueryApi {
    pub reader: Arc<dyn CallReader>,
    pub reference: Arc<ArcSwap<ReferenceData>>,
    pub reference_position: ReferencePosition,
    /// The key whose holder reads every project.
    pub master_key: Option<ApiKey>,
    pub compat: Compat,
    /// Time limit of one query.
    pub query_timeout: Duration,
    /// How long a read waits for the positions that a client names.
    pub consistency_timeout: Duration,
    pub clock: Clock,
}

/// The LLM Log API. It answers every path, those it does not know with 404, so another router merged with it
/// must have no fallback.
pub fn router(api: QueryApi) -> Router {
    let request_id = HeaderName::from_static("x-request-id");
    Router::new()
        .fallback(answer)
        .with_state(Arc::new(api))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(CompressionLayer::new())
        .layer(from_fn(common_headers))
        .layer(PropagateRequestIdLayer::new(request_id.clone()))
        .layer(SetRequestIdLayer::new(request_id, MakeRequestUuid))
}

async fn answer(State(api): State<Arc<QueryApi>>, http: HttpRequest) -> Response {
    if *http.method() == Method::OPTIONS {
        return cors::preflight(http.headers());
    }
    let Some(endpoint) = Endpoint::of(http.method(), http.uri().path()) else {
        return no_page(&http).into_response();
    };
    let (name, start) = (endpoint.name(), Instant::now());
    let response = endpoint_response(&api, endpoint, http).await.unwrap_or_else(Refusal::into_response);
    let status = response.status().as_u16().to_string();
    metrics::counter!("llm_log_api_requests_total", "endpoint" => name, "status" => status).increment(1);
    metrics::histogram!("llm_log_api_request_seconds", "endpoint" => name).record(start.elapsed());
    response
}

/// Reads the body, then asks who sent it; the endpoint does the rest.
async fn endpoint_response(api: &QueryApi, endpoint: Endpoint, http: HttpRequest) -> Result<Response, Refusal> {
    let (parts, body) = http.into_parts();
    let members = read_members(&parts.headers, body).await?;
    let request = Request::new(parts.headers, parts.uri.query(), members);
    // Before the key is looked for, which may be among what the client waits for.
    let wait_for = match endpoint {
        Endpoint::List | Endpoint::Item { .. } | Endpoint::Count | Endpoint::Stats => {
            consistency::wait(api, &request.headers).await?
        }
        Endpoint::Create | Endpoint::Update { .. } | Endpoint::Delete { .. } => None,
    };
    let reference = api.reference.load_full();
    let now = api.clock.now().date();
    let principal = authenticate(&request.headers, &reference, api.master_key, now)?;
    let call = endpoints::Call {
        api,
        request: &request,
        principal: principal.as_ref(),
        reference: &reference,
        wait_for: wait_for.as_ref(),
    };
    match endpoint {
        Endpoint::List => endpoints::list::answer(call).await,
        Endpoint::Item { id } => endpoints::item::answer(call, &id).await,
        Endpoint::Count => endpoints::count::answer(call).await,
        Endpoint::Stats => endpoints::stats::answer(call).await,
        Endpoint::Create => Err(endpoints::create::refuse(call)),
        Endpoint::Update { id } => Err(endpoints::update::refuse(call, &id)),
        Endpoint::Delete { id } => Err(endpoints::delete::refuse(call, &id)),
    }
}

fn no_page(http: &HttpRequest) -> Refusal {
    let path = http.uri().path().to_owned();
    if [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE].contains(http.method()) {
        Refusal::PageNotFound(path)
    } else {
        Refusal::UnknownMethod { method: http.method().to_string(), path }
    }
}

async fn common_headers(request: HttpRequest, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    cors::allow(headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The panic's text may hold what a client sent, so it is neither answered nor logged here.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request ended in a panic: the answer is a 500");
    json_response(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": "The server failed to answer." }))
}
