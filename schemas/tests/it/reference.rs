//! Reference data, folded from its records.

use schemas::access::{ApiKey, Grant, Permission, Principal, ReadScope};
use schemas::id::{KeyId, ProjectId};
use schemas::model::Relation;
use schemas::reference::{
    InvalidKey, KeyObject, KeyRevocationObject, ListedKey, LlmProviderObject, ProjectObject, ReferenceData,
    ReferenceKind, ReferenceObject, ReferenceRecord, UndecodableReference, UserObject, Viewers,
};
use schemas::time::{Date, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

const PROJECT: ProjectId = ProjectId(Uuid::from_u128(1));
const ID: Uuid = Uuid::from_u128(7);
const NOW: Date = Date(1_000_000);

fn api_key(text: &str) -> ApiKey {
    text.parse().expect("a UUID")
}

fn key() -> ApiKey {
    api_key("550e8400-e29b-41d4-a716-446655440000")
}

fn key_record(key: ApiKey) -> ReferenceRecord {
    let grant = Grant { permission: Permission::read_llm_log(), is_block_permission: false, label_ids: Vec::new() };
    let object = KeyObject {
        project_id: PROJECT,
        hash: key.hash(),
        name: None,
        permissions: vec![grant],
        created_at: None,
        expires_at: Some(Timestamp::from_millis(2_000_000)),
    };
    ReferenceRecord::of(ID, ReferenceObject::Key(object))
}

fn deletion(kind: ReferenceKind) -> ReferenceRecord {
    ReferenceRecord { kind, id: ID, object: None }
}

/// What the records make, each read as the topic holds it.
fn folded(records: impl IntoIterator<Item = ReferenceRecord>) -> ReferenceData {
    let mut data = ReferenceData::default();
    for (offset, record) in (0..).zip(records) {
        let read = ReferenceRecord::decode(record.key().as_bytes(), record.encode().as_deref());
        assert_eq!(read.as_ref(), Ok(&record), "a record survives the topic");
        data.apply(offset, record);
    }
    data
}

fn opens(data: &ReferenceData, key: ApiKey) -> bool {
    matches!(data.authenticate(key, NOW), Ok(Principal::Key { id, project, .. }) if (id, project) == (KeyId(ID), PROJECT))
}

#[test]
fn deleting_another_kind_of_row_with_a_keys_id_does_not_disable_the_key() {
    for kind in ReferenceKind::ALL.into_iter().filter(|kind| *kind != ReferenceKind::Key) {
        let data = folded([key_record(key()), deletion(kind)]);
        assert!(opens(&data, key()), "the key is disabled by deleting {}/{ID}", kind.name());
    }
    assert!(!opens(&folded([key_record(key()), deletion(ReferenceKind::Key)]), key()), "a deleted key");
}

#[test]
fn another_kind_of_row_with_a_keys_id_does_not_replace_the_key() {
    let project = ReferenceRecord::of(ID, ReferenceObject::Project(ProjectObject { name: "Shop".to_owned() }));
    let data = folded([key_record(key()), project]);
    assert!(opens(&data, key()));
    assert!(data.project(ProjectId(ID)).is_some());
}

#[test]
fn a_revocation_is_final() {
    let revocation =
        || ReferenceRecord::of(ID, ReferenceObject::KeyRevocation(KeyRevocationObject { revoked_at: None }));
    for records in [
        vec![key_record(key()), revocation()],
        vec![revocation(), key_record(key())],
        vec![key_record(key()), revocation(), key_record(key())],
        vec![key_record(key()), revocation(), deletion(ReferenceKind::KeyRevocation)],
    ] {
        assert_eq!(folded(records).authenticate(key(), NOW), Err(InvalidKey));
    }
}

#[test]
fn a_key_that_was_replaced_opens_nothing() {
    let new = api_key("650e8400-e29b-41d4-a716-446655440000");
    let data = folded([key_record(key()), key_record(new)]);
    assert!(opens(&data, new) && !opens(&data, key()));
}

#[test]
fn a_key_is_refused_from_the_moment_of_its_end() {
    let data = folded([key_record(key())]);
    assert!(data.authenticate(key(), Date(1_999_999)).is_ok());
    assert_eq!(data.authenticate(key(), Date(2_000_000)), Err(InvalidKey));
}

#[test]
fn a_provider_of_another_project_is_found_only_when_it_is_global() {
    let provider = |project_id, is_global_llm| {
        let object = LlmProviderObject { name: "Main".to_owned(), project_id, is_global_llm };
        folded([ReferenceRecord::of(ID, ReferenceObject::LlmProvider(object))])
    };
    let found = |data: &ReferenceData| data.related(Relation::LlmProvider, PROJECT, ID).is_some();
    assert!(found(&provider(Some(PROJECT), false)) && found(&provider(None, true)));
    assert!(!found(&provider(Some(ProjectId(ID)), false)) && !found(&provider(None, false)));
}

#[test]
fn a_record_is_of_the_kind_and_id_of_its_key() {
    let value = key_record(key()).encode();
    let read = |key: &str| ReferenceRecord::decode(key.as_bytes(), value.as_deref());
    assert_eq!(read(&format!("project/{ID}")), Err(UndecodableReference::Mismatch));
    assert_eq!(read(&format!("key/{}", Uuid::nil())), Err(UndecodableReference::Mismatch));
    for bad in ["", "key", "key/", "keys/00000000-0000-0000-0000-000000000007"] {
        assert_eq!(read(bad), Err(UndecodableReference::Key(bad.to_owned())));
    }
}

#[test]
fn an_object_is_never_read_from_a_list() {
    let event =
        format!(r#"{{"specversion":"1.0","type":"llm-log.reference.project","subject":"{ID}","data":["Shop"]}}"#);
    let problems = ReferenceRecord::decode_event(event.as_bytes()).expect_err("a list is no object");
    assert_eq!(problems.0.len(), 1);
    assert!(problems.to_string().starts_with("/data: expected a JSON object"), "{problems}");
}

#[test]
fn a_project_sees_the_rows_that_all_see_and_those_of_its_own() {
    let (other, row) = (ProjectId(Uuid::from_u128(2)), Uuid::from_u128);
    let provider = |project_id, is_global_llm| {
        ReferenceObject::LlmProvider(LlmProviderObject { name: "Main".to_owned(), project_id, is_global_llm })
    };
    let records = [
        (row(1), provider(Some(PROJECT), false)),
        (row(2), provider(Some(other), false)),
        (row(3), provider(None, true)),
        (row(4), provider(Some(other), true)),
        (row(5), provider(None, false)),
    ];
    let data = folded(records.map(|(id, object)| ReferenceRecord::of(id, object)));
    let seen = |scope| {
        data.related_rows(Relation::LlmProvider, scope)
            .map(|(viewers, row)| (row.id.as_u128(), viewers))
            .collect::<Vec<_>>()
    };
    let all = [(1, Viewers::Of(PROJECT)), (2, Viewers::Of(other)), (3, Viewers::All), (4, Viewers::All)];
    assert_eq!(seen(ReadScope::EveryProject), all);
    for project in [PROJECT, other] {
        let by_project = seen(ReadScope::Project(project));
        let expected = all.iter().filter(|(_, viewers)| [Viewers::All, Viewers::Of(project)].contains(viewers));
        assert_eq!(by_project, expected.map(|(row, _)| (*row, Viewers::All)).collect::<Vec<_>>());
        for (row, _) in all {
            let found = data.related(Relation::LlmProvider, project, Uuid::from_u128(row)).is_some();
            assert_eq!(found, by_project.contains(&(row, Viewers::All)), "row {row} in {project}");
        }
    }
}

#[test]
fn a_user_of_several_projects_is_seen_by_each_and_a_project_by_itself() {
    let projects = vec![PROJECT, ProjectId(Uuid::from_u128(2))];
    let user = UserObject {
        name: None,
        email: None,
        profile_picture_id: None,
        two_factor_auth_enabled: None,
        project_ids: projects.clone(),
    };
    let project = ProjectObject { name: "Shop".to_owned() };
    let data = folded([
        ReferenceRecord::of(ID, ReferenceObject::User(user)),
        ReferenceRecord::of(PROJECT.0, ReferenceObject::Project(project)),
    ]);
    let seen = |relation, scope| data.related_rows(relation, scope).map(|(viewers, _)| viewers).collect::<Vec<_>>();
    let of_each: Vec<Viewers> = projects.iter().map(|project| Viewers::Of(*project)).collect();
    assert_eq!(seen(Relation::User, ReadScope::EveryProject), of_each);
    assert_eq!(seen(Relation::User, ReadScope::Project(ProjectId(ID))), []);
    assert_eq!(seen(Relation::Project, ReadScope::EveryProject), [Viewers::All]);
    assert_eq!(seen(Relation::Project, ReadScope::Project(PROJECT)), [Viewers::All]);
    assert_eq!(seen(Relation::Project, ReadScope::Project(ProjectId(ID))), []);
}

#[test]
fn a_permission_is_the_same_by_its_documented_name_and_by_its_enum_name() {
    let record = |granted: &str, blocked: &str| {
        let grants = json!([
            {"permission": granted}, {"permission": blocked, "isBlockPermission": true}, {"permission": "Something Else"},
        ]);
        let data = json!({"projectId": PROJECT, "hash": key().hash(), "permissions": grants});
        let event = json!({"specversion": "1.0", "type": "llm-log.reference.key", "subject": ID, "data": data});
        ReferenceRecord::decode_event(event.to_string().as_bytes()).expect("a key")
    };
    let by_title = record("project owner", "Erase LLM Log");
    assert_eq!(by_title, record("ProjectOwner", "EraseLlmLog"));
    let principal = folded([by_title]).authenticate(key(), NOW).expect("a good key");
    assert!(principal.check(&[Permission::project_owner()]).is_ok());
    assert!(principal.check(&[Permission::project_owner(), Permission::erase_llm_log()]).is_err());
}

#[test]
fn what_a_client_says_and_nobody_knows_is_named_with_what_is_known() {
    let problems = |data: Value| {
        let event = json!({"specversion": "1.0", "type": "llm-log.reference.key", "subject": ID, "data": data});
        let found = ReferenceRecord::decode_sent_event(event.to_string().as_bytes()).expect_err("misspelt");
        found.0.into_iter().map(|problem| problem.to_string()).collect::<Vec<_>>()
    };
    let hash = key().hash();
    let blocked = json!({"permission": "EraseLlmLog", "isBlock": true});
    assert_eq!(
        problems(json!({"projectId": PROJECT, "hash": hash, "permissions": [blocked], "expires_at": null})),
        [
            "/data/expires_at: expected no such member: there are projectId, hash, name, permissions, createdAt, expiresAt",
            "/data/permissions/0/isBlock: expected no such member: there are permission, isBlockPermission, labelIds",
        ]
    );
    assert_eq!(
        problems(json!({"projectID": PROJECT, "hash": hash, "permissions": []})),
        [
            "/data/projectID: expected no such member: there are projectId, hash, name, permissions, createdAt, expiresAt",
            "/data/projectId: expected a value, for it is needed",
        ]
    );
    let provider = json!({"projectId": PROJECT, "name": "a", "llmType": "OpenAI"});
    let event =
        json!({"specversion": "1.0", "type": "llm-log.reference.llm-provider", "subject": ID, "data": provider});
    ReferenceRecord::decode_sent_event(event.to_string().as_bytes()).expect("other systems know more of their rows");
    let in_a_list = json!(["ReadLlmLog", true, []]);
    assert_eq!(
        problems(json!({"projectId": PROJECT, "hash": hash, "permissions": [in_a_list]})),
        ["/data/permissions/0: expected a JSON object"]
    );
}

#[test]
fn a_wrong_value_is_named_by_its_pointer() {
    let problem = |name: &str, value: Value| {
        let mut data = json!({"projectId": PROJECT, "hash": key().hash(), "permissions": []});
        data[name] = value;
        let event = json!({"specversion": "1.0", "type": "llm-log.reference.key", "subject": ID, "data": data});
        let read = ReferenceRecord::decode_sent_event(event.to_string().as_bytes());
        read.expect_err("of a wrong type").to_string()
    };
    let instant = "an RFC 3339 date and time such as \"2026-03-01T06:00:00.123Z\"";
    assert_eq!(problem("expiresAt", json!("soon")), format!("/data/expiresAt: expected {instant}"));
    assert_eq!(problem("name", json!(5)), "/data/name: expected a string");
    assert_eq!(problem("hash", json!("x")), "/data/hash: expected a SHA-256 of 64 hexadecimal digits");
    let id = "a UUID such as \"550e8400-e29b-41d4-a716-446655440000\"";
    assert_eq!(problem("projectId", json!("x")), format!("/data/projectId: expected {id}"));
    for (grant, told) in [
        (json!({"permission": 1}), "/data/permissions/0/permission: expected a string"),
        (
            json!({"permission": "A", "isBlockPermission": "true"}),
            "/data/permissions/0/isBlockPermission: expected a boolean",
        ),
        (json!({}), "/data/permissions/0/permission: expected a value, for it is needed"),
        (json!(5), "/data/permissions/0: expected a JSON object"),
    ] {
        assert_eq!(problem("permissions", json!([grant])), told);
    }
}

#[test]
fn what_a_record_of_the_topic_says_and_nobody_knows_is_passed_over() {
    let mut value: Value = serde_json::from_slice(&key_record(key()).encode().expect("a value")).expect("JSON");
    value["data"]["permissions"][0]["ofALaterBuild"] = json!(1);
    value["data"]["ofALaterBuild"] = json!(1);
    let read = ReferenceRecord::decode(format!("key/{ID}").as_bytes(), Some(value.to_string().as_bytes()));
    assert_eq!(read, Ok(key_record(key())));
}

#[test]
fn a_listed_key_says_whether_it_opens_anything() {
    let listed = |records: Vec<ReferenceRecord>| folded(records).listed_keys().keys.remove(0);
    let key_alone = listed(vec![key_record(key())]);
    assert_eq!([1_999_999, 2_000_000].map(|now| key_alone.state(Date(now))), ["in force", "expired"]);
    let revocation = ReferenceRecord::of(ID, ReferenceObject::KeyRevocation(KeyRevocationObject { revoked_at: None }));
    assert_eq!(listed(vec![key_record(key()), revocation]).state(NOW), "revoked");
    let written = serde_json::to_value(&key_alone).expect("JSON");
    assert_eq!(
        written,
        json!({"id": ID, "name": null, "projectId": PROJECT, "projectName": null,
            "permissions": [{"permission": "ReadLlmLog", "isBlockPermission": false, "labelIds": []}],
            "createdAt": null, "expiresAt": "1970-01-01T00:33:20Z", "revoked": false})
    );
    assert_eq!(serde_json::from_value::<ListedKey>(written).expect("it is read again"), key_alone);
}
