//! A log on Kafka that is read anew, that has lost its head, or that was made again. Runs when `LLM_LOG_TEST_KAFKA`
//! names a broker.

use std::fs;

use serde_json::{Value, json};
use testkit::{KafkaTopics, SentRecord, Server, free_port, wait_until_async};

use crate::answers::{answers, publish_every_kind};
use crate::binary::{PROJECT, import_args, make_key, run};
use crate::calls::{call_id, lines};
use crate::journey::VISIBLE;
use crate::kafka::{Installation, ready, visible};

impl Installation {
    /// The value of a flag that every role is told.
    fn told(&self, flag: &str) -> &str {
        let at = self.log.iter().position(|argument| argument == flag).expect("every role is told");
        &self.log[at + 1]
    }

    fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.told("--topic-prefix"))
    }

    async fn topics(&self) -> KafkaTopics {
        KafkaTopics::connect(self.told("--kafka")).await.expect("the broker answers")
    }

    /// Publishes calls over HTTP while no projector runs.
    async fn import(&self, key: &str, calls: std::ops::Range<usize>) {
        let ingest = self.ingest();
        ready(&[&ingest]).await;
        let file = self.folder.file("calls.jsonl", lines(calls));
        run(&import_args(ingest.url(), key, &file)).await.done();
        ingest.terminate().await.expect("it stops");
    }
}

/// What keeps a process from being ready, once it says so.
async fn missing(server: &Server, word: &str) -> String {
    let told = async || match server.client().get("/readyz").await {
        Ok(answer) => answer.text(),
        Err(_) => String::new(),
    };
    wait_until_async("it says why it can't go on", VISIBLE, async || told().await.contains(word)).await;
    told().await
}

