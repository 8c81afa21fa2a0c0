//! The holders of the kinds of key in the matrix.

use std::collections::BTreeMap;

use schemas::access::{ApiKey, Permission};
use serde_json::{Value, json};
use testkit::wait_until_async;
use uuid::Uuid;

use super::{CALL, PROJECT, Roles, event, fresh_id, matrix};
use crate::binary::MASTER_KEY;
use crate::journey::VISIBLE;

const OTHER_PROJECT: &str = "5a000000-0000-4000-8000-000000000002";

/// The headers that a holder sends.
pub(super) type Holder = Vec<(&'static str, String)>;

/// Makes the keys of the matrix, and a call to read. Comes back with what each kind of holder sends, when it is in
/// force.
pub(super) async fn holders(roles: &Roles) -> BTreeMap<&'static str, Holder> {
    let master = roles.ingest.with_key(MASTER_KEY);
    let (mut events, mut holders, mut last) = (Vec::new(), BTreeMap::new(), ApiKey::generate());
    for (name, _) in matrix() {
        let key = match name {
            "unknown" => ApiKey::generate().reveal(),
            "malformed" => "not-a-key".to_owned(),
            "empty" => String::new(),
            "the master key" => MASTER_KEY.to_owned(),
            "none" => {
                holders.insert(name, vec![]);
                continue;
            }
            "none but a session" => {
                holders.insert(name, vec![("Authorization", "Bearer x.y.z".to_owned())]);
                continue;
            }
            _ => {
                let (key, id) = (ApiKey::generate(), fresh_id());
                let project = if name == "Owner of another project" { OTHER_PROJECT } else { PROJECT };
                let expires = if name == "expired" { "2020-01-01T00:00:00Z" } else { "2999-01-01T00:00:00Z" };
                let data = json!({"projectId": project, "hash": key.hash(), "permissions": grants(name), "expiresAt": expires});
                events.push(event("llm-log.reference.key", id, &data));
                if name == "revoked" {
                    events.push(event("llm-log.reference.key-revocation", id, &json!({})));
                } else if name == "ReadLlmLog" {
                    last = key;
                }
                key.reveal()
            }
        };
        holders.insert(name, vec![("ApiKey", key)]);
    }
    // In force in the order of the log: the last one is made last.
    events.sort_by_key(|event| event.pointer("/data/hash") == Some(&json!(last.hash())));
    master.post_ok("/v1/reference", &Value::Array(events)).await;
    master.post_ok("/v1/events", &json!({"_id": CALL, "projectId": PROJECT, "status": "Success"})).await;
    let reader = roles.query_api.with_key(last.reveal());
    wait_until_async("the keys are in force and the call is visible", VISIBLE, async || {
        let item = reader.get(&format!("/api/llm-log/{CALL}/get-item")).await;
        item.is_ok_and(|item| item.text().contains(CALL))
    })
    .await;
    let sender = roles.ingest.with_key(last.reveal());
    wait_until_async("the keys are in force at ingest", VISIBLE, async || {
        sender.post("/v1/events", &json!({})).await.is_ok_and(|answer| answer.status == 422)
    })
    .await;
    holders
}

/// The permissions that a key of the matrix has, and those that it is barred from, by its name there.
fn grants(name: &str) -> Vec<Value> {
    let grant = |permission: &str, barred: bool, labels: &[Uuid]| json!({"permission": permission, "isBlockPermission": barred, "labelIds": labels});
    let granted = |permission: &str| grant(permission, false, &[]);
    let all = || every_permission().map(granted).collect::<Vec<Value>>();
    match name {
        "Owner of another project" => vec![granted("ProjectOwner")],
        "nothing" => vec![],
        "nothing and not ReadLlmLog" => vec![grant("ReadLlmLog", true, &[])],
        "expired" | "revoked" => all(),
        "all but ReadLlmLog of a label" => [all(), vec![grant("ReadLlmLog", true, &[Uuid::from_u128(1)])]].concat(),
        _ => match name.strip_prefix("all but ") {
            Some(barred) => [all(), vec![grant(barred, true, &[])]].concat(),
            None => vec![granted(name)],
        },
    }
}

/// Those that mean something here, and one that means nothing.
pub(super) fn every_permission() -> impl Iterator<Item = &'static str> {
    Permission::KNOWN.iter().map(|(name, _)| *name).chain(["ReadProjectMonitor"])
}
