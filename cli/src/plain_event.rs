//! LLM Log objects as the events that publish them.

use schemas::event::{CallData, CallEventType, IncomingEvent, PlainJson, decode_structured};
use schemas::id::{CallId, ProjectId, derived_uuid};
use schemas::limits::EVENT_BYTES;
use schemas::model::Column;
use schemas::problem::Problems;
use schemas::time::{Date, Timestamp};
use schemas::value::Value;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// An event of one call, in JSON as `POST /v1/events` takes it.
#[derive(Debug)]
pub(crate) struct PlainEvent {
    pub(crate) json: Vec<u8>,
    /// The project that the object named. The event names none: it goes to the key's.
    pub(crate) project: Option<ProjectId>,
    /// Texts that were longer than their column takes.
    pub(crate) cut_texts: usize,
}

/// Why an object makes no event.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectRefusal {
    #[error(transparent)]
    Problems(#[from] Problems),
    #[error("it is a CloudEvent, not an LLM Log object")]
    CloudEvent,
    #[error("it has none of updatedAt, createdAt, requestCompletedAt and requestStartedAt")]
    NoTime,
    #[error("it has {bytes} bytes, more than {EVENT_BYTES}")]
    TooLarge { bytes: usize },
}

/// Reads an LLM Log object.
pub(crate) fn read_object(object: &[u8]) -> Result<IncomingEvent, ObjectRefusal> {
    let incoming = decode_structured(object)?;
    if incoming.source.is_some() { Err(ObjectRefusal::CloudEvent) } else { Ok(incoming) }
}

impl PlainEvent {
    /// The event that says how a call was, at the time that the call itself tells: of two exports of it, the one that
    /// was updated later wins. The same object always gives the same event; without an `_id` the call's id follows from
    /// the object's text.
    pub(crate) fn recorded(object: &[u8], source: &str) -> Result<Self, ObjectRefusal> {
        let mut incoming = read_object(object)?;
        let created = creation_of(&incoming.data);
        let time = incoming.data.updated_at.or(created).ok_or(ObjectRefusal::NoTime)?;
        let time = Timestamp::from_millis(time.0);
        // When the call was updated is not when it was made.
        incoming.data.created_at = created;
        let text = String::from_utf8_lossy(object);
        let id = derived_uuid("object", &[text.trim()]);
        let call = incoming.call.unwrap_or(CallId(derived_uuid("imported-call", &[text.trim()])));
        let cut_texts = incoming.data.cut_long_texts().len();
        let envelope = Envelope { id: &id.to_string(), source, event_type: incoming.event_type, call, time };
        let json = envelope.json(&incoming.data);
        if json.len() > EVENT_BYTES {
            return Err(ObjectRefusal::TooLarge { bytes: json.len() });
        }
        Ok(Self { json, project: incoming.project, cut_texts })
    }
}

fn creation_of(data: &CallData) -> Option<Date> {
    let claimed = |column| match data.claimed(column) {
        Some(Value::Date(claimed)) => Some(*claimed),
        _ => None,
    };
    data.created_at.or_else(|| claimed(Column::RequestCompletedAt)).or_else(|| claimed(Column::RequestStartedAt))
}

/// The attributes of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope<'a> {
    pub(crate) id: &'a str,
    pub(crate) source: &'a str,
    pub(crate) event_type: CallEventType,
    pub(crate) call: CallId,
    pub(crate) time: Timestamp,
}

impl Envelope<'_> {
    /// The event with this data.
    pub(crate) fn json(&self, data: &CallData) -> Vec<u8> {
        let event = Event { envelope: *self, data };
        serde_json::to_vec(&event).expect("an event has only string keys and finite numbers")
    }
}

struct Event<'a> {
    envelope: Envelope<'a>,
    data: &'a CallData,
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", self.envelope.id)?;
        map.serialize_entry("source", self.envelope.source)?;
        map.serialize_entry("type", &self.envelope.event_type.to_string())?;
        map.serialize_entry("subject", &self.envelope.call)?;
        map.serialize_entry("time", &self.envelope.time.to_string())?;
        map.serialize_entry("data", &Data(self.data))?;
        map.end()
    }
}

