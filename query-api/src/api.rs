//! The router: one way in for every request, so that checks come in one order. What every page of a listener has in
//! common, such as CORS, is for whoever listens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse as _, Response};
use schemas::access::{ApiKey, Principal};
use schemas::reader::CallReader;
use schemas::reference::ReferenceData;
use schemas::time::Clock;

use crate::auth::authenticate;
use crate::body::{self, BodyMemory, ReadBody, Sender};
use crate::compat::Compat;
use crate::consistency::{self, ReferencePosition};
use crate::endpoint::Endpoint;
use crate::endpoints;
use crate::refusal::Refusal;
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
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
    /// How long a read waits for the positions that a client names.
    pub consistency_timeout: Duration,
    pub clock: Clock,
}

/// The LLM Log API. It answers every path, those it does not know with 404, so another router merged with it
/// must have no fallback.
pub fn router(api: QueryApi) -> Router {
    Router::new().fallback(answer).with_state(Site { api: Arc::new(api), bodies: BodyMemory::default() })
}

#[derive(Debug, Clone)]
struct Site {
    api: Arc<QueryApi>,
    bodies: BodyMemory,
}

async fn answer(State(site): State<Site>, http: HttpRequest) -> Response {
    let Some(endpoint) = Endpoint::of(http.method(), http.uri().path()) else {
        return no_page(&http).into_response();
    };
    let (name, start) = (endpoint.name(), Instant::now());
    let response = endpoint_response(&site, endpoint, http).await.unwrap_or_else(Refusal::into_response);
    let status = response.status().as_u16().to_string();
    metrics::counter!("llm_log_api_requests_total", "endpoint" => name, "status" => status).increment(1);
    metrics::histogram!("llm_log_api_request_seconds", "endpoint" => name).record(start.elapsed());
    response
}

fn principal(api: &QueryApi, headers: &HeaderMap, reference: &ReferenceData) -> Result<Option<Principal>, Refusal> {
    authenticate(headers, reference, api.master_key, api.clock.now().date())
}

/// Reads the body, then asks who sent it: what is wrong with a body is said first. The endpoint does the rest.
async fn endpoint_response(site: &Site, endpoint: Endpoint, http: HttpRequest) -> Result<Response, Refusal> {
    let Site { api, bodies } = site;
    let (parts, body) = http.into_parts();
    // A key that is not known yet may be once the body is here.
    let known = principal(api, &parts.headers, &api.reference.load()).ok().flatten();
    let sender = Sender::of(known.as_ref());
    let ReadBody { members, memory } = body::read(&parts.headers, body, bodies, sender, api.body_timeout).await?;
    let request = Request::new(parts.headers, parts.uri.query(), members);
    // Before the key is looked for, which may be among what the client waits for.
    let wait_for = match endpoint {
        Endpoint::List | Endpoint::Item { .. } | Endpoint::Count | Endpoint::Stats => {
            consistency::wait(api, &request.headers).await?
        }
        Endpoint::Create | Endpoint::Update { .. } | Endpoint::Delete { .. } => None,
    };
    let reference = api.reference.load_full();
    let principal = principal(api, &request.headers, &reference)?;
    let call = endpoints::Call {
        api,
        request: &request,
        principal: principal.as_ref(),
        reference: &reference,
        wait_for: wait_for.as_ref(),
    };
    let answer = match endpoint {
        Endpoint::List => endpoints::list::answer(call).await,
        Endpoint::Item { id } => endpoints::item::answer(call, &id).await,
        Endpoint::Count => endpoints::count::answer(call).await,
        Endpoint::Stats => endpoints::stats::answer(call).await,
        Endpoint::Create => Err(endpoints::create::refuse(call)),
        Endpoint::Update { id } => Err(endpoints::update::refuse(call, &id)),
        Endpoint::Delete { id } => Err(endpoints::delete::refuse(call, &id)),
    };
    // The members are needed until here.
    drop(memory);
    answer
}

fn no_page(http: &HttpRequest) -> Refusal {
    let path = http.uri().path().to_owned();
    if [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE].contains(http.method()) {
        Refusal::PageNotFound(path)
    } else {
        Refusal::UnknownMethod { method: http.method().to_string(), path }
    }
}
