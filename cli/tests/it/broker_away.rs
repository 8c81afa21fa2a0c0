//! A broker of the test's own that goes away and comes back. Runs when `LLM_LOG_TEST_KAFKA` names a broker, so that one
//! can be started.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Broker, Client, Server, wait_until_async};

use crate::binary::{Folder, count, make_key};
use crate::calls::call;
use crate::consistency::{is_there, publish_one, read_with};
use crate::journey::VISIBLE;

async fn lag(client: &Client) -> Duration {
    let answer = read_with(client, "count", &[]).await;
    assert_eq!(answer.status, 200, "reads are answered: {}", answer.text());
    let lag = answer.header("Llm-Log-Lag-Ms").expect("an answer says how far it is behind");
    Duration::from_millis(lag.parse().expect("a number"))
}

async fn until_fresh(client: &Client) {
    wait_until_async("answers are fresh", VISIBLE, async || lag(client).await < Duration::from_secs(1)).await;
}

async fn metric(server: &Server, name: &str) -> f64 {
    let metrics = server.client().get("/metrics").await.expect("the server answers").text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.expect("it is measured").parse().expect("a number")
}

#[tokio::test]
async fn with_the_broker_away_reads_say_how_old_they_are_and_nothing_is_acknowledged() {
    if testkit::kafka_or_skip().is_none() {
        return;
    }
    let folder = Folder::new();
    let broker = Broker::started().await.expect("the broker starts");
    let bootstrap = broker.bootstrap();
    let log = ["--kafka", &bootstrap, "--log-partitions", "4"];
    let key = make_key(&log, &["ReadLlmLog", "CreateLlmLogEvent"]).await;
    let server = folder.serve(&log).await;
    let client = server.client().with_key(&key);
    let token = publish_one(&client, 0).await;
    assert!(is_there(&client, 0, &[&token]).await);
    until_fresh(&client).await;

    for (round, killed) in [false, true].into_iter().enumerate() {
        let number = round + 1;
        let gone = Instant::now();
        let away = if killed { broker.kill().await } else { broker.pause().await };
        away.expect("the broker goes away");
        let refused = async {
            let answer = client.post("/v1/events", &call(1000 + round)).await.expect("the server answers");
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(answer.header("Retry-After").is_some(), "{}", answer.text());
        };
        let growing = async {
            wait_until_async("the lag grows", VISIBLE, async || lag(&client).await > Duration::from_secs(5)).await;
            let lag = lag(&client).await;
            assert!(lag <= gone.elapsed() + Duration::from_secs(2), "no more than the time that has passed");
            assert_eq!(count(&client).await, 1 + 2 * u64::try_from(round).expect("small"));
            assert!(metric(&server, "llm_log_projector_lag_seconds").await > 5.0);
            let ready = server.client().get("/readyz").await.expect("the server answers").json().expect("JSON");
            assert_eq!(ready["ready"], json!(true), "answers go on: {ready}");
            assert!(ready["lagMs"].as_u64() > Some(5000), "{ready}");
        };
        tokio::join!(refused, growing);

        let back = if killed { broker.start().await } else { broker.resume().await };
        back.expect("the broker comes back");
        until_fresh(&client).await;
        wait_until_async("events are taken again", VISIBLE, async || {
            client.post("/v1/events", &call(number)).await.expect("the server answers").status == 200
        })
        .await;
        let token = publish_one(&client, number).await;
        assert!(is_there(&client, number, &[&token]).await);
        // What was not acknowledged may have been appended all the same; sent again it is there once.
        let token = publish_one(&client, 1000 + round).await;
        assert!(is_there(&client, 1000 + round, &[&token]).await);
    }
    let stopped = server.terminate().await.expect("it stops");
    assert!(stopped.status.success(), "{stopped:?}");
}
