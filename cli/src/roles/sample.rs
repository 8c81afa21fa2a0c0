//! Loading the sample calls, the way every call comes in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use event_log::{ReferenceFollower, append_reference};
use schemas::access::{ApiKey, Permission, ReadScope};
use schemas::id::{Partition, ProjectId};
use schemas::limits::{BODY_BYTES, QUERY_TIMEOUT};
use schemas::model::ColumnSet;
use schemas::positions::{Offset, Positions};
use schemas::reader::{CallReader, GetRequest, ReadContext};
use schemas::reference::ReferenceRecord;
use schemas::time::{Clock, Timestamp};
use serde::Deserialize;
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::first_key::reference_ready;
use crate::client::json_array;
use crate::http::SampleState;
use crate::log_access::OpenLog;
use crate::new_key::{NewKey, project_record};
use crate::plain_event::PlainEvent;
use crate::samples;

/// How long the printed key is good.
const KEY_LIFE: Duration = Duration::from_hours(24);
/// The source of the samples' events.
const SOURCE: &str = "llm-log-sample";
/// Calls in one request.
const REQUEST_CALLS: usize = 100;
/// How often to look whether something has come to pass.
const LOOK: Duration = Duration::from_millis(20);
/// How long to wait before loading is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What loading works with.
pub(super) struct Samples {
    pub(super) open: OpenLog,
    pub(super) reference: Arc<ReferenceFollower>,
    pub(super) reader: Arc<dyn CallReader>,
    /// The pages of ingest.
    pub(super) door: Router,
    pub(super) clock: Clock,
    pub(super) state: watch::Sender<SampleState>,
}

#[derive(Deserialize)]
struct Acknowledgement {
    position: String,
}

impl Samples {
    /// Puts a new key in force and sees to it that every sample call is visible. Tries until it works.
    pub(super) async fn load(&self) -> ApiKey {
        let project = ProjectId::of_name(samples::PROJECT_NAME);
        let now = self.clock.now();
        let life_us = i64::try_from(KEY_LIFE.as_micros()).unwrap_or(i64::MAX);
        let new = NewKey {
            project,
            permissions: vec![Permission::project_member(), Permission::create_llm_log_event()],
            name: Some("sample".to_owned()),
            created: now,
            expires: Some(Timestamp(now.0.saturating_add(life_us))),
        };
        let (key, record) = new.make();
        while let Err(error) = self.attempt(project, key, &record).await {
            tracing::warn!(error = %format!("{error:#}"), "the sample calls are not loaded; trying again");
            tokio::time::sleep(RETRY).await;
        }
        self.state.send_replace(SampleState::Visible);
        key
    }

    async fn attempt(&self, project: ProjectId, key: ApiKey, record: &ReferenceRecord) -> anyhow::Result<()> {
        reference_ready(&self.reference).await;
        let mut records = vec![record.clone()];
        if self.reference.data().load().project(project).is_none() {
            records.push(project_record(project, samples::PROJECT_NAME));
            records.extend(samples::reference());
        }
        append_reference(&*self.open.log, &records).await?;
        while self.reference.data().load().authenticate(key, self.clock.now().date()).is_err() {
            tokio::time::sleep(LOOK).await;
        }
        self.wait_until_reader(async |_| true).await;
        let missing = self.missing(project).await?;
        for events in missing.chunks(REQUEST_CALLS) {
            let positions = self.publish(key, events).await?;
            self.wait_until_reader(async |serving| {
                positions.partitions.iter().all(|(partition, next)| serving.get(partition) >= Some(next))
            })
            .await;
        }
        Ok(())
    }

    async fn wait_until_reader(&self, condition: impl AsyncFn(&BTreeMap<Partition, Offset>) -> bool) {
        loop {
            if let Ok(status) = self.reader.status().await
                && status.caught_up
                && status.unavailable.is_empty()
                && condition(&status.serving).await
            {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The events of the sample calls that nobody sees yet.
    async fn missing(&self, project: ProjectId) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut events = Vec::new();
        for (line, call) in samples::calls() {
            let id = call.call.context("a sample call has an id")?;
            let context = ReadContext {
                scope: ReadScope::Project(project),
                partitions: None,
                wait_for: None,
                timeout: QUERY_TIMEOUT,
            };
            let found = self.reader.get(GetRequest { context, call: id, columns: ColumnSet::default() }).await?;
            if found.content.is_none() {
                events.push(PlainEvent::recorded(line.as_bytes(), SOURCE)?.json);
            }
        }
        Ok(events)
    }

    /// Sends events through the door that every client uses.
    async fn publish(&self, key: ApiKey, events: &[Vec<u8>]) -> anyhow::Result<Positions> {
        let events: Vec<&[u8]> = events.iter().map(Vec::as_slice).collect();
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/events")
            .header("ApiKey", key.reveal())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json_array(&events)))?;
        let response = self.door.clone().oneshot(request).await?;
        let status = response.status();
        let body = to_bytes(response.into_body(), BODY_BYTES).await?;
        if !status.is_success() {
            bail!("ingest answers {status}: {}", String::from_utf8_lossy(&body));
        }
        let acknowledgement: Acknowledgement = serde_json::from_slice(&body)?;
        Ok(Positions::parse(&acknowledgement.position)?)
    }
}
