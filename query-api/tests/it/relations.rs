//! Filters and orders by related rows. The calls of two projects point to the same rows and see different ones.

use std::sync::Arc;

use query_api::Compat;
use schemas::reference::{ReferenceObject, ReferenceRecord, UserObject};
use serde_json::{Value as Json, json};

use crate::memory_reader::{Call, MemoryReader, call};
use crate::server::{
    GLOBAL_PROVIDER, MASTER, OTHER_PROJECT, OTHER_PROVIDER, OTHER_READER, PROJECT, PROVIDER, READER, Server, USER, id,
    reference, uuid,
};

const LIST: &str = "/api/llm-log/get-list";
/// Belongs to both projects.
const SHARED_USER: &str = "11111111-0000-4000-8000-000000000002";

/// By number: of which project, and where it points to. Not everything it points to is its project's.
const CALLS: [(u32, &str, Option<&str>, Option<&str>); 10] = [
    (1, PROJECT, Some(PROVIDER), Some(USER)),
    (2, PROJECT, Some(OTHER_PROVIDER), Some(SHARED_USER)),
    (3, PROJECT, Some(GLOBAL_PROVIDER), None),
    (4, PROJECT, None, Some(USER)),
    (5, PROJECT, Some(PROVIDER), Some(SHARED_USER)),
    (6, OTHER_PROJECT, Some(PROVIDER), Some(USER)),
    (7, OTHER_PROJECT, Some(OTHER_PROVIDER), Some(SHARED_USER)),
    (8, OTHER_PROJECT, Some(GLOBAL_PROVIDER), None),
    (9, OTHER_PROJECT, None, Some(SHARED_USER)),
    (10, OTHER_PROJECT, Some("cccccccc-0000-4000-8000-0000000000ff"), None),
];

fn server() -> Server {
    let object = |(number, project, provider, user)| {
        json!({
            "_id": id(number), "createdAt": "2026-03-01T00:00:00Z", "projectId": project, "status": "Success",
            "llmProviderId": provider, "userId": user,
        })
    };
    let calls: Vec<Call> = CALLS.into_iter().map(|of| call(&object(of))).collect();
    let mut known = reference();
    let shared = UserObject {
        name: Some("Ann".to_owned()),
        email: None,
        profile_picture_id: None,
        two_factor_auth_enabled: Some(true),
        project_ids: vec![uuid(PROJECT), uuid(OTHER_PROJECT)].into_iter().map(schemas::id::ProjectId).collect(),
    };
    known.apply(known.next(), ReferenceRecord::of(uuid(SHARED_USER), ReferenceObject::User(shared)));
    Server::knowing(known, Compat::Docs, Arc::new(MemoryReader::new(calls)))
}

async fn numbers(server: &Server, headers: &[(&str, &str)], body: &Json) -> Vec<u32> {
    server.request("POST", LIST, headers, body).await.numbers()
}

#[tokio::test]
async fn a_filter_for_all_projects_finds_what_it_finds_in_each_of_them() {
    let server = server();
    for (query, expected) in [
        (json!({"llmProvider": {"name": "OpenAI Prod"}}), vec![1, 5, 7]),
        (json!({"llmProvider": {"_id": PROVIDER}}), vec![1, 5]),
        (json!({"llmProvider": {"_id": OTHER_PROVIDER}}), vec![7]),
        (json!({"llmProvider": {"_id": GLOBAL_PROVIDER}}), vec![3, 8]),
        (json!({"llmProvider": {"isGlobalLlm": true}}), vec![3, 8]),
        (json!({"llmProvider": {"name": {"_type": "Search", "value": "o"}}}), vec![1, 3, 5, 7, 8]),
        (json!({"llmProvider": {"name": {"_type": "NotContains", "value": "openai"}}}), vec![2, 3, 4, 6, 8, 9, 10]),
        (json!({"llmProvider": {"name": "nobody"}}), vec![]),
        (json!({"user": {"name": "Bob"}}), vec![1, 4]),
        (json!({"user": {"name": "Ann"}}), vec![2, 5, 7, 9]),
        (json!({"user": {"name": {"_type": "NotContains", "value": "ann"}}}), vec![1, 3, 4, 6, 8, 10]),
        (json!({"project": {"name": "Other"}}), vec![6, 7, 8, 9, 10]),
        (json!({"project": {"name": {"_type": "NotContains", "value": "other"}}}), vec![1, 2, 3, 4, 5]),
        (json!({"llmProvider": {"name": "OpenAI Prod"}, "user": {"name": "Ann"}}), vec![5, 7]),
        (json!({"llmProvider": {"name": null}}), (1..=10).collect()),
    ] {
        let body = json!({"query": query, "sort": {"_id": 1}});
        assert_eq!(numbers(&server, &[("ApiKey", MASTER)], &body).await, expected, "{query}");
        let mut one_by_one = Vec::new();
        for (project, key) in [(PROJECT, READER), (OTHER_PROJECT, OTHER_READER)] {
            let of_project = numbers(&server, &[("ApiKey", key)], &body).await;
            let as_tenant = numbers(&server, &[("ApiKey", MASTER), ("tenantid", project)], &body).await;
            assert_eq!(as_tenant, of_project, "{query} in {project}");
            one_by_one.extend(of_project);
        }
        one_by_one.sort_unstable();
        assert_eq!(one_by_one, expected, "{query}, a project at a time");
    }
}

