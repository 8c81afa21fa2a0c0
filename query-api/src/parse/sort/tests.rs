use serde_json::json;

use super::super::select;
use super::*;

fn parsed(sort: &Json) -> Result<String, SortError> {
    let selection = select::parse(Some(&json!({"llmProvider": {"name": true}, "user": true}))).expect("valid");
    parse(Some(sort), false, &selection).map(|order| order.to_string())
}

#[test]
fn no_sort_means_newest_first() {
    for sort in [None, Some(json!(null)), Some(json!({})), Some(json!([])), Some(json!(5)), Some(json!(""))] {
        let order = parse(sort.as_ref(), false, &Selection::default());
        assert_eq!(order, Ok(Order::newest_first()), "{sort:?}");
    }
    assert_eq!(Order::newest_first().to_string(), "createdAt descending nulls first\n");
}

#[test]
fn directions_are_read_as_the_reference_server_reads_them() {
    for direction in [json!("DESC"), json!("desc"), json!(-1), json!(-1.0), json!({"direction": -1})] {
        let sort = json!({ "status": direction });
        assert_eq!(parsed(&sort).as_deref(), Ok("status descending nulls first\n"), "{sort}");
    }
    for direction in [json!(1), json!("ASC"), json!("-1"), json!("Desc"), json!(0), json!(true), json!([]), json!({})] {
        let sort = json!({ "status": direction });
        assert_eq!(parsed(&sort).as_deref(), Ok("status ascending nulls last\n"), "{sort}");
    }
}

#[test]
fn nulls_go_where_they_are_told() {
    let sort = json!({
        "durationMs": {"direction": "ASC", "nulls": "FIRST"}, "feature": {"direction": "DESC", "nulls": "last"},
        "user": {"name": {"nulls": "first"}},
    });
    let expected = "durationMs ascending nulls first\nfeature descending nulls last\nuser.name ascending nulls first\n";
    assert_eq!(parsed(&sort).as_deref(), Ok(expected));
}

#[test]
fn keys_inside_a_relation_keep_their_place() {
    let sort = json!({"status": 1, "llmProvider": {"name": "DESC", "_id": 1}, "totalTokens": -1});
    let expected = "status ascending nulls last\nllmProvider.name descending nulls first\n\
                    llmProvider._id ascending nulls last\ntotalTokens descending nulls first\n";
    assert_eq!(parsed(&sort).as_deref(), Ok(expected));
}

#[test]
fn what_is_no_order_is_refused() {
    for (sort, error) in [
        (json!({"id": 1}), "sort: column id does not exist on LLM Log"),
        (json!("createdAt"), "sort: expected an object such as {\"createdAt\":-1}"),
        (json!(["createdAt"]), "sort: expected an object such as {\"createdAt\":-1}"),
        (json!({"createdAt": null}), "sort.createdAt: expected a direction, 1 or -1, got null"),
        (
            json!({"llmProvider": 1}),
            "sort.llmProvider: expected an object with a field of the related row, such as {\"_id\":1}",
        ),
        (
            json!({"llmProvider": {}}),
            "sort.llmProvider: expected an object with a field of the related row, such as {\"_id\":1}",
        ),
        (json!({"llmProvider": {"name": null}}), "sort.llmProvider.name: expected a direction, 1 or -1, got null"),
        (json!({"llmProvider": {"nope": 1}}), "sort.llmProvider: Column nope not found on LLM Provider"),
        (
            json!({"llmProvider": {"apiKey": 1}}),
            "sort.llmProvider: Column apiKey on LLM Provider does not support read on relation query.",
        ),
        (
            json!({"project": {"name": 1}}),
            "sort.project.name: expected project to be selected too, as in \"select\":{\"project\":{\"name\":true}}",
        ),
        (
            json!({"deletedByUser": {"name": 1}}),
            "sort.deletedByUser.name: expected deletedByUser to be selected too, as in \"select\":{\"deletedByUser\":{\"name\":true}}",
        ),
        (json!({"_relevance": -1}), "sort._relevance: expected a FullText condition in the query"),
    ] {
        assert_eq!(parsed(&sort).map_err(|error| error.to_string()), Err(error.to_owned()), "{sort}");
    }
    let ranked = parse(Some(&json!({"_relevance": -1})), true, &Selection::default()).expect("valid");
    assert!(ranked.is_by_relevance());
}

#[test]
fn relevance_takes_the_directions_that_columns_take() {
    let parsed = |direction: Json| {
        parse(Some(&json!({ "_relevance": direction })), true, &Selection::default()).map(|order| order.to_string())
    };
    for direction in [json!(-1), json!("DESC"), json!({"direction": -1}), json!({"direction": "DESC"})] {
        assert_eq!(parsed(direction.clone()).as_deref(), Ok("_relevance descending nulls first\n"), "{direction}");
    }
    for direction in [json!(1), json!({"direction": "ASC"}), json!({})] {
        assert_eq!(parsed(direction.clone()).as_deref(), Ok("_relevance ascending nulls last\n"), "{direction}");
    }
    assert_eq!(parsed(json!(null)), Err(SortError::NoDirection("_relevance".to_owned())));
}

#[test]
fn values_have_the_types_of_their_keys() {
    let selection = select::parse(Some(&json!({"llmProvider": true}))).expect("valid");
    let sort = json!({"totalTokens": 1, "llmProvider": {"isGlobalLlm": 1}});
    let order = parse(Some(&sort), false, &selection).expect("valid");
    assert!(order.sorts(&[Value::Number(1), Value::Boolean(true)]) && order.sorts(&[Value::Null, Value::Null]));
    for values in [
        &[Value::Number(1)][..],
        &[Value::Number(1), Value::Boolean(true), Value::Null],
        &[Value::text("1"), Value::Boolean(true)],
        &[Value::Number(1), Value::Number(1)],
    ] {
        assert!(!order.sorts(values), "{values:?}");
    }
}
