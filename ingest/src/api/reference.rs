//! `POST /v1/reference`: changes of the reference data, all of them or none.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use event_log::append_reference;
use schemas::positions::{Offset, Positions};
use schemas::problem::Problem;
use schemas::reference::{ReferenceKind, ReferenceRecord};
use serde::Serialize;

use super::IngestApi;
use super::answer::{ItemProblems, Refusal, acknowledged};
use super::body;

#[derive(Serialize)]
struct Acknowledgement<'a> {
    items: Vec<AcknowledgedItem>,
    /// A token of positions: whoever reads with it sees these changes.
    position: &'a str,
}

#[derive(Serialize)]
struct AcknowledgedItem {
    key: String,
    offset: Offset,
}

pub(super) async fn append(State(api): State<IngestApi>, headers: HeaderMap, body: Body) -> Response {
    answer(&api, &headers, body).await.unwrap_or_else(Refusal::into_response)
}

async fn answer(api: &IngestApi, headers: &HeaderMap, body: Body) -> Result<Response, Refusal> {
    api.authenticate_master(headers, "change reference data")?;
    let received = body::receive(&api.ingest, None, headers, body).await?;
    let mut records = Vec::new();
    let mut problems = ItemProblems::default();
    for (index, item) in body::items(&received.bytes)?.into_iter().enumerate() {
        match ReferenceRecord::decode_sent_event(item.get().as_bytes()) {
            Ok(record) => {
                api.ingest.check_reference_size(&record).map_err(|source| Refusal::ItemTooLarge { index, source })?;
                match refused(&record) {
                    Some(problem) => problems.add(index, problem.into()),
                    None => records.push(record),
                }
            }
            Err(found) => problems.add(index, found),
        }
    }
    if !problems.is_empty() {
        return Err(Refusal::Problems(problems));
    }
    let appended = append_reference(&*api.log, &records).await;
    let positions = appended.map_err(|error| Refusal::of_append(error, Vec::new()))?;
    let reference = positions.iter().map(|position| position.offset + 1).max();
    let position = Positions { log: api.ingest.log_id(), partitions: BTreeMap::new(), reference }.token();
    let items = records.iter().zip(positions);
    let items = items.map(|(record, at)| AcknowledgedItem { key: record.key(), offset: at.offset }).collect();
    Ok(acknowledged(&position, &Acknowledgement { items, position: &position }))
}

/// What nobody may say from outside, though the event itself is valid.
fn refused(record: &ReferenceRecord) -> Option<Problem> {
    match (record.kind, &record.object) {
        (ReferenceKind::Log, _) => Some(Problem::new("/type", "another kind: the log names itself")),
        (ReferenceKind::KeyRevocation, None) => {
            Some(Problem::new("/data", "an object: a revocation is final and can't be deleted"))
        }
        _ => None,
    }
}
