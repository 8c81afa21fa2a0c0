//! The listener that every role has: health, metrics and the role's own pages.

mod connections;
mod cors;
mod edge;
mod openapi;
mod readiness;

pub(crate) use cors::Cors;
pub(crate) use edge::no_page;
pub(crate) use openapi::{describe_ingest, describe_projector, describe_query_api, describe_serve};
pub(crate) use readiness::{Parts, Readiness, Ready, SampleState};

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;

use edge::{no_method, with_edge};

/// How long requests may take to end after the role was told to stop.
const REQUESTS_END: Duration = Duration::from_millis(1500);
const JSON: &str = "application/json; charset=utf-8";
/// How often the metrics' histograms are tidied and the readiness looked at.
const UPKEEP: Duration = Duration::from_secs(5);

/// A listener that answers, with the role's pages as soon as they are there.
#[derive(Debug)]
pub(crate) struct HttpServer {
    address: SocketAddr,
    site: Arc<Site>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Site {
    pages: OnceLock<Router>,
    readiness: Arc<Readiness>,
    metrics: PrometheusHandle,
}

impl HttpServer {
    /// Takes the port and starts to answer. A listener for other processes only has no CORS.
    pub(crate) async fn start(
        listen: SocketAddr,
        cors: Option<Cors>,
        readiness: Arc<Readiness>,
        openapi: &OpenApi,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("can't listen on {listen}"))?;
        let address = listener.local_addr().context("the listener has no address")?;
        let site = Arc::new(Site { pages: OnceLock::new(), readiness, metrics: crate::metrics::start()? });
        let stop = CancellationToken::new();
        let openapi = serde_json::to_vec(openapi).context("the description of the API can't be written")?;
        let router = router(Arc::clone(&site), openapi.into(), cors);
        let stopped = stop.clone();
        let serving = tokio::spawn(async move {
            if let Err(error) = connections::serve(listener, router, stopped).await {
                tracing::error!(error = %error, "the listener failed");
            }
        });
        tokio::spawn(upkeep(Arc::clone(&site), stop.clone()));
        Ok(Self { address, site, stop, serving })
    }

    /// Where it is reached from this machine.
    pub(crate) fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }

    /// Adds the role's own pages, once.
    pub(crate) fn open(&self, pages: Router) {
        self.site.pages.get_or_init(|| pages.method_not_allowed_fallback(no_method));
    }

    /// Takes no more requests and lets those that run come to their end, for a moment.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let abort = self.serving.abort_handle();
        if tokio::time::timeout(REQUESTS_END, self.serving).await.is_err() {
            tracing::warn!("requests were cut off: they took too long to end");
            abort.abort();
        }
    }
}

fn router(site: Arc<Site>, openapi: Bytes, cors: Option<Cors>) -> Router {
    let openapi = async move || ([(header::CONTENT_TYPE, JSON)], openapi.clone()).into_response();
    let pages = Router::new()
        .route("/healthz", get(async || json_answer(StatusCode::OK, &json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi))
        .method_not_allowed_fallback(no_method)
        .fallback(pages)
        .with_state(site);
    with_edge(pages, cors)
}

async fn ready(State(site): State<Arc<Site>>) -> Response {
    let Ready { mut missing, lag_ms } = site.readiness.ready().await;
    if missing.is_empty() && site.pages.get().is_none() {
        missing.push("the pages are not open yet".into());
    }
    let (is_ready, mut body) = (missing.is_empty(), Map::new());
    body.insert("ready".to_owned(), json!(is_ready));
    if let Some(lag_ms) = lag_ms {
        body.insert("lagMs".to_owned(), json!(lag_ms));
    }
    if !is_ready {
        body.insert("missing".to_owned(), json!(missing));
    }
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_answer(status, &Value::Object(body))
}

async fn metrics(State(site): State<Arc<Site>>) -> Response {
    site.readiness.observe();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], site.metrics.render()).into_response()
}

async fn pages(State(site): State<Arc<Site>>, request: Request) -> Response {
    if let Some(pages) = site.pages.get() {
        return pages.clone().oneshot(request).await.into_response();
    }
    let error = json!({ "error": "the server is starting: see /readyz for what it waits for" });
    let mut response = json_answer(StatusCode::SERVICE_UNAVAILABLE, &error);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(1));
    response
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

async fn upkeep(site: Arc<Site>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(UPKEEP);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        site.metrics.run_upkeep();
        site.readiness.observe();
    }
}
