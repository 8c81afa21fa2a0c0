//! `serve --sample`.

use serde_json::Value;
use testkit::Server;

use crate::binary::{Folder, count};

/// The key of the samples, and the body of the query that is printed with it.
fn printed(server: &Server) -> (String, Value) {
    let said = server.stdout();
    let key = said.lines().find_map(|line| line.split_once("good for a day: ")).map(|(_, key)| key.trim().to_owned());
    let body = said.split(" -d '").nth(1).and_then(|rest| rest.split('\'').next());
    let body = body.and_then(|body| serde_json::from_str(body).ok());
    key.zip(body).unwrap_or_else(|| panic!("no key and no query: {said}"))
}

#[tokio::test]
async fn the_first_query_on_the_samples_has_an_answer_at_every_start() {
    let folder = Folder::new();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let server = folder.serve(&["--sample"]).await;
        // It is ready when the samples are visible, and tells their key next.
        testkit::wait_until_async("the key is told", crate::journey::VISIBLE, async || {
            server.stdout().contains("try: curl")
        })
        .await;
        let (key, body) = printed(&server);
        let client = server.client().with_key(&key);
        let list = client.post_ok("/api/llm-log/get-list", &body).await;
        assert!(list["count"].as_u64() > Some(0), "{list}");
        assert!(list["data"][0]["requestPrompt"].as_str().is_some_and(|text| text.contains("efund")), "{list}");
        assert_eq!(count(&client).await, 312, "each sample is one call, however often they are loaded");
        keys.push(key);
        for known in &keys {
            assert_eq!(count(&client.with_key(known)).await, 312, "the key of an earlier start is good for its day");
        }
        server.terminate().await.expect("it stops");
    }
    assert_ne!(keys.first(), keys.last());
    assert!(folder.verify().await.done().ends_with("differences 0\n"));
}