/// The lines of its log that say that the projector has stopped.
fn stopped(server: &Server) -> Vec<String> {
    server.stderr().lines().filter(|line| line.contains("the projector has stopped")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_rebuild_on_kafka_changes_no_answer_and_appends_to_no_topic() {
    let Some(installation) = Installation::new("rebuild") else { return };
    let log: Vec<&str> = installation.log.iter().map(String::as_str).collect();
    let key = make_key(&log, &["ReadLlmLog", "CreateLlmLogEvent", "EraseLlmLog"]).await;
    installation.import(&key, 0..200).await;
    let port = free_port();
    let (ingest, query_api) = (installation.ingest(), installation.query_api(&[port]));
    let projector = installation.projector("projector", port, "0-3");
    ready(&[&ingest, &projector, &query_api]).await;
    publish_every_kind(&ingest.client().with_key(&key)).await;
    let topics = installation.topics().await;
    let project = schemas::id::ProjectId::of_name(PROJECT);
    let good = json!({"_id": call_id(2000), "projectId": project, "status": "Success", "requestPrompt": "A parcel"});
    let records = [good.to_string(), "no event".to_owned()]
        .map(|value| SentRecord { value: value.into_bytes(), ..SentRecord::default() });
    topics.send(&installation.topic("inbox"), 1, records.to_vec()).await.expect("sent");
    let letters = installation.topic("dead-letters");
    wait_until_async("what can't be taken is a letter", VISIBLE, async || {
        topics.read(&letters, 0).await.is_ok_and(|letters| letters.len() == 1)
    })
    .await;
    let reader = query_api.client().with_key(&key);
    // One of 200 was erased, one more has started, and one came by the inbox.
    wait_until_async("all calls are visible", VISIBLE, async || visible(&reader).await == Some(201)).await;
    projector.terminate().await.expect("it stops");
    let projector = installation.projector("projector", port, "0-3");
    ready(&[&projector, &query_api]).await;
    let (before, ends) =
        (answers(&reader).await, topics.ends(&installation.topic("")).await.expect("there are topics"));
    assert_eq!(ends.len(), 10, "calls and inbox have four partitions each, the others one: {ends:?}");

    projector.kill().expect("it is killed");
    fs::remove_dir_all(installation.folder.path("projector").join("index")).expect("there is an index");
    let projector = installation.projector("projector", port, "0-3");
    ready(&[&projector, &query_api]).await;
    assert_eq!(answers(&reader).await, before);
    assert_eq!(topics.ends(&installation.topic("")).await.expect("there are topics"), ends);
}

#[tokio::test]
async fn a_head_that_was_deleted_stops_whoever_needs_it_and_nobody_else() {
    let Some(installation) = Installation::new("head") else { return };
    let key = installation.key().await;
    installation.import(&key, 0..100).await;
    let port = free_port();
    let projector = installation.projector("in-time", port, "0-3");
    ready(&[&projector]).await;
    projector.terminate().await.expect("it stops");
    let topics = installation.topics().await;
    topics.delete_before(&installation.topic("calls"), 2, 7).await.expect("deleted");

    let projector = installation.projector("in-time", port, "0-3");
    ready(&[&projector]).await;
    projector.terminate().await.expect("it stops");
    let projector = installation.projector("late", port, "0-3");
    let why = missing(&projector, "stopped").await;
    let line = "the log no longer has records that the index needs: partition 2 from 0 to just before 7";
    assert!(why.contains(line), "{why}");
    let said = stopped(&projector);
    assert!(matches!(&*said, [said] if said.contains(line)), "one line says it: {said:?}");
    let query_api = installation.query_api(&[port]);
    let reader = query_api.client().with_key(&key);
    wait_until_async("query-api answers", VISIBLE, async || {
        reader.post("/api/llm-log/count", &json!({})).await.is_ok_and(|answer| answer.text().contains("nobody serves"))
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_was_made_again_stops_the_projector_whose_index_is_of_the_first() {
    let Some(installation) = Installation::new("again") else { return };
    let key = installation.key().await;
    installation.import(&key, 0..50).await;
    let port = free_port();
    let projector = installation.projector("projector", port, "0-3");
    ready(&[&projector]).await;
    projector.terminate().await.expect("it stops");
    let topics = installation.topics().await;
    for (calls, reason) in [(1000..1004, "it ends at"), (1004..1300, "is another")] {
        topics.delete(&installation.topic("calls")).await.expect("deleted");
        installation.import(&key, calls).await;
        let projector = installation.projector("projector", port, "0-3");
        let why = missing(&projector, "stopped").await;
        assert!(why.contains("not the one that the index was made from") && why.contains(reason), "{why}");
        assert_eq!(stopped(&projector).len(), 1);
        projector.kill().expect("it is killed");
    }
    // A new index of the new log is good.
    let projector = installation.projector("other", port, "0-3");
    let query_api = installation.query_api(&[port]);
    ready(&[&projector, &query_api]).await;
    assert_eq!(visible(&query_api.client().with_key(&key)).await, Some(296));
}

#[tokio::test]
async fn a_topic_that_is_made_again_under_a_projector_stops_it() {
    let Some(installation) = Installation::new("under") else { return };
    let key = installation.key().await;
    installation.import(&key, 0..50).await;
    let port = free_port();
    let projector = installation.projector("projector", port, "0-3");
    let query_api = installation.query_api(&[port]);
    ready(&[&projector, &query_api]).await;
    let reader = query_api.client().with_key(&key);
    let list = async || {
        let list = reader.post("/api/llm-log/get-list?limit=100", &json!({})).await.expect("query-api answers");
        list.json().ok().and_then(|list| list.get("data").cloned())
    };
    let before = list().await.expect("rows");
    let topics = installation.topics().await;
    // It sees nothing of this until there is more in the new topic than it has read of the old one.
    projector.pause().expect("it pauses");
    topics.delete(&installation.topic("calls")).await.expect("deleted");
    installation.import(&key, 1000..1400).await;
    projector.resume().expect("it goes on");
    let why = missing(&projector, "stopped").await;
    assert!(why.contains("not the one that the index was made from"), "{why}");
    // What it answers is still of one log.
    assert_eq!(list().await.unwrap_or(Value::Null), before);
}
