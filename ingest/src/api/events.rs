//! `POST /v1/events`: call events, all of them or none.

use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use schemas::access::Principal;
use schemas::event::{CallEventType, IncomingEvent, decode_structured};
use schemas::id::{CallId, Partition, ProjectId};
use schemas::positions::Offset;
use schemas::problem::{Problem, Problems};
use schemas::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::{ItemProblems, Refusal, acknowledged};
use super::body::{self, Items};
use super::{IngestApi, auth};
use crate::complete::{Missing, complete};
use crate::ids::new_id;
use crate::pipeline::{Ingest, ReadyEvent};

/// The source of events that name none.
const SOURCE: &str = "llm-log-http";
/// Bodies from this size on are read on a thread where that may take its time.
const LARGE_BYTES: usize = 64 * 1024;

#[derive(Serialize)]
struct Acknowledgement<'a> {
    items: Vec<AcknowledgedItem>,
    /// A token of positions: whoever reads with it sees these events.
    position: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AcknowledgedItem {
    call_id: CallId,
    event_id: Box<str>,
    partition: Partition,
    offset: Offset,
}

pub(super) async fn append(State(api): State<IngestApi>, headers: HeaderMap, body: Body) -> Response {
    let start = Instant::now();
    let answer = answer(&api, &headers, body).await;
    let response = answer.unwrap_or_else(Refusal::into_response);
    let status = response.status().as_u16().to_string();
    metrics::histogram!("llm_log_ingest_request_seconds", "status" => status.clone()).record(start.elapsed());
    metrics::counter!("llm_log_ingest_requests_total", "status" => status).increment(1);
    response
}

async fn answer(api: &IngestApi, headers: &HeaderMap, body: Body) -> Result<Response, Refusal> {
    let principal = api.authenticate(headers, "create record of LLM Log Event")?;
    // Who may send nothing at all need not send it.
    if auth::may_erase(&principal).is_err() {
        auth::may_create(&principal)?;
    }
    let own_project = match &principal {
        Principal::Key { project, .. } => Some(*project),
        Principal::Master => None,
    };
    let received = body::receive(&api.ingest, own_project, headers, body).await?;
    let (bytes, items) = (received.bytes, received.items);
    let ingest = api.ingest.clone();
    let reading = move || {
        let read = body::items(&bytes)?;
        // Those too many are refused before the work that they make.
        if let Some(project) = own_project {
            ingest.admission().take_events(project, read.len()).map_err(Refusal::Busy)?;
        }
        read_items(&ingest, &principal, &read, items)
    };
    let size = received.held.bytes();
    let ready = if size < LARGE_BYTES {
        reading()?
    } else {
        let turn = api.ingest.admission().turn(size).await.map_err(Refusal::Busy)?;
        let reading = move || {
            let _turn = turn;
            reading()
        };
        tokio::task::spawn_blocking(reading).await.map_err(|_| Refusal::Failed)??
    };
    let calls: Vec<CallId> = ready.iter().map(|event| event.key.call).collect();
    let appended = api.ingest.append(ready, Some(received.held)).await;
    let receipts = appended.map_err(|error| Refusal::of_append(error, calls))?;
    let position = api.ingest.positions(&receipts).token();
    let items = receipts
        .into_iter()
        .map(|receipt| AcknowledgedItem {
            call_id: receipt.key.call,
            event_id: receipt.event_id,
            partition: receipt.position.partition,
            offset: receipt.position.offset,
        })
        .collect();
    Ok(acknowledged(&position, &Acknowledgement { items, position: &position }))
}

/// Every item as the record that the log will have, or everything that is wrong with them.
fn read_items(
    ingest: &Ingest,
    principal: &Principal,
    read: &[&RawValue],
    items: Items,
) -> Result<Vec<ReadyEvent>, Refusal> {
    let now = ingest.now();
    let mut problems = ItemProblems::default();
    let mut ready = Vec::with_capacity(read.len());
    for (index, item) in read.iter().enumerate() {
        let too_large = |source| Refusal::ItemTooLarge { index, source };
        ingest.check_size(item.get().len()).map_err(too_large)?;
        match read_item(principal, item, items)? {
            Ok((project, event)) => {
                let event = complete(event, project, now, &mut MissingOverHttp { now });
                let event = ingest.ready(&event).map_err(too_large)?;
                if problems.is_empty() {
                    ready.push(event);
                }
            }
            Err(found) => problems.add(index, found),
        }
    }
    if problems.is_empty() { Ok(ready) } else { Err(Refusal::Problems(problems)) }
}

fn read_item(
    principal: &Principal,
    item: &RawValue,
    items: Items,
) -> Result<Result<(ProjectId, IncomingEvent), Problems>, Refusal> {
    let event = match decode_structured(item.get().as_bytes()) {
        Ok(event) => event,
        Err(problems) => return Ok(Err(problems)),
    };
    let has_envelope = event.source.is_some();
    if !has_envelope && items == Items::CloudEvents {
        return Ok(Err(Problem::new("/specversion", "\"1.0\"").into()));
    }
    match event.event_type {
        CallEventType::Erased => auth::may_erase(principal)?,
        CallEventType::Abandoned => {
            return Ok(Err(Problem::new("/type", "another type: llm-log itself finds abandoned calls").into()));
        }
        _ => auth::may_create(principal)?,
    }
    let wrong_project = |expected: &str| {
        let parent = if has_envelope { "/data" } else { "" };
        Ok(Err(Problem::of_member(parent, "projectId", expected).into()))
    };
    match (principal, event.project) {
        (Principal::Key { project, .. }, Some(named)) if named != *project => {
            wrong_project("the key's own project, or none")
        }
        (Principal::Key { project, .. }, _) => Ok(Ok((*project, event))),
        (Principal::Master, Some(project)) => Ok(Ok((project, event))),
        (Principal::Master, None) => wrong_project("the id of a project, since the master key has none of its own"),
    }
}

struct MissingOverHttp {
    now: Timestamp,
}

impl Missing for MissingOverHttp {
    fn call_id(&mut self) -> CallId {
        CallId(new_id(self.now))
    }

    fn event_id(&mut self) -> Box<str> {
        new_id(self.now).to_string().into()
    }

    fn source(&mut self) -> Box<str> {
        SOURCE.into()
    }
}