#[tokio::test]
async fn calls_are_sorted_by_the_related_row_that_they_show() {
    let server = server();
    let select = json!({"llmProvider": {"name": true}, "user": true, "project": true});
    for (key, sort, expected) in [
        // "Global Claude", "OpenAI Prod", none: the row that 2 and 6 point to is of the other project.
        (READER, json!({"llmProvider": {"name": "ASC"}}), vec![3, 1, 5, 2, 4]),
        (READER, json!({"llmProvider": {"name": "DESC"}}), vec![2, 4, 1, 5, 3]),
        (READER, json!({"llmProvider": {"name": {"direction": -1, "nulls": "last"}}}), vec![1, 5, 3, 2, 4]),
        (READER, json!({"llmProvider": {"name": {"nulls": "first"}}}), vec![2, 4, 3, 1, 5]),
        (READER, json!({"llmProvider": {"_id": -1}}), vec![2, 4, 3, 1, 5]),
        (READER, json!({"llmProvider": {"isGlobalLlm": -1, "name": 1}, "_id": -1}), vec![4, 2, 3, 5, 1]),
        (READER, json!({"user": {"name": 1}, "llmProvider": {"name": 1}}), vec![5, 2, 1, 4, 3]),
        (READER, json!({"user": {"twoFactorAuthEnabled": 1}}), vec![1, 4, 2, 5, 3]),
        (READER, json!({"project": {"name": 1}, "_id": -1}), vec![5, 4, 3, 2, 1]),
        (OTHER_READER, json!({"llmProvider": {"name": "ASC"}}), vec![8, 7, 6, 9, 10]),
        (OTHER_READER, json!({"user": {"name": "ASC"}}), vec![7, 9, 6, 8, 10]),
        (MASTER, json!({"llmProvider": {"name": "ASC"}}), vec![3, 8, 1, 5, 7, 2, 4, 6, 9, 10]),
        (MASTER, json!({"user": {"name": "DESC"}}), vec![3, 6, 8, 10, 1, 4, 2, 5, 7, 9]),
        (MASTER, json!({"project": {"name": -1}}), vec![6, 7, 8, 9, 10, 1, 2, 3, 4, 5]),
    ] {
        let body = json!({"sort": sort, "select": select});
        assert_eq!(numbers(&server, &[("ApiKey", key)], &body).await, expected, "{sort}");
    }
}

#[tokio::test]
async fn an_order_by_a_field_that_may_not_be_seen_is_refused() {
    let server = server();
    let select = json!({"llmProvider": true, "incident": true});
    for (sort, status, text) in [
        (
            json!({"user": {"name": 1}}),
            400,
            "sort.user.name: expected user to be selected too, as in \"select\":{\"user\":{\"name\":true}}",
        ),
        (
            json!({"llmProvider": {"apiKey": 1}}),
            400,
            "sort.llmProvider: Column apiKey on LLM Provider does not support read on relation query.",
        ),
        (
            json!({"incident": {"createdAt": 1}}),
            422,
            "sort.incident: You do not have permissions to read Incident on LLM Log. You need one of these permissions: Project Owner, Project Admin, Project Member, Viewer, Incident Admin, Incident Member, Incident Viewer, Read Incident",
        ),
    ] {
        let answered = server.post("get-list", &json!({"sort": sort, "select": select})).await;
        assert_eq!((answered.status.as_u16(), answered.json()), (status, json!({ "error": text })), "{sort}");
    }
    let unselected = json!({"sort": {"llmProvider": {"name": 1}}, "select": {"status": true}});
    assert_eq!(server.post("get-list", &unselected).await.status, 400);
}
