//! An index that is built anew: the same answers, and nothing else happens.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use event_log::{Bounds, EmbeddedLog, EmbeddedOptions, EventLog as _, Topic};
use schemas::time::Clock;

use crate::answers::{answers, publish_every_kind};
use crate::binary::{Folder, import_args, run};
use crate::calls::lines;

/// Where every partition of every topic of an embedded log begins and ends.
async fn ends(folder: &Path) -> BTreeMap<(Topic, u32), Bounds> {
    let options = EmbeddedOptions { partitions: 16, clock: Clock::system() };
    let log = EmbeddedLog::open(folder, options).expect("the log opens");
    let mut ends = BTreeMap::new();
    for topic in [Topic::Calls, Topic::Reference, Topic::DeadLetters] {
        for partition in 0..log.partitions(topic) {
            ends.insert((topic, partition), log.bounds(topic, partition).await.expect("readable"));
        }
    }
    ends
}

#[tokio::test]
async fn a_rebuild_changes_no_answer_and_appends_nothing() {
    let folder = Folder::new();
    let key = folder.key_for(&["ReadLlmLog", "CreateLlmLogEvent", "EraseLlmLog"]).await;
    let file = folder.file("calls.jsonl", lines(0..200));
    let server = folder.serve(&[]).await;
    let client = server.client().with_key(&key);
    run(&import_args(server.url(), &key, &file)).await.done();
    publish_every_kind(&client).await;
    server.terminate().await.expect("it stops");

    // Ready is who has read all of it.
    let server = folder.serve(&[]).await;
    let before = answers(&server.client().with_key(&key)).await;
    server.terminate().await.expect("it stops");
    let log = folder.data().join("log");
    let ends_before = ends(&log).await;
    assert!(ends_before.values().map(|bounds| bounds.end).sum::<u64>() > 200);

    fs::remove_dir_all(folder.data().join("index")).expect("there is an index");
    let server = folder.serve(&[]).await;
    assert_eq!(answers(&server.client().with_key(&key)).await, before);
    server.terminate().await.expect("it stops");
    assert_eq!(ends(&log).await, ends_before);
    assert!(folder.verify().await.done().ends_with("differences 0\n"));
}
