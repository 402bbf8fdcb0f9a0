use super::*;
use serde_json::json;

fn shown(before: &Value, after: &Value, mask: Option<Mask>) -> Vec<String> {
    let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let line = |it: Change| {
        let side = |value: Option<Value>| value.map_or("-".to_owned(), |value| value.to_string());
        format!("{}: {} -> {}", it.path, side(it.before), side(it.after))
    };
    between(&map(before), &map(after), mask).into_iter().map(line).collect()
}

#[test]
fn fields_are_named_by_their_paths() {
    let before = json!({ "spec": { "replicas": 1, "old": true, "list": [1, 2] }, "metadata": { "labels": { "app.io/x": "a" } } });
    let after = json!({ "spec": { "replicas": 2, "list": [1, 3, 4] }, "metadata": { "labels": { "app.io/x": "b" } }, "new": {} });
    assert_eq!(
        shown(&before, &after, None),
        [
            r#"metadata.labels[app.io/x]: "a" -> "b""#,
            "new: - -> {}",
            "spec.list[1]: 2 -> 3",
            "spec.list[2]: - -> 4",
            "spec.old: true -> -",
            "spec.replicas: 1 -> 2",
        ]
    );
    assert_eq!(shown(&before, &before, None), Vec::<String>::new());
}

#[test]
fn items_with_names_are_recognized_again() {
    let before = json!({ "containers": [{ "name": "a", "image": "1" }, { "name": "b" }] });
    let after = json!({ "containers": [{ "name": "c" }, { "name": "a", "image": "2" }] });
    assert_eq!(
        shown(&before, &after, None),
        [
            r#"containers[name=a].image: "1" -> "2""#,
            r#"containers[name=b]: {"name":"b"} -> -"#,
            r#"containers[name=c]: - -> {"name":"c"}"#,
        ]
    );
    let turned = json!({ "containers": [{ "name": "b" }, { "name": "a", "image": "1" }] });
    assert_eq!(shown(&before, &turned, None), [r#"containers: ["a","b"] -> ["b","a"]"#]);
}

#[test]
fn what_is_secret_is_compared_and_hidden() {
    let (before, after) = (
        json!({ "data": { "a": "PLANTED1" } }),
        json!({ "data": { "a": "PLANTED2", "b": "PLANTED3" } }),
    );
    let said = shown(&before, &after, Some(Mask::Secret));
    assert_eq!(said.len(), 2);
    assert!(!said.concat().contains("PLANTED"), "{said:?}");
    let whole = shown(&json!({}), &after, Some(Mask::Secret));
    assert!(!whole.concat().contains("PLANTED"), "{whole:?}");
}

#[test]
fn the_name_of_a_variable_says_whether_it_is_shown() {
    let with = |password: &str, level: &str| {
        json!({ "spec": { "containers": [{ "name": "web", "env": [
            { "name": "DB_PASSWORD", "value": password }, { "name": "LEVEL", "value": level },
        ] }] } })
    };
    let said = shown(&with("PLANTED-1", "1"), &with("PLANTED-2", "2"), Some(Mask::Pods)).join("\n");
    assert!(!said.contains("PLANTED"), "{said}");
    assert!(said.contains("env[name=DB_PASSWORD].value") && said.contains("\"2\""), "{said}");
}
