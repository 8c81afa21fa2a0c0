//! Lines that go in one request.

use schemas::id::ProjectId;

use super::lines::{Line, LineText};
use super::summary::{Part, RefusedLine};
use crate::client::{PublishError, Publisher};
use crate::plain_event::PlainEvent;

/// The source of imported events.
const SOURCE: &str = "llm-log-import";
const BATCH_EVENTS: usize = 500;
const BATCH_BYTES: usize = 2 * 1024 * 1024;

/// Events to publish, and lines that make none.
#[derive(Debug, Default)]
pub(super) struct Batch {
    events: Vec<(u64, PlainEvent)>,
    bytes: usize,
    refused: Vec<RefusedLine>,
}

impl Batch {
    pub(super) fn add(&mut self, line: Line) {
        let event = match line.text {
            LineText::Bytes(bytes) => PlainEvent::recorded(&bytes, SOURCE).map_err(|error| error.to_string()),
            LineText::TooLong => Err("it is longer than any event may be".to_owned()),
        };
        match event {
            Ok(event) => {
                self.bytes += event.json.len() + 1;
                self.events.push((line.number, event));
            }
            Err(reason) => self.refused.push(RefusedLine { line: line.number, reason }),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.events.len() + self.refused.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.refused.is_empty()
    }
}

/// Publishes what the server takes of a batch; says what became of each line.
pub(super) async fn publish(publisher: &Publisher, batch: Batch) -> anyhow::Result<Part> {
    let mut part = Part { refused: batch.refused, ..Part::default() };
    let mut waiting = vec![batch.events];
    while let Some(mut events) = waiting.pop() {
        if events.is_empty() {
            continue;
        }
        let bodies: Vec<&[u8]> = events.iter().map(|(_, event)| event.json.as_slice()).collect();
        match publisher.publish(&bodies).await {
            Ok(()) => part.acknowledge(events.iter().map(|(_, event)| event)),
            Err(PublishError::Problems(problems)) => {
                let mut kept = Vec::with_capacity(events.len());
                for (index, (line, event)) in events.into_iter().enumerate() {
                    let reasons: Vec<_> = problems
                        .iter()
                        .filter(|problem| problem.index == index)
                        .map(|problem| format!("{}: expected {}", problem.pointer, problem.expected))
                        .collect();
                    if reasons.is_empty() {
                        kept.push((line, event));
                    } else {
                        part.refused.push(RefusedLine { line, reason: reasons.join("; ") });
                    }
                }
                waiting.push(kept);
            }
            Err(PublishError::TooLarge(reason)) => match <[_; 1]>::try_from(events) {
                Ok([(line, _)]) => part.refused.push(RefusedLine { line, reason }),
                Err(several) => {
                    events = several;
                    let rest = events.split_off(events.len() / 2);
                    waiting.extend([rest, events]);
                }
            },
            Err(PublishError::Fatal(error)) => return Err(error.into()),
        }
    }
    Ok(part)
}

impl Part {
    fn acknowledge<'a>(&mut self, events: impl Iterator<Item = &'a PlainEvent>) {
        for event in events {
            self.acknowledged += 1;
            self.cut_texts += event.cut_texts;
            self.projects.extend(event.project.map(|ProjectId(id)| id));
        }
    }
}
