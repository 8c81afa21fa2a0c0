//! Around the reads: positions, time limits, partitions that are not there, other processes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use projector::{IndexReader, internal_router};
use schemas::access::ReadScope;
use schemas::model::Column;
use schemas::protocol::{self, VERSION_HEADER};
use schemas::query::{Bound, Bounds, Filter};
use schemas::reader::{Answer, CallReader as _, CountRequest, ListPage, ReadContext, ReadError, ReaderStatus};
use schemas::value::Value;
use testkit::wait_until;
use tower::ServiceExt as _;

use super::world::{FIRST, NOW_MS, PARTITIONS, World, call, context, list_request, of_partitions};

const SCOPE: ReadScope = ReadScope::Project(FIRST);

fn world() -> World {
    let mut world = World::new();
    for id in 0..20 {
        world.apply(call(id, 0, [(Column::RequestPrompt, Value::text("x".repeat(100)))]));
    }
    world.commit();
    world
}

#[test]
fn an_answer_has_the_positions_of_the_partitions_that_it_is_of() {
    let mut world = world();
    let positions = |world: &World, context: ReadContext| {
        let request = CountRequest { context, filter: Filter::everything() };
        world.run(world.reader.count(request)).map(|answer| answer.positions.partitions)
    };
    assert_eq!(positions(&world, context(SCOPE)), Ok((0..PARTITIONS).map(|partition| (partition, 1)).collect()));
    world.commit();
    assert_eq!(positions(&world, of_partitions(SCOPE, [1, 3])), Ok([(1, 2), (3, 2)].into()));
    let missing = positions(&world, of_partitions(SCOPE, [1, 7]));
    assert_eq!(missing, Err(ReadError::Unavailable { partitions: BTreeSet::from([7]) }));
}

#[test]
fn an_answer_says_how_far_it_is_behind_the_end_of_the_log() {
    let world = world();
    let lag = |world: &World| world.try_count(SCOPE, Filter::everything()).map(|answer| answer.lag_ms);
    world.status.set_complete_to_ms(NOW_MS - 700);
    assert_eq!(lag(&world), Ok(700));
    world.status.set_complete_to_ms(NOW_MS - 900);
    assert_eq!(lag(&world), Ok(700), "what was complete stays so");
    world.status.set_complete_to_ms(NOW_MS + 50);
    assert_eq!(lag(&world), Ok(0), "the log's clock may be ahead");
}

#[test]
fn without_a_snapshot_the_partitions_are_named() {
    let world = world();
    let status = |world: &World| world.run(world.reader.status()).expect("a status");
    world.status.set_caught_up(true);
    world.status.set_complete_to_ms(NOW_MS - 5);
    let ReaderStatus { serving, unavailable, caught_up, lag_ms, partitions_total, .. } = status(&world);
    assert_eq!((serving.len(), unavailable.len(), caught_up, lag_ms, partitions_total), (4, 0, true, Some(5), 4));
    world.cell.set_unavailable(BTreeSet::from([0, 1, 2, 3]));
    let gone = ReadError::Unavailable { partitions: BTreeSet::from([0, 1, 2, 3]) };
    assert_eq!(world.try_count(SCOPE, Filter::everything()), Err(gone));
    let ReaderStatus { serving, unavailable, caught_up, lag_ms, .. } = status(&world);
    assert_eq!((serving.len(), unavailable.len(), caught_up, lag_ms), (0, 4, false, None));
}

#[test]
fn a_read_without_time_names_the_part_that_ran_out_of_it() {
    let world = world();
    let short = ReadContext { timeout: Duration::ZERO, ..context(SCOPE) };
    // Every text has to be read.
    let bound = |end: &str| Some(Bound { value: Value::text(format!("{}{end}", "x".repeat(64))), inclusive: true });
    let filter = Filter::Range(Column::RequestPrompt, Bounds { lower: bound(""), upper: bound("y") });
    let count = |context| world.run(world.reader.count(CountRequest { context, filter: filter.clone() }));
    assert_eq!(count(short), Err(ReadError::Timeout { part: "counting".to_owned() }));
    assert_eq!(count(context(SCOPE)).expect("an answer").content, 20);
}

#[test]
fn reads_of_one_snapshot_go_on_while_the_next_is_published() {
    let mut world = world();
    let before = world.cell.current().expect("published");
    for id in 0..20 {
        world.apply(call(id, 5, []));
    }
    world.commit();
    world.merge();
    assert_eq!(before.searcher().num_docs(), 20);
    let sums = before.counters();
    assert_eq!(sums.values().map(|totals| totals.calls).sum::<i128>(), 20);
    assert_eq!(world.count(SCOPE, Filter::everything()), 20);
}

