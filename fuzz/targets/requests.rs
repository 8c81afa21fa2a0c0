//! Bodies of list, count and stats. The first letter says of which, and in which form of the API.

#![no_main]

use fuzz::{Answer, Asked, ask};
use libfuzzer_sys::fuzz_target;
use query_api::Compat;

fuzz_target!(|input: &[u8]| {
    let Some((kind, body)) = input.split_first() else { return };
    let (compat, page) = match kind {
        b'L' => (Compat::Docs, "get-list"),
        b'l' => (Compat::OneUptime, "get-list"),
        b'C' => (Compat::Docs, "count"),
        b'c' => (Compat::OneUptime, "count"),
        b'S' => (Compat::Docs, "stats"),
        b's' => (Compat::OneUptime, "stats"),
        _ => return,
    };
    let Answer { asked: Some(asked), .. } = ask(compat, page, body) else { return };
    let filter = match asked {
        Asked::List(request) => request.filter,
        Asked::Stats(request) => request.filter,
        Asked::Count(_) => return,
    };
    match ask(compat, "count", body).asked {
        Some(Asked::Count(counted)) => assert_eq!(counted.filter, filter, "a query means the same everywhere"),
        other => panic!("what can be listed can be counted: {other:?}"),
    }
});
