use axum::body::{Body, to_bytes};
use axum::http::HeaderMap;
use axum::http::request::Builder;
use axum::routing::post;
use tower::ServiceExt as _;

use super::*;

fn pages(cors: Option<Cors>) -> Router {
    let pages = Router::new()
        .route("/page", post(async || json_answer(StatusCode::OK, &json!({ "text": "x".repeat(100) }))))
        .route("/panic", post(async || -> Response { panic!("of the prompt") }))
        .method_not_allowed_fallback(no_method)
        .fallback(no_page);
    with_edge(pages, cors)
}

async fn send(cors: Option<Cors>, request: Builder) -> (StatusCode, HeaderMap, String) {
    let request = request.body(Body::empty()).expect("a valid request");
    let response = pages(cors).oneshot(request).await.expect("a router always answers");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a whole body");
    (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
}

async fn headers(cors: Option<Cors>, request: Builder) -> HeaderMap {
    send(cors, request).await.1
}

/// The header's values, joined.
fn header(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().expect("text")).collect();
    if values.is_empty() { "(none)".to_owned() } else { values.join(", ") }
}

fn to(method: &str, path: &str) -> Builder {
    Request::builder().method(method).uri(path)
}

fn only() -> Cors {
    Cors::Only(vec!["https://logs.example".to_owned(), "http://localhost:3000".to_owned()])
}

#[tokio::test]
async fn every_answer_has_the_headers_of_the_contract() {
    for request in [to("POST", "/page"), to("GET", "/page"), to("GET", "/nowhere"), to("POST", "/panic")] {
        let headers = headers(Some(Cors::Everybody), request).await;
        assert_eq!(header(&headers, "content-type"), "application/json; charset=utf-8");
        assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
        assert_eq!(header(&headers, "access-control-allow-origin"), "*");
        assert_eq!(header(&headers, "access-control-allow-methods"), "GET,PUT,POST,DELETE,OPTIONS");
        assert_eq!(header(&headers, "access-control-max-age"), "86400");
        assert!(!header(&headers, "vary").contains("rigin"), "{headers:?}");
    }
}

#[tokio::test]
async fn a_preflight_of_any_path_allows_what_was_asked_for() {
    for path in ["/page", "/nowhere"] {
        let asked = to("OPTIONS", path)
            .header("Origin", "https://x.example")
            .header("Access-Control-Request-Headers", "apikey,content-type");
        let (status, headers, body) = send(Some(Cors::Everybody), asked).await;
        assert_eq!((status, body.as_str()), (StatusCode::NO_CONTENT, ""));
        assert_eq!(header(&headers, "access-control-allow-origin"), "*");
        assert_eq!(header(&headers, "access-control-allow-methods"), "GET,HEAD,PUT,PATCH,POST,DELETE");
        assert_eq!(header(&headers, "access-control-allow-headers"), "apikey,content-type");
        assert_eq!(header(&headers, "access-control-max-age"), "86400");
        assert_eq!(header(&headers, "vary"), "Access-Control-Request-Headers");
        assert_eq!(header(&headers, "content-type"), "(none)");
    }
}

#[tokio::test]
async fn only_the_listed_origins_are_allowed_when_there_is_a_list() {
    for (origin, allowed) in [
        (Some("https://logs.example"), "https://logs.example"),
        (Some("http://localhost:3000"), "http://localhost:3000"),
        (Some("https://logs.example.evil"), "(none)"),
        (Some("null"), "(none)"),
        (None, "(none)"),
    ] {
        let from = |request: Builder| match origin {
            Some(origin) => request.header("Origin", origin),
            None => request,
        };
        let answered = headers(Some(only()), from(to("POST", "/page"))).await;
        assert_eq!(header(&answered, "access-control-allow-origin"), allowed, "{origin:?}");
        assert_eq!(answered.contains_key("access-control-allow-methods"), allowed != "(none)");
        assert!(header(&answered, "vary").contains("Origin"), "{answered:?}");

        let asked = to("OPTIONS", "/page").header("Access-Control-Request-Headers", "apikey");
        let preflight = headers(Some(only()), from(asked)).await;
        assert_eq!(header(&preflight, "access-control-allow-origin"), allowed, "{origin:?}");
        assert_eq!(preflight.contains_key("access-control-allow-headers"), allowed != "(none)");
        assert_eq!(header(&preflight, "vary"), "Access-Control-Request-Headers, Origin");
    }
}

#[tokio::test]
async fn a_listener_without_cors_says_nothing_of_it() {
    let (status, headers, _) = send(None, to("OPTIONS", "/page").header("Origin", "https://x.example")).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{headers:?}");
}

#[tokio::test]
async fn a_request_keeps_its_id_or_gets_one() {
    let asked = to("POST", "/page").header("X-Request-Id", "abc-1");
    assert_eq!(header(&headers(None, asked).await, "x-request-id"), "abc-1");
    let own = "y".repeat(REQUEST_ID_BYTES + 1);
    for unfit in ["", "two words", own.as_str()] {
        let asked = to("OPTIONS", "/page").header("X-Request-Id", unfit);
        assert_eq!(header(&headers(Some(Cors::Everybody), asked).await, "x-request-id").len(), 36, "{unfit}");
    }
    assert_eq!(header(&headers(None, to("GET", "/nowhere")).await, "x-request-id").len(), 36);
}

#[tokio::test]
async fn answers_are_compressed_when_that_is_asked_for() {
    let asked = to("POST", "/page").header("Accept-Encoding", "gzip").header("Origin", "http://localhost:3000");
    let answered = headers(Some(only()), asked).await;
    assert_eq!(header(&answered, "content-encoding"), "gzip");
    let vary = header(&answered, "vary").to_lowercase();
    assert!(vary.contains("accept-encoding") && vary.contains("origin"), "{vary}");
    assert_eq!(header(&headers(None, to("POST", "/page")).await, "content-encoding"), "(none)");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_named() {
    let (status, _, body) = send(None, to("GET", "/Nowhere?a=b")).await;
    assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, r#"{"message":"Page not found - /Nowhere"}"#));
    let (status, headers, body) = send(None, to("GET", "/page")).await;
    assert_eq!((status, body.as_str()), (StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"/page does not take GET"}"#));
    assert_eq!(header(&headers, "allow"), "POST");
}

#[tokio::test]
async fn a_panic_is_a_500_that_does_not_tell_its_text() {
    let (status, _, body) = send(None, to("POST", "/panic")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body, r#"{"error":"The server failed to answer."}"#);
}
