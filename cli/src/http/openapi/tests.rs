use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use testkit::Description;

use super::*;

type Role = (&'static str, fn() -> OpenApi);

const ROLES: [Role; 5] = [
    ("serve", || describe_serve(Compat::Docs)),
    ("serve --compat oneuptime", || describe_serve(Compat::OneUptime)),
    ("query-api", || describe_query_api(Compat::Docs)),
    ("ingest", describe_ingest),
    ("projector", describe_projector),
];

fn json(api: &OpenApi) -> Value {
    serde_json::to_value(api).expect("JSON")
}

fn schema_names(api: &OpenApi) -> BTreeSet<String> {
    api.components.iter().flat_map(|components| components.schemas.keys().cloned()).collect()
}

/// Each operation with its method and path.
fn operations(api: &OpenApi) -> Vec<(String, Value)> {
    let api = json(api);
    let pages = api["paths"].as_object().expect("pages").iter();
    let of_page = |(path, page): (&String, &Value)| {
        let methods = page.as_object().expect("methods").iter();
        methods.map(|(method, operation)| (format!("{method} {path}"), operation.clone())).collect::<Vec<_>>()
    };
    pages.flat_map(of_page).collect()
}

#[test]
fn the_own_pages_are_described_so() {
    insta::assert_json_snapshot!(describe_projector());
}

#[test]
fn each_role_describes_its_own_pages() {
    let pages: BTreeMap<&str, Vec<String>> = ROLES
        .map(|(role, describe)| (role, operations(&describe()).into_iter().map(|(page, _)| page).collect()))
        .into();
    insta::assert_json_snapshot!(pages);
}

/// Of two schemas with one name, or two operations, a description keeps the first only.
#[test]
fn no_part_of_the_description_hides_another() {
    let parts = [::query_api::openapi(Compat::Docs), ::ingest::openapi(), verify_page(), own_pages()];
    let whole = describe_serve(Compat::Docs);
    assert_eq!(schema_names(&whole).len(), parts.iter().map(|part| schema_names(part).len()).sum::<usize>());
    assert_eq!(whole.paths.paths.len(), parts.iter().map(|part| part.paths.paths.len()).sum::<usize>());
}

#[test]
fn every_operation_has_an_id_a_tag_and_answers_that_can_be_followed() {
    for (role, describe) in ROLES {
        let api = describe();
        assert!(!api.info.title.is_empty() && !api.info.version.is_empty(), "{role}");
        let (whole, operations) = (json(&api), operations(&api));
        let tags: Vec<&Value> = whole["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
        let ids: BTreeSet<&str> =
            operations.iter().filter_map(|(_, operation)| operation["operationId"].as_str()).collect();
        assert_eq!(ids.len(), operations.len(), "{role}: every operation has an id of its own");
        for (page, operation) in &operations {
            assert!(tags.contains(&&operation["tags"][0]), "{role} {page}: {}", operation["tags"]);
            assert!(operation["summary"].is_string(), "{role} {page}");
            let is_own = operation["security"] == serde_json::json!([{}]);
            let answers = operation["responses"].as_object().expect("answers");
            assert!(is_own || answers.contains_key("503"), "{role} {page}: any page may still be starting");
            for (status, answer) in answers {
                assert!(
                    answer["content"].as_object().is_some_and(|content| !content.is_empty()),
                    "{role} {page} {status}"
                );
                let id = answer.pointer("/headers/X-Request-Id/$ref").and_then(Value::as_str);
                assert!(id.is_some_and(|id| whole.pointer(id.trim_start_matches('#')).is_some()), "{role} {page}");
            }
        }
    }
}

#[test]
fn a_comparison_is_told_as_described() {
    let log = schemas::id::LogId(uuid::Uuid::nil());
    let positions = schemas::positions::Positions { log, partitions: BTreeMap::new(), reference: None };
    let verified = crate::verify::Verified::from(projector::VerifyReport::new(positions));
    let told = serde_json::to_value(verified).expect("JSON");
    let schema = Description::new(json(&describe_projector())).named("Verified");
    assert!(schema.is_valid(&told), "{told}");
}
