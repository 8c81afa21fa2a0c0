//! A fresh server that holds the fixtures.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use schemas::access::ApiKey;
use serde_json::{Map, Value, json};

use super::case::Form;
use super::fixtures::Fixtures;
use crate::client::Client;
use crate::server::{Server, free_port};
use crate::wait::wait_until_async;

/// How long loaded data may take to be seen.
const VISIBLE: Duration = Duration::from_secs(30);

/// Starts a server on an empty folder and a free port, and loads the fixtures.
pub async fn start_server(binary: &Path, folder: &Path, fixtures: &Fixtures, form: Form) -> Result<Server> {
    let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port());
    start_server_at(binary, folder, listen, fixtures, form).await
}

/// Starts a server on an empty folder that listens there, and loads the fixtures.
pub async fn start_server_at(
    binary: &Path,
    folder: &Path,
    listen: SocketAddr,
    fixtures: &Fixtures,
    form: Form,
) -> Result<Server> {
    let master_key = folder.join("master-key");
    fs::write(&master_key, &fixtures.master_api_key)?;
    let master_key = master_key.display().to_string();
    let mut args = vec!["--master-key-file", &master_key];
    if form != Form::Docs {
        args.extend(["--compat", form.name()]);
    }
    let server = Server::serve_at(binary, &folder.join("data"), listen, &args).await?;
    load(&server.client().with_key(&fixtures.master_api_key), fixtures).await?;
    Ok(server)
}

/// Loads the fixtures through `POST /v1/reference` and `POST /v1/events`, and waits until they are seen.
async fn load(master: &Client, fixtures: &Fixtures) -> Result<()> {
    // Reference data is in force in the order of its log: when this last key is good, all is.
    let probe = ApiKey::generate();
    let mut reference = reference_events(fixtures)?;
    reference.push(probe_event(probe, fixtures)?);
    post(master, "/v1/reference", reference).await?;
    // An erasure absorbs what comes after it too. Sent first, it lets the number of calls only grow.
    let erased: Vec<Value> = fixtures.llm_logs.iter().filter(|call| is_erased(call)).map(erased_event).collect();
    let visible = fixtures.llm_logs.len() - erased.len();
    if !erased.is_empty() {
        post(master, "/v1/events", erased).await?;
    }
    post(master, "/v1/events", fixtures.llm_logs.iter().map(recorded_event).collect()).await?;

    let reader = master.with_key(probe.reveal());
    wait_until_async(
        "the fixtures' keys are in force",
        VISIBLE,
        async || matches!(reader.post("/api/llm-log/count", &json!({})).await, Ok(answer) if answer.status == 200),
    )
    .await;
    wait_until_async("the fixtures' calls are visible", VISIBLE, async || {
        let Ok(answer) = master.post("/api/llm-log/count", &json!({})).await else { return false };
        answer.json().is_ok_and(|body| body == json!({"count": visible}))
    })
    .await;
    Ok(())
}

async fn post(master: &Client, path: &str, events: Vec<Value>) -> Result<()> {
    let answer = master.post(path, &Value::Array(events)).await?;
    ensure!(answer.status == 200, "POST {path} answers {}: {}", answer.status, answer.text());
    Ok(())
}

fn reference_events(fixtures: &Fixtures) -> Result<Vec<Value>> {
    let kinds = [
        ("project", &fixtures.projects),
        ("user", &fixtures.users),
        ("llm-provider", &fixtures.llm_providers),
        ("incident", &fixtures.incidents),
        ("alert", &fixtures.alerts),
        ("scheduled-maintenance", &fixtures.scheduled_maintenances),
    ];
    let mut events = Vec::new();
    for (kind, objects) in kinds {
        for object in objects {
            let mut data = object.clone();
            let id = data.shift_remove("_id").with_context(|| format!("a {kind} of the fixtures has no _id"))?;
            events.push(reference_event(kind, &id, &data));
        }
    }
    for (number, fixture) in fixtures.api_keys.iter().enumerate() {
        let mut data = fixture.clone();
        let key = data.shift_remove("apiKey");
        let key: ApiKey =
            key.as_ref().and_then(Value::as_str).context("a key of the fixtures has no apiKey")?.parse()?;
        data.insert("hash".to_owned(), serde_json::to_value(key.hash())?);
        events.push(reference_event("key", &json!(format!("00000000-0000-4000-8000-0000cccc{number:04x}")), &data));
    }
    Ok(events)
}

fn probe_event(probe: ApiKey, fixtures: &Fixtures) -> Result<Value> {
    let project = fixtures.projects.first().and_then(|project| project.get("_id"));
    let data = json!({
        "projectId": project.context("the fixtures have no project")?,
        "hash": probe.hash(),
        "permissions": [{"permission": "ReadLlmLog"}],
    });
    let Value::Object(data) = data else { return Ok(data) };
    Ok(reference_event("key", &json!("00000000-0000-4000-8000-0000ccccffff"), &data))
}

fn reference_event(kind: &str, id: &Value, data: &Map<String, Value>) -> Value {
    json!({
        "specversion": "1.0",
        "id": format!("{kind}-{}", id.as_str().unwrap_or_default()),
        "source": "conformance",
        "type": format!("llm-log.reference.{kind}"),
        "subject": id,
        "data": data,
    })
}

fn is_erased(call: &Map<String, Value>) -> bool {
    call.get("deletedAt").is_some_and(|date| !date.is_null())
}

fn erased_event(call: &Map<String, Value>) -> Value {
    call_event("erased", call, &json!({"projectId": call.get("projectId")}))
}

fn recorded_event(call: &Map<String, Value>) -> Value {
    let mut data = call.clone();
    for name in ["_id", "deletedAt", "deletedByUserId"] {
        data.shift_remove(name);
    }
    call_event("recorded", call, &Value::Object(data))
}

fn call_event(event_type: &str, call: &Map<String, Value>, data: &Value) -> Value {
    let id = call.get("_id").and_then(Value::as_str).unwrap_or_default();
    json!({
        "specversion": "1.0",
        "id": format!("{event_type}-{id}"),
        "source": "conformance",
        "type": format!("llm-log.call.{event_type}"),
        "subject": id,
        "time": call.get("createdAt"),
        "data": data,
    })
}
