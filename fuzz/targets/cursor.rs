//! Cursors, sealed as the API seals its own: what is taken is a place in the order, and the next cursor names the same.
//! The first byte chooses the order, the rest is the place: what a cursor holds behind the list that it is of.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fuzz::{Asked, ask};
use libfuzzer_sys::fuzz_target;
use query_api::Compat;
use schemas::query::{SortBy, SortPosition, SortValue};
use serde_json::{Value as Json, json};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a cursor before the place: its version, the form of the API, and the hashes of query and sort.
const LIST_BYTES: usize = 1 + 1 + 8 + 8;

/// The orders to walk in.
fn sort(choice: u8) -> Option<Json> {
    Some(match choice {
        b'0' => json!({}),
        b'1' => json!({"status": 1, "totalTokens": -1}),
        b'2' => json!({"wasBilled": 1, "costInUSDCents": -1, "requestPrompt": 1, "userId": 1}),
        b'3' => json!({"llmProvider": {"name": 1}, "_id": -1}),
        _ => return None,
    })
}

/// The place that the reader is asked to start after, and the cursor of the page after that.
fn page(sort: &Json, cursor: &str) -> Option<(Option<SortPosition>, Json)> {
    let body = json!({"sort": sort, "select": {"llmProvider": true}, "limit": 1, "cursor": cursor});
    let answer = ask(Compat::Docs, "get-list", body.to_string().as_bytes());
    let Some(Asked::List(request)) = answer.asked else { return None };
    if let Some(after) = &request.after {
        assert_eq!(after.values.len(), request.sort.len());
        for (key, value) in request.sort.iter().zip(&after.values) {
            match (&key.by, value) {
                (SortBy::Column(column), SortValue::Value(value)) => assert!(value.fits(*column), "{value:?}"),
                (SortBy::Related(_), SortValue::Value(_)) => {}
                other => panic!("no place in an order: {other:?}"),
            }
        }
    }
    Some((request.after, answer.body["cursor"].clone()))
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, place)) = input.split_first() else { return };
    let Some(sort) = sort(*choice) else { return };
    let (_, first) = page(&sort, "").expect("a first page");
    let first = URL_SAFE_NO_PAD.decode(first.as_str().expect("the walk goes on")).expect("a cursor");
    let mut cursor = [&first[..LIST_BYTES], place].concat();
    cursor.extend(xxh3_64(&cursor).to_le_bytes());
    let Some((after, next)) = page(&sort, &URL_SAFE_NO_PAD.encode(cursor)) else { return };
    assert!(after.is_some(), "the page is the first one again");
    let again = page(&sort, next.as_str().expect("the walk goes on"));
    assert_eq!(again.map(|(after, _)| after), Some(after), "{next}");
});
