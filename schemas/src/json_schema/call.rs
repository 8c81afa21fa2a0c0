//! Schemas of call events.

use serde_json::{Map, Value, json};

use super::DIALECT;
use super::scalar::{DATE, OBJECT_ID, attribute, column, definitions, required_attribute, without_null};
use crate::event::{CallEventType, MAJOR_VERSION};
use crate::limits::{EVENT_BYTES, JSON_DEPTH, MEMBERS};
use crate::model::Column;

/// Columns that are folded by rules of their own; every event may name them.
const OF_EVERY_EVENT: [Column; 4] = [Column::ProjectId, Column::CreatedAt, Column::UpdatedAt, Column::Version];
/// A type and subtype whose case does not matter: `application/json` and `application/…+json`.
const JSON_PATTERN: &str = "^[Aa][Pp][Pp][Ll][Ii][Cc][Aa][Tt][Ii][Oo][Nn]/([^;]*\\+)?[Jj][Ss][Oo][Nn] *(;|$)";

pub(super) fn schema(event_type: CallEventType) -> Value {
    let mut required = vec!["specversion", "source", "type", "data"];
    if event_type == CallEventType::Erased {
        required.push("subject");
    }
    json!({
        "$schema": DIALECT,
        "$id": format!("llm-log:call.{}:{MAJOR_VERSION}", event_type.name()),
        "title": event_type.to_string(),
        "description": format!(
            "{} A CloudEvent of at most {EVENT_BYTES} bytes and {JSON_DEPTH} levels.",
            description(event_type)
        ),
        "type": "object",
        "properties": {
            "specversion": { "const": "1.0" },
            "id": attribute("Unique within its source; made at ingest when it is left out."),
            "source": required_attribute("Who publishes the event."),
            "type": { "const": event_type.to_string() },
            "subject": subject(event_type),
            "time": {
                "description": "When it happened; the time of receipt when it is left out or too far ahead.",
                "type": ["string", "null"],
                "$ref": DATE,
            },
            "datacontenttype": with(attribute("What data is: JSON."), &json!({ "pattern": JSON_PATTERN })),
            "dataschema": with(
                attribute("A URI that ends in the major version of the event; left out, it is 1."),
                &json!({ "pattern": format!("(^|[^0-9])0*{MAJOR_VERSION}$") }),
            ),
            "data_base64": refused("Binary data is refused; use data."),
            "data": data(event_type),
        },
        "required": required,
        "maxProperties": MEMBERS,
        "additionalProperties": {
            "description": "Other attributes of the envelope are kept as they are.",
        },
        "$defs": definitions(),
    })
}

fn subject(event_type: CallEventType) -> Value {
    if event_type == CallEventType::Erased {
        return json!({ "description": "The id of the call to erase.", "type": "string", "$ref": OBJECT_ID });
    }
    json!({
        "description": "The call id. Ingest makes one when it is left out; send it to be able to send again.",
        "type": ["string", "null"],
        "$ref": OBJECT_ID,
    })
}

fn description(event_type: CallEventType) -> &'static str {
    match event_type {
        CallEventType::Started => "A call has begun. It is shown at once, with the status Running.",
        CallEventType::Abandoned => "A call has run so long that no outcome is expected; a late outcome still wins.",
        CallEventType::Completed => "A call has ended well.",
        CallEventType::Failed => "A call has ended in an error.",
        CallEventType::Recorded => "All of a call in one event, told after it has ended.",
        CallEventType::Annotated => "What became known of a call later. It wins over all other events.",
        CallEventType::Erased => {
            "Removes a call for ever, whatever came before or comes after. For the HTTP door only."
        }
    }
}

fn data(event_type: CallEventType) -> Value {
    let mut properties = Map::new();
    for of in Column::ALL {
        let schema = if OF_EVERY_EVENT.contains(&of) {
            column(of)
        } else if event_type.may_claim(of) {
            claim(event_type, of)
        } else if of == Column::Status {
            json!({ "description": "Not in an event of this type; null is the same as leaving it out.", "type": "null" })
        } else if of.is_claimable() {
            refused("Not in an event of this type.")
        } else {
            continue;
        };
        properties.insert(of.name().to_owned(), schema);
    }
    let data = json!({
        "description": DATA,
        "type": "object",
        "properties": properties,
        "maxProperties": MEMBERS,
        "additionalProperties": { "description": "Members that version 1 does not know are kept as they are." },
    });
    let needs = match event_type {
        CallEventType::Recorded => json!({ "required": [Column::Status.name()] }),
        CallEventType::Annotated => {
            let claims = event_type.claimable().map(|column| json!({ "required": [column.name()] }));
            json!({ "anyOf": claims.collect::<Vec<_>>() })
        }
        _ => json!({}),
    };
    with(data, &needs)
}

const DATA: &str = "What the event says of its call. A member that is left out claims nothing; null claims that the \
    column is empty, but for projectId, createdAt, updatedAt, version and status, where it is the same as leaving it \
    out. Status and its message are one claim, and so are the four numbers of tokens: an event that has one of them \
    claims all, those it leaves out are empty.";

fn claim(event_type: CallEventType, of: Column) -> Value {
    match (event_type, of) {
        (CallEventType::Recorded, Column::Status) => without_null(column(of)),
        (CallEventType::Failed, Column::Status) => with(column(of), &json!({ "not": { "const": "Success" } })),
        _ => column(of),
    }
}

/// A member that may not be there at all.
fn refused(description: &str) -> Value {
    json!({ "description": description, "not": {} })
}

fn with(mut schema: Value, more: &Value) -> Value {
    if let (Some(schema), Some(more)) = (schema.as_object_mut(), more.as_object()) {
        schema.extend(more.clone());
    }
    schema
}
