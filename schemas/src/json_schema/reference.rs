//! Schemas of reference events.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::{Value, json};

use super::DIALECT;
use super::scalar::{DATE, OBJECT_ID, definitions};
use crate::event::MAJOR_VERSION;
use crate::limits::MEMBERS;
use crate::reference::{
    AlertObject, IncidentObject, KeyObject, KeyRevocationObject, LlmProviderObject, LogObject, ProjectObject,
    ReferenceKind, ScheduledMaintenanceObject, UserObject,
};

pub(super) fn schema(kind: ReferenceKind) -> Value {
    let (object, description) = match kind {
        ReferenceKind::Log => object::<LogObject>(),
        ReferenceKind::Project => object::<ProjectObject>(),
        ReferenceKind::Key => object::<KeyObject>(),
        ReferenceKind::KeyRevocation => object::<KeyRevocationObject>(),
        ReferenceKind::LlmProvider => object::<LlmProviderObject>(),
        ReferenceKind::User => object::<UserObject>(),
        ReferenceKind::Incident => object::<IncidentObject>(),
        ReferenceKind::Alert => object::<AlertObject>(),
        ReferenceKind::ScheduledMaintenance => object::<ScheduledMaintenanceObject>(),
    };
    json!({
        "$schema": DIALECT,
        "$id": format!("llm-log:reference.{}:{MAJOR_VERSION}", kind.name()),
        "title": kind.event_type(),
        "description": description,
        "type": "object",
        "properties": {
            "specversion": { "const": "1.0" },
            "id": { "description": "Not looked at." },
            "source": { "description": "Not looked at." },
            "type": { "const": kind.event_type() },
            "subject": {
                "description": "The id of the object.",
                "type": "string",
                "$ref": OBJECT_ID,
            },
            "data": object,
        },
        "required": ["specversion", "type", "subject", "data"],
        "maxProperties": MEMBERS,
        "$defs": definitions(),
    })
}

/// The schema of `data`, and what the object is.
fn object<T: JsonSchema>() -> (Value, Value) {
    let definitions = RecursiveTransform(|schema: &mut schemars::Schema| {
        let definition = match schema.get("format").and_then(Value::as_str) {
            Some("uuid") => OBJECT_ID,
            Some("date-time") => DATE,
            _ => return,
        };
        schema.remove("format");
        schema.insert("$ref".to_owned(), definition.into());
    });
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let generated = settings.with_transform(definitions).into_generator().into_root_schema_for::<T>();
    let mut data = json!({ "description": "The object; null deletes it." });
    let mut description = Value::Null;
    if let (Some(data), Value::Object(mut generated)) = (data.as_object_mut(), generated.to_value()) {
        generated.remove("title");
        description = generated.remove("description").unwrap_or_default();
        data.extend(generated);
        data.insert("type".to_owned(), json!(["object", "null"]));
    }
    (data, description)
}
