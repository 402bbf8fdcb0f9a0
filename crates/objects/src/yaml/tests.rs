use super::*;
use proptest::prelude::*;
use serde_json::json;

fn text(value: &Value) -> String {
    written(value.as_object().expect("it is one")).expect("it can be written")
}

#[test]
fn fields_are_sorted_and_lists_stand_as_kubectl_has_them() {
    let object = json!({ "kind": "Pod", "apiVersion": "v1", "spec": { "b": [{ "y": 1, "x": "yes" }], "a": "l1\nl2\n", "n": null } });
    assert_eq!(
        text(&object),
        "apiVersion: v1\nkind: Pod\nspec:\n  a: |\n    l1\n    l2\n  b:\n  - x: \"yes\"\n    \"y\": 1\n  \"n\": null\n"
    );
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,12}|[a-z]+\n[ a-z]*\n?|[yn0-9.:eE+-]{1,5}|\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::hash_map("[a-zA-Z0-9./~ -]{1,8}|[yn]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_the_same(value in values()) {
        let object = json!({ "a": value });
        let text = text(&object);
        let back: Value = serde_saphyr::from_str(&text).map_err(|why| TestCaseError::fail(format!("{why}: {text}")))?;
        prop_assert_eq!(back, object, "{}", text);
    }
}
