//! The API with a few projects, keys and calls of its own.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use query_api::{Compat, QueryApi, ReferencePosition, router};
use schemas::access::{ApiKey, Grant, Permission};
use schemas::id::ProjectId;
use schemas::limits::{BODY_TIMEOUT, QUERY_TIMEOUT};
use schemas::positions::Offset;
use schemas::reader::CallReader;
use schemas::reference::{
    IncidentObject, KeyObject, KeyRevocationObject, LlmProviderObject, ProjectObject, ReferenceData, ReferenceObject,
    ReferenceRecord, UserObject,
};
use schemas::time::{Clock, Timestamp};
use serde_json::{Value as Json, json};
use testkit::Answer;
use tokio::sync::watch;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::memory_reader::{Call, MemoryReader, call};

pub(crate) const PROJECT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const OTHER_PROJECT: &str = "bbbbbbbb-0000-4000-8000-000000000001";
pub(crate) const PROVIDER: &str = "cccccccc-0000-4000-8000-000000000001";
pub(crate) const GLOBAL_PROVIDER: &str = "cccccccc-0000-4000-8000-000000000002";
pub(crate) const OTHER_PROVIDER: &str = "cccccccc-0000-4000-8000-000000000003";
pub(crate) const INCIDENT: &str = "eeeeeeee-0000-4000-8000-000000000001";
pub(crate) const USER: &str = "11111111-0000-4000-8000-000000000001";

pub(crate) const READER: &str = "f1000000-0000-4000-8000-000000000001";
pub(crate) const OTHER_READER: &str = "f1000000-0000-4000-8000-000000000002";
pub(crate) const MASTER: &str = "f1000000-0000-4000-8000-0000000000ff";

/// The instant at which the tests ask.
/// How long reads wait for the positions that a client names.
const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const NOW: &str = "2026-04-01T00:00:00Z";

/// What a key is, the key, its permissions, those that block, when it expires.
pub(crate) type TestKey =
    (&'static str, &'static str, &'static [&'static str], &'static [&'static str], Option<&'static str>);

/// Keys of the first project.
pub(crate) const KEYS: [TestKey; 14] = [
    ("read", READER, &["ReadLlmLog"], &[], None),
    ("owner", "f1000000-0000-4000-8000-000000000011", &["ProjectOwner"], &[], None),
    ("admin", "f1000000-0000-4000-8000-000000000012", &["ProjectAdmin"], &[], None),
    ("member", "f1000000-0000-4000-8000-000000000013", &["ProjectMember"], &[], None),
    ("viewer", "f1000000-0000-4000-8000-000000000014", &["Viewer"], &[], None),
    ("read all", "f1000000-0000-4000-8000-000000000015", &["ReadAllProjectResources"], &[], None),
    ("writer", "f1000000-0000-4000-8000-000000000016", &["CreateLlmLogEvent", "EraseLlmLog"], &[], None),
    ("unrelated", "f1000000-0000-4000-8000-000000000017", &["ReadProjectMonitor"], &[], None),
    ("none", "f1000000-0000-4000-8000-000000000018", &[], &[], None),
    ("blocked", "f1000000-0000-4000-8000-000000000019", &["ProjectMember"], &["ReadLlmLog"], None),
    ("blocked elsewhere", "f1000000-0000-4000-8000-00000000001a", &["ReadLlmLog"], &["ReadProjectMonitor"], None),
    ("expired", "f1000000-0000-4000-8000-00000000001b", &["ReadLlmLog"], &[], Some(NOW)),
    ("not yet expired", "f1000000-0000-4000-8000-00000000001c", &["ReadLlmLog"], &[], Some("2026-04-01T00:00:00.001Z")),
    ("revoked", "f1000000-0000-4000-8000-00000000001d", &["ReadLlmLog"], &[], None),
];

/// The id of the call of this number.
pub(crate) fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// Twelve calls of the first project, an hour apart, and one of the other that shares an id with them.
pub(crate) fn calls() -> Vec<Call> {
    let mut calls: Vec<Call> = (1..=12).map(|number| call(&object(number))).collect();
    let other = json!({
        "_id": id(3), "createdAt": "2026-03-01T00:00:00Z", "projectId": OTHER_PROJECT, "status": "Success",
        "llmProviderId": PROVIDER, "requestPrompt": "the secret of the other project",
    });
    calls.push(call(&other));
    calls
}

