//! Walks by cursor. Each page is answered by a server of its own, since nothing is kept between pages.
#![expect(clippy::indexing_slicing, reason = "a test that indexes too far fails, as it should")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use proptest::prelude::*;
use query_api::{Compat, MergedReader};
use schemas::id::CallKey;
use schemas::reader::CallReader;
use schemas::reference::{ReferenceData, ReferenceRecord};
use serde_json::{Value as Json, json};

use crate::memory_reader::{Call, MemoryReader, call};
use crate::server::{
    Answered, GLOBAL_PROVIDER, MASTER, OTHER_PROJECT, OTHER_PROVIDER, PROJECT, PROVIDER, READER, Server, calls, id,
    provider, reference, uuid,
};

fn with_cursor(body: &Json, cursor: &Json) -> Json {
    let mut body = body.clone();
    body["cursor"] = cursor.clone();
    body
}

/// The pages of a whole walk, as numbers of calls.
async fn pages(server: &Server, path: &str, body: &Json) -> Vec<Vec<u32>> {
    let (mut pages, mut cursor) = (Vec::new(), json!(""));
    while !cursor.is_null() {
        let answered = server.post(path, &with_cursor(body, &cursor)).await;
        pages.push(answered.numbers());
        cursor = answered.json()["cursor"].clone();
    }
    pages
}