struct Data<'a>(&'a CallData);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(date) = self.0.created_at {
            map.serialize_entry(Column::CreatedAt.name(), &date.to_string())?;
        }
        if let Some(date) = self.0.updated_at {
            map.serialize_entry(Column::UpdatedAt.name(), &date.to_string())?;
        }
        if let Some(version) = self.0.version {
            map.serialize_entry(Column::Version.name(), &version)?;
        }
        for (column, value) in self.0.claims() {
            map.serialize_entry(column.name(), &PlainJson(value))?;
        }
        for (name, value) in &self.0.unknown {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use schemas::event::CallEvent;
    use schemas::fold::{CallState, LiveCall};
    use serde_json::{Value as Json, json};

    use super::*;

    const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

    fn recorded(object: &Json) -> Result<(PlainEvent, Json), ObjectRefusal> {
        let event = PlainEvent::recorded(object.to_string().as_bytes(), "test")?;
        let json = serde_json::from_slice(&event.json).expect("an event is JSON");
        Ok((event, json))
    }

    #[test]
    fn an_object_keeps_its_members_but_for_id_and_project() {
        let object = json!({"_id": ID.to_uppercase(), "projectId": ID, "createdAt": "2026-03-01T06:00:00.5Z", "status": "Success",
            "costInUSDCents": 0.1164, "feature": null, "later": {"a": [1]}});
        let (event, json) = recorded(&object).expect("valid");
        assert_eq!(event.project.map(|project| project.to_string()).as_deref(), Some(ID));
        assert_eq!(json["subject"], ID);
        assert_eq!(json["type"], "llm-log.call.recorded");
        assert_eq!(json["source"], "test");
        assert_eq!(json["time"], "2026-03-01T06:00:00.500Z");
        let data = json!({"createdAt": "2026-03-01T06:00:00.500Z", "status": "Success", "feature": null,
            "costInUSDCents": 0.1164, "later": {"a": [1]}});
        assert_eq!(json["data"], data);
    }

    #[test]
    fn values_in_the_form_of_the_reference_server_are_taken() {
        let object = json!({"_id": ID, "status": "Error", "createdAt": {"_type": "DateTime", "value": "2026-03-01T06:00:00.123Z"},
            "userId": {"_type": "ObjectID", "value": ID}});
        let (_, json) = recorded(&object).expect("valid");
        assert_eq!(json["time"], "2026-03-01T06:00:00.123Z");
        assert_eq!(json["data"]["userId"], ID);
    }

    #[test]
    fn the_time_is_of_the_last_update_else_creation_else_completion_else_start() {
        let time =
            |object: Json| recorded(&object).map(|(_, json)| json["time"].as_str().unwrap_or_default().to_owned());
        let (start, end) = ("2026-03-01T06:00:01Z", "2026-03-01T06:00:02Z");
        let (created, updated) = ("2026-03-01T06:00:03Z", "2026-03-01T06:00:04Z");
        let mut all = json!({"status": "Success", "requestStartedAt": start, "requestCompletedAt": end,
            "createdAt": created, "updatedAt": updated});
        assert_eq!(time(all.clone()).expect("valid"), updated);
        all["updatedAt"] = Json::Null;
        assert_eq!(time(all).expect("valid"), created);
        assert_eq!(time(json!({"status": "Success", "updatedAt": updated})).expect("valid"), updated);
        let both = json!({"status": "Success", "requestStartedAt": start, "requestCompletedAt": end});
        assert_eq!(time(both).expect("valid"), end);
        assert_eq!(time(json!({"status": "Running", "requestStartedAt": start})).expect("valid"), start);
        assert!(matches!(time(json!({"status": "Success"})), Err(ObjectRefusal::NoTime)));
    }

    /// What the events of these objects make of one call, each as the log has it.
    fn folded(objects: &[Json]) -> LiveCall {
        let states = objects.iter().map(|object| {
            let (_, mut json) = recorded(object).expect("valid");
            json["data"]["projectId"] = json!(ID);
            let value = json.to_string();
            CallState::of(CallEvent::decode(value.as_bytes()).expect("complete"), hash(value.as_bytes()))
        });
        let state = states.reduce(|mut one, other| {
            one.merge(other);
            one
        });
        let Some(CallState::Live(live)) = state else { panic!("nothing erased it") };
        live
    }

    /// Something that differs from text to text, as the hash of a record does.
    fn hash(bytes: &[u8]) -> u128 {
        derived_uuid("test", &[&String::from_utf8_lossy(bytes)]).as_u128()
    }

    #[test]
    fn of_two_exports_of_a_call_the_one_updated_later_wins_and_its_dates_stay() {
        for number in 0..20 {
            let (start, end) = ("2026-03-01T06:00:01.000Z", "2026-03-01T06:00:02.000Z");
            let old = json!({"_id": ID, "status": "Error", "feature": format!("old {number}"), "updatedAt": end,
                "requestStartedAt": start, "requestCompletedAt": end});
            let mut new = old.clone();
            new["feature"] = json!(format!("new {number}"));
            new["updatedAt"] = json!("2026-03-02T06:00:00.000Z");
            for created in [None, Some("2026-03-01T06:00:00.000Z")] {
                let (mut old, mut new) = (old.clone(), new.clone());
                if let Some(created) = created {
                    old["createdAt"] = json!(created);
                    new["createdAt"] = json!(created);
                }
                let live = folded(&[new, old]);
                let feature = live.claimed(Column::Feature).and_then(Value::as_text);
                assert_eq!(feature, Some(format!("new {number}").as_str()));
                let dates = [live.created_at(), live.updated_at()].map(|date| date.expect("it has one").to_string());
                assert_eq!(dates, [created.unwrap_or(end), "2026-03-02T06:00:00.000Z"]);
            }
        }
    }

    #[test]
    fn an_object_without_id_gets_the_same_one_each_time() {
        let object = json!({"status": "Success", "createdAt": "2026-03-01T06:00:00Z"});
        let other = json!({"status": "Error", "createdAt": "2026-03-01T06:00:00Z"});
        let call = |object: &Json| recorded(object).expect("valid").1["subject"].clone();
        assert_eq!(call(&object), call(&object));
        assert_ne!(call(&object), call(&other));
    }

    #[test]
    fn over_long_texts_are_cut_and_counted() {
        let object = json!({"status": "Success", "createdAt": "2026-03-01T06:00:00Z", "feature": "f".repeat(501)});
        let (event, json) = recorded(&object).expect("valid");
        assert_eq!(event.cut_texts, 1);
        assert_eq!(json["data"]["feature"].as_str().map(|text| text.chars().count()), Some(500));
    }

    #[test]
    fn what_is_no_object_is_refused_with_a_reason() {
        let refused = |text: &str| PlainEvent::recorded(text.as_bytes(), "test").expect_err("wrong").to_string();
        assert!(refused("{\"status\": 1}").contains("/status"), "{}", refused("{\"status\": 1}"));
        assert!(refused("not json").contains("expected a JSON object"));
        let event = r#"{"specversion":"1.0","source":"s","type":"llm-log.call.completed","data":{}}"#;
        assert!(refused(event).contains("CloudEvent"));
    }
}