fn object(number: u32) -> Json {
    let (third, even) = (number % 3, number.is_multiple_of(2));
    let (provider, model) = match third {
        0 => (None, "gpt-4o"),
        1 => (Some(PROVIDER), "claude-3-opus"),
        _ => (Some(GLOBAL_PROVIDER), "gpt-4o"),
    };
    json!({
        "_id": id(number),
        "createdAt": format!("2026-03-01T{:02}:00:00.{number:03}456Z", number + 12 - 1),
        "updatedAt": "2026-03-02T00:00:00Z",
        "version": number,
        "projectId": PROJECT,
        "llmProviderId": provider,
        "modelName": model,
        "isGlobalProvider": third == 2,
        "totalTokens": number * 100,
        "completionTokens": number,
        "costInUSDCents": f64::from(number) / 8.0,
        "status": if even { "Success" } else { "Error" },
        "statusMessage": (!even).then_some("rate limit reached"),
        "feature": even.then_some("Incident Postmortem"),
        "requestPrompt": format!("[user]: refund order {number}"),
        "responsePreview": (third != 0).then_some("done"),
        "incidentId": (number == 6).then_some(INCIDENT),
        "userId": (number <= 2).then_some(USER),
        "durationMs": (!number.is_multiple_of(4)).then_some(number * 7),
    })
}

/// The reference data of the tests.
pub(crate) fn reference() -> ReferenceData {
    let project = |text: &str| ProjectId(uuid(text));
    let mut records = vec![
        (PROJECT, ReferenceObject::Project(ProjectObject { name: "First".to_owned() })),
        (OTHER_PROJECT, ReferenceObject::Project(ProjectObject { name: "Other".to_owned() })),
        (PROVIDER, provider("OpenAI Prod", Some(PROJECT))),
        (GLOBAL_PROVIDER, provider("Global Claude", None)),
        (OTHER_PROVIDER, provider("OpenAI Prod", Some(OTHER_PROJECT))),
        (INCIDENT, ReferenceObject::Incident(incident(project(PROJECT)))),
        (USER, ReferenceObject::User(user(project(PROJECT)))),
    ];
    let other_key = key(OTHER_PROJECT, OTHER_READER, &["ReadLlmLog"], &[], None);
    records.push((OTHER_READER, other_key));
    for (_, text, granted, blocked, expires) in KEYS {
        records.push((text, key(PROJECT, text, granted, blocked, expires)));
    }
    let revoked = KEYS.iter().find(|(name, ..)| *name == "revoked").expect("is there").1;
    records.push((revoked, ReferenceObject::KeyRevocation(KeyRevocationObject { revoked_at: None })));
    let mut reference = ReferenceData::default();
    for (offset, (id, object)) in (0..).zip(records) {
        reference.apply(offset, ReferenceRecord::of(uuid(id), object));
    }
    reference
}

pub(crate) fn provider(name: &str, project: Option<&str>) -> ReferenceObject {
    let project_id = project.map(|project| ProjectId(uuid(project)));
    ReferenceObject::LlmProvider(LlmProviderObject {
        name: name.to_owned(),
        project_id,
        is_global_llm: project.is_none(),
    })
}

fn incident(project_id: ProjectId) -> IncidentObject {
    IncidentObject {
        project_id,
        title: Some("DB down".to_owned()),
        current_incident_state_id: Some(Uuid::from_u128(0x99)),
        created_by_probe_id: None,
        incident_number: None,
        incident_number_with_prefix: None,
    }
}

fn user(project: ProjectId) -> UserObject {
    UserObject {
        name: Some("Bob".to_owned()),
        email: Some("bob@example.com".to_owned()),
        profile_picture_id: None,
        two_factor_auth_enabled: Some(false),
        project_ids: vec![project],
    }
}

pub(crate) fn key(
    project: &str,
    key: &str,
    granted: &[&str],
    blocked: &[&str],
    expires: Option<&str>,
) -> ReferenceObject {
    let grant = |name: &&str, is_block_permission| Grant {
        permission: Permission::of_name(name),
        is_block_permission,
        label_ids: Vec::new(),
    };
    let granted = granted.iter().map(|name| grant(name, false));
    ReferenceObject::Key(KeyObject {
        project_id: ProjectId(uuid(project)),
        hash: key.parse::<ApiKey>().expect("a key").hash(),
        name: None,
        permissions: granted.chain(blocked.iter().map(|name| grant(name, true))).collect(),
        created_at: None,
        expires_at: expires.map(|time| Timestamp::parse(time).expect("a time")),
    })
}