#[tokio::test]
async fn a_walk_shows_every_call_once_and_ends_with_null() {
    let server = Server::new(Compat::Docs);
    for (limit, sizes) in [(5, vec![5, 5, 2]), (4, vec![4, 4, 4]), (12, vec![12]), (100, vec![12]), (1, vec![1; 12])] {
        for (sort, whole) in [
            (json!({}), vec![12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
            (json!({"status": "ASC", "totalTokens": "DESC"}), vec![11, 9, 7, 5, 3, 1, 12, 10, 8, 6, 4, 2]),
            (json!({"durationMs": "DESC"}), vec![4, 8, 12, 11, 10, 9, 7, 6, 5, 3, 2, 1]),
            (json!({"llmProvider": {"name": 1}, "_id": -1}), vec![11, 8, 5, 2, 10, 7, 4, 1, 12, 9, 6, 3]),
        ] {
            let body = json!({"sort": sort, "select": {"llmProvider": true}});
            let pages = pages(&server, &format!("get-list?limit={limit}"), &body).await;
            assert_eq!(pages.concat(), whole, "{sort} by {limit}");
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{sort}");
        }
    }
    assert_eq!(pages(&server, "get-list", &json!({"query": {"status": "none"}})).await, [vec![0_u32; 0]]);
}

#[tokio::test]
async fn a_walk_as_csv_goes_on_with_the_cursor_of_a_header() {
    let server = Server::new(Compat::Docs);
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let body = json!({"sort": {"_id": 1}, "select": {"totalTokens": true}, "cursor": cursor});
        let answered = server.post("get-list?limit=5&output-type=csv", &body).await;
        pages.push(answered.text.lines().skip(1).count());
        let Some(next) = answered.headers.get("llm-log-cursor") else { break };
        next.to_str().expect("text").clone_into(&mut cursor);
    }
    assert_eq!(pages, [5, 5, 2]);
}

#[tokio::test]
async fn a_cursor_that_no_header_takes_is_refused_as_csv() {
    let message = |number: u32| {
        call(&json!({
            "_id": id(number), "projectId": PROJECT, "status": "Error", "createdAt": "2026-03-01T00:00:00Z",
            "statusMessage": number.to_string().repeat(5000),
        }))
    };
    let server = Server::over(Compat::Docs, Arc::new(MemoryReader::new(vec![message(1), message(2)])));
    let body = json!({"sort": {"statusMessage": 1}, "select": {"statusMessage": true}, "cursor": ""});
    assert!(server.post("get-list?limit=1", &body).await.json()["cursor"].is_string());
    let answered = server.post("get-list?limit=1&output-type=csv", &body).await;
    assert_eq!(answered.status, 400);
    assert!(answered.text.contains("cursor: it is too long for the header"), "{}", answered.text);
    assert_eq!(server.post("get-list?output-type=csv", &body).await.status, 200);
}

#[tokio::test]
async fn every_page_counts_all_matches_and_only_those_that_ask_have_a_cursor() {
    let body = json!({"query": {"status": "Success"}});
    let keys =
        |answered: &Answered| answered.json().as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    for (compat, envelope) in
        [(Compat::Docs, ["count", "limit", "skip", "data"]), (Compat::OneUptime, ["data", "count", "skip", "limit"])]
    {
        let server = Server::new(compat);
        for none in [body.clone(), with_cursor(&body, &Json::Null)] {
            assert_eq!(keys(&server.post("get-list?limit=4", &none).await), envelope);
        }
        let first = server.post("get-list?limit=4", &with_cursor(&body, &json!(""))).await;
        assert_eq!(keys(&first), [&envelope[..], &["cursor"]].concat());
        let second = server.post("get-list?limit=4", &with_cursor(&body, &first.json()["cursor"])).await;
        assert_eq!((first.numbers(), second.numbers()), (vec![12, 10, 8, 6], vec![4, 2]));
        assert_eq!((&first.json()["count"], &second.json()["count"]), (&json!(6), &json!(6)));
        assert_eq!(second.json().get("cursor"), Some(&Json::Null));
    }
}

#[tokio::test]
async fn a_form_may_walk_too_and_the_url_may_not() {
    let server = Server::new(Compat::Docs);
    let form = async |body: String| {
        let request = Request::post("/api/llm-log/get-list?limit=5")
            .header("apikey", READER)
            .header("content-type", "application/x-www-form-urlencoded");
        server.send(request.body(Body::from(body)).expect("a valid request")).await
    };
    let first = form("cursor=&query[status]=Success".to_owned()).await;
    let cursor = first.json()["cursor"].as_str().expect("a cursor").to_owned();
    let second = form(format!("query[status]=Success&cursor={cursor}")).await;
    assert_eq!((first.numbers(), second.numbers()), (vec![12, 10, 8, 6, 4], vec![2]));
    let in_url = server.post("get-list?limit=5&cursor=", &json!({})).await;
    assert_eq!(in_url.json().get("cursor"), None);
}

#[tokio::test]
async fn a_cursor_that_does_not_fit_is_a_400_that_says_why() {
    let server = Server::new(Compat::Docs);
    let body = json!({"query": {"status": "Success"}, "cursor": ""});
    let cursor = server.post("get-list?limit=2", &body).await.json()["cursor"].clone();
    let text = cursor.as_str().expect("a cursor");
    let master = [("ApiKey", MASTER)];
    let tenant = [("ApiKey", MASTER), ("tenantid", OTHER_PROJECT)];
    let own = [("ApiKey", READER)];
    let with = |name: &str, value: Json| {
        let mut body = with_cursor(&body, &cursor);
        body[name] = value;
        body
    };
    for (headers, body, error) in [
        (
            &own[..],
            with("query", json!({})),
            "it is of another query; send the query of the page before, or begin again with \"\"",
        ),
        (
            &own,
            with("sort", json!({"status": 1})),
            "it is of another sort; send the sort of the page before, or begin again with \"\"",
        ),
        (
            &own,
            with("cursor", json!(&text[1..])),
            "expected one as an answer has it; this is none, or it is damaged or cut",
        ),
        (
            &own,
            with("cursor", json!("page 2")),
            "expected one as an answer has it; this is none, or it is damaged or cut",
        ),
        (
            &own,
            with("cursor", json!(2)),
            "expected \"\" for the first page or the cursor of the page before, got a number",
        ),
        (&own, with("skip", json!(2)), "expected no skip beside it, got 2: a cursor says itself where its page begins"),
        (
            &master,
            with("limit", json!(2)),
            "it is of another project, or of all projects together; begin again with \"\"",
        ),
        (
            &tenant,
            with("limit", json!(2)),
            "it is of another project, or of all projects together; begin again with \"\"",
        ),
    ] {
        let answered = server.request("POST", "/api/llm-log/get-list", headers, &body).await;
        assert_eq!(
            (answered.status.as_u16(), answered.json()),
            (400, json!({"error": format!("cursor: {error}")})),
            "{body}"
        );
    }
    let other_form = Server::new(Compat::OneUptime).post("get-list", &with_cursor(&body, &cursor)).await;
    assert!(other_form.text.contains("an API of another form"), "{}", other_form.text);
    let own_project = [("ApiKey", MASTER), ("tenantid", PROJECT)];
    let as_tenant = server.request("POST", "/api/llm-log/get-list", &own_project, &with_cursor(&body, &cursor)).await;
    assert_eq!(as_tenant.numbers(), [8, 6, 4, 2], "the master key in the same project sees the same list");
    let ranked = json!({
        "query": {"q": {"_type": "FullText", "value": "refund"}}, "sort": {"_relevance": -1}, "cursor": "",
    });
    let answered = server.post("get-list", &ranked).await;
    let text =
        "cursor: an order by _relevance can't be walked, because scores change as calls come in; use skip and limit";
    assert_eq!((answered.status.as_u16(), answered.json()), (400, json!({ "error": text })));
}

/// A made-up call.
#[derive(Debug, Clone)]
struct Made {
    other_project: bool,
    number: u32,
    created: u32,
    tokens: u32,
    feature: Option<&'static str>,
    provider: Option<&'static str>,
}

impl Made {
    fn call(&self) -> Call {
        call(&json!({
            "_id": id(self.number), "projectId": if self.other_project { OTHER_PROJECT } else { PROJECT },
            "createdAt": format!("2026-03-01T00:00:{:02}Z", self.created), "status": "Success",
            "totalTokens": self.tokens, "feature": self.feature, "llmProviderId": self.provider,
        }))
    }
}

fn made() -> impl Strategy<Value = Made> {
    let feature = prop::sample::select(vec![None, Some("a"), Some("b")]);
    let provider = prop::sample::select(vec![None, Some(PROVIDER), Some(OTHER_PROVIDER), Some(GLOBAL_PROVIDER)]);
    (any::<bool>(), 0..12_u32, 0..4_u32, 0..3_u32, feature, provider).prop_map(
        |(other_project, number, created, tokens, feature, provider)| Made {
            other_project,
            number,
            created,
            tokens,
            feature,
            provider,
        },
    )
}

/// What happens between two pages.
#[derive(Debug, Clone)]
struct Meanwhile {
    added: Vec<Made>,
    /// Whether the call that the cursor names goes.
    erased: bool,
    /// A new name of the global provider.
    renamed: Option<&'static str>,
}

fn meanwhile() -> impl Strategy<Value = Meanwhile> {
    let renamed = prop::sample::select(vec![None, None, Some("A"), Some("OpenAI Prod"), Some("Z")]);
    (prop::collection::vec(made(), 0..3), any::<bool>(), renamed).prop_map(|(added, erased, renamed)| Meanwhile {
        added,
        erased,
        renamed,
    })
}

fn sorts() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        json!({}),
        json!({"createdAt": 1}),
        json!({"totalTokens": -1}),
        json!({"feature": 1, "totalTokens": -1}),
        json!({"feature": {"direction": -1, "nulls": "last"}}),
        json!({"deletedAt": 1}),
        json!({"_id": -1}),
        json!({"projectId": -1, "createdAt": 1}),
        json!({"llmProvider": {"name": 1}}),
        json!({"llmProvider": {"name": -1}, "createdAt": 1}),
        json!({"project": {"name": -1}, "llmProvider": {"_id": {"direction": 1, "nulls": "first"}}}),
    ])
}