#[test]
fn whoever_reads_a_snapshot_is_not_the_last_to_drop_it() {
    let mut world = world();
    let replaced = world.cell.current().expect("published");
    world.commit();
    let withdrawn = world.cell.current().expect("published");
    world.cell.set_unavailable(BTreeSet::from([0, 1, 2, 3]));
    for read in [replaced, withdrawn] {
        assert!(Arc::strong_count(&read) > 1, "nobody but the reader has it");
        let held = Arc::downgrade(&read);
        drop(read);
        wait_until("it is dropped", Duration::from_mins(1), || held.strong_count() == 0);
    }
}

async fn ask(router: &axum::Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    let response = router.clone().oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, body.to_vec())
}

#[test]
fn another_process_reads_with_the_secret_only() {
    let world = world();
    let reader = IndexReader::new(Arc::clone(&world.cell), Arc::clone(&world.status)).expect("threads");
    let router = internal_router(Arc::new(reader), "a secret");
    let post = |path: &str, secret: &str, body: Vec<u8>| {
        let request = Request::post(path).header("authorization", format!("Bearer {secret}"));
        request.header(VERSION_HEADER, protocol::version()).body(Body::from(body)).expect("valid")
    };
    let body = postcard::to_stdvec(&list_request(SCOPE, Filter::everything())).expect("encoded");
    let (status, answer) = world.run(ask(&router, post("/internal/v1/list", "a secret", body.clone())));
    assert_eq!(status, StatusCode::OK);
    let page: Result<Answer<ListPage>, ReadError> = postcard::from_bytes(&answer).expect("decoded");
    assert_eq!(page.expect("a page").content, world.list(list_request(SCOPE, Filter::everything())));

    for secret in ["", "a secre", "a secret ", "A secret"] {
        let (status, answer) = world.run(ask(&router, post("/internal/v1/list", secret, body.clone())));
        assert_eq!((status, answer.len()), (StatusCode::UNAUTHORIZED, 0), "{secret:?}");
    }
    let bare = Request::get("/internal/v1/status").body(Body::empty()).expect("valid");
    assert_eq!(world.run(ask(&router, bare)).0, StatusCode::UNAUTHORIZED);
    let (status, _) = world.run(ask(&router, post("/internal/v1/count", "a secret", b"\xff".to_vec())));
    assert_eq!(status, StatusCode::BAD_REQUEST);

    let refused = CountRequest { context: of_partitions(SCOPE, [9]), filter: Filter::everything() };
    let body = postcard::to_stdvec(&refused).expect("encoded");
    let (status, answer) = world.run(ask(&router, post("/internal/v1/count", "a secret", body)));
    assert_eq!(status, StatusCode::OK);
    let answer: Result<Answer<u64>, ReadError> = postcard::from_bytes(&answer).expect("decoded");
    assert_eq!(answer, Err(ReadError::Unavailable { partitions: BTreeSet::from([9]) }));
}

#[test]
fn a_process_of_another_version_is_told_both_and_reads_nothing() {
    let world = world();
    let reader = IndexReader::new(Arc::clone(&world.cell), Arc::clone(&world.status)).expect("threads");
    let router = internal_router(Arc::new(reader), "a secret");
    let ours = protocol::version();
    let body = postcard::to_stdvec(&list_request(SCOPE, Filter::everything())).expect("encoded");
    let post = |version: Option<&str>| {
        let mut request = Request::post("/internal/v1/list").header("authorization", "Bearer a secret");
        if let Some(version) = version {
            request = request.header(VERSION_HEADER, version);
        }
        request.body(Body::from(body.clone())).expect("valid")
    };
    for (theirs, named) in [(Some("1; llm-log 0.0.1; columns 0"), "1; llm-log 0.0.1; columns 0"), (None, "none")] {
        let response = world.run(router.clone().oneshot(post(theirs))).expect("an answer");
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers()[VERSION_HEADER], ours);
        let text = world.run(axum::body::to_bytes(response.into_body(), usize::MAX)).expect("a body");
        let expected = format!(
            "the request speaks protocol {named} and this projector {ours}: all roles have to be of one version"
        );
        assert_eq!(text, expected);
    }
    let response = world.run(router.clone().oneshot(post(Some(ours)))).expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[VERSION_HEADER], ours);
}