pub(crate) fn uuid(text: &str) -> Uuid {
    text.parse().expect("a UUID")
}

/// The number in a call's id.
fn number(row: &Json) -> u32 {
    let id = row.get("_id").and_then(Json::as_str).expect("an id");
    u32::from_str_radix(id.rsplit('-').next().expect("a part"), 16).expect("hexadecimal")
}

/// An API to send requests to.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    router: Router,
    reference: Arc<ArcSwap<ReferenceData>>,
    reference_next: watch::Sender<Offset>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).expect("JSON")
    }

    /// The numbers of the calls in a list.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let json = self.json();
        let rows = json.get("data").and_then(Json::as_array).unwrap_or_else(|| panic!("no list: {}", self.text));
        rows.iter().map(number).collect()
    }

    /// Status and text in one, for tables of refusals.
    pub(crate) fn summary(&self) -> (u16, &str) {
        (self.status.as_u16(), &self.text)
    }
}

/// The same as testkit has it.
pub(crate) fn answer_of(answered: Answered) -> Answer {
    let headers = answered.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned())).collect();
    Answer { status: answered.status.as_u16(), headers, body: answered.text.into_bytes() }
}

impl Server {
    pub(crate) fn new(compat: Compat) -> Self {
        Self::over(compat, Arc::new(MemoryReader::new(calls())))
    }

    pub(crate) fn over(compat: Compat, reader: Arc<dyn CallReader>) -> Self {
        Self::build(reference(), compat, reader, BODY_TIMEOUT, PATIENCE)
    }

    /// With this reference data.
    pub(crate) fn knowing(reference: ReferenceData, compat: Compat, reader: Arc<dyn CallReader>) -> Self {
        Self::build(reference, compat, reader, BODY_TIMEOUT, PATIENCE)
    }

    pub(crate) fn with_body_timeout(compat: Compat, reader: Arc<dyn CallReader>, body_timeout: Duration) -> Self {
        Self::build(reference(), compat, reader, body_timeout, PATIENCE)
    }

    /// One whose reads wait this long for the positions that a client names.
    pub(crate) fn patient(compat: Compat, reader: Arc<dyn CallReader>, consistency_timeout: Duration) -> Self {
        Self::build(reference(), compat, reader, BODY_TIMEOUT, consistency_timeout)
    }

    fn build(
        reference: ReferenceData,
        compat: Compat,
        reader: Arc<dyn CallReader>,
        body_timeout: Duration,
        consistency_timeout: Duration,
    ) -> Self {
        let now = Timestamp::parse(NOW).expect("a time");
        let reference = Arc::new(ArcSwap::from_pointee(reference));
        let (reference_next, next) = watch::channel(reference.load().next());
        let api = QueryApi {
            reader,
            reference: Arc::clone(&reference),
            reference_position: ReferencePosition::new(next),
            master_key: Some(MASTER.parse().expect("a key")),
            compat,
            query_timeout: QUERY_TIMEOUT,
            body_timeout,
            consistency_timeout,
            clock: Clock::new(move || now),
        };
        Self { router: router(api), reference, reference_next }
    }

    /// Reads one more record of the reference data.
    pub(crate) fn apply(&self, record: ReferenceRecord) {
        let mut data = ReferenceData::clone(&self.reference.load());
        data.apply(data.next(), record);
        self.reference_next.send_replace({
            let next = data.next();
            self.reference.store(Arc::new(data));
            next
        });
    }

    /// How many reads wait for the reference data.
    pub(crate) fn waiting_for_reference(&self) -> usize {
        self.reference_next.receiver_count() - 1
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answered {
        let response = self.router.clone().oneshot(request).await.expect("a router always answers");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a whole body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answered { status: parts.status, headers: parts.headers, text }
    }

    /// Sends JSON with these headers.
    pub(crate) async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Json) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        self.send(request.body(body).expect("a valid request")).await
    }

    /// Posts to the resource with a key that may read.
    pub(crate) async fn post(&self, path: &str, body: &Json) -> Answered {
        self.request("POST", &format!("/api/llm-log/{path}"), &[("ApiKey", READER)], body).await
    }
}