fn reader(calls: &BTreeMap<CallKey, Call>, merged: bool) -> Arc<dyn CallReader> {
    let calls: Vec<Call> = calls.values().cloned().collect();
    if !merged {
        return Arc::new(MemoryReader::new(calls));
    }
    let part = |partitions: [u32; 2]| Arc::new(MemoryReader::of_partitions(calls.clone(), partitions));
    Arc::new(MergedReader::new(vec![part([0, 2]), part([1, 3])]))
}

/// A page of a list of both projects or one, and which calls are on it.
async fn page(known: &ReferenceData, reader: Arc<dyn CallReader>, key: &str, body: &Json) -> (Vec<CallKey>, Json) {
    let server = Server::knowing(known.clone(), Compat::Docs, reader);
    let answered = server.request("POST", "/api/llm-log/get-list", &[("ApiKey", key)], body).await;
    let json = answered.json();
    let rows = json["data"].as_array().unwrap_or_else(|| panic!("{}", answered.text));
    let of = |row: &Json, name: &str| uuid(row[name].as_str().expect("an id"));
    let key = |row| CallKey {
        project: schemas::id::ProjectId(of(row, "projectId")),
        call: schemas::id::CallId(of(row, "_id")),
    };
    (rows.iter().map(key).collect(), json["cursor"].clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_that_is_there_at_the_start_comes_once_whatever_happens_meanwhile(
        start in prop::collection::vec(made(), 0..24),
        events in prop::collection::vec(meanwhile(), 0..8),
        sort in sorts(),
        limit in 1..6_u32,
        everywhere in any::<bool>(),
        merged in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut calls: BTreeMap<CallKey, Call> = start.iter().map(Made::call).map(|call| (call.0, call)).collect();
        let mut ids: BTreeSet<CallKey> = calls.keys().copied().collect();
        let mut known = reference();
        let key = if everywhere { MASTER } else { READER };
        let in_scope = |key: &CallKey| everywhere || key.project.0 == uuid(PROJECT);
        // A new name is a new sort key of the calls that point to it.
        let renamed = events.iter().any(|event| event.renamed.is_some()) && sort.to_string().contains("name");
        let global = schemas::value::Value::Id(uuid(GLOBAL_PROVIDER));
        let keeps_its_place = |call: &Call| {
            let provider = schemas::row::value(call.0, &call.1, schemas::model::Column::LlmProviderId);
            !(renamed && provider == global)
        };
        let expected: BTreeSet<CallKey> =
            calls.values().filter(|call| in_scope(&call.0) && keeps_its_place(call)).map(|call| call.0).collect();
        let select = json!({"projectId": true, "llmProvider": true, "project": true});
        let mut body = json!({"sort": sort, "select": select, "limit": limit, "cursor": ""});
        let mut seen: Vec<CallKey> = Vec::new();
        let mut events = events.into_iter();
        loop {
            let (rows, cursor) = runtime.block_on(page(&known, reader(&calls, merged), key, &body));
            seen.extend(&rows);
            if cursor.is_null() {
                break;
            }
            body["cursor"] = cursor;
            let Some(event) = events.next() else { continue };
            // An id that was erased stays away.
            for added in event.added.iter().map(Made::call).filter(|call| ids.insert(call.0)) {
                calls.insert(added.0, added);
            }
            if let Some(last) = rows.last().filter(|_| event.erased) {
                calls.remove(last);
            }
            if let Some(name) = event.renamed {
                known.apply(known.next(), ReferenceRecord::of(uuid(GLOBAL_PROVIDER), provider(name, None)));
            }
        }
        let found: Vec<CallKey> = seen.iter().copied().filter(|key| expected.contains(key)).collect();
        prop_assert_eq!(found.len(), expected.len(), "by {}: {:?}", sort, seen);
        prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

#[tokio::test]
async fn calls_of_the_same_id_in_two_projects_are_walked_one_by_one() {
    let server = Server::new(Compat::Docs);
    let (mut seen, mut body) = (Vec::new(), json!({"sort": {"deletedAt": 1}, "limit": 1, "cursor": ""}));
    while !body["cursor"].is_null() {
        let answered = server.request("POST", "/api/llm-log/get-list", &[("ApiKey", MASTER)], &body).await;
        seen.extend(answered.numbers());
        body["cursor"] = answered.json()["cursor"].clone();
    }
    assert_eq!(seen, [1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(seen.len(), calls().len());
}
