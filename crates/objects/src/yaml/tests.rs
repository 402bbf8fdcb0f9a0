use super::*;
use crate::tame::is_obeyed;
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

#[test]
fn what_a_terminal_obeys_is_written_out() {
    let object = json!({ "a\u{202e}b": "one\u{2066}\n\u{1b}[31mtwo", "c": "\u{9b}2J \\uFFFE", "d": "say \\ \u{200f}" });
    let text = text(&object);
    assert!(!text.contains(|c| c != '\n' && is_obeyed(c)), "{text:?}");
    assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), object, "{text}");
}

proptest! {
    #[test]
    fn no_text_reaches_a_terminal_as_it_is(text in "[a\u{1b}\u{9b}\u{202e}\u{2069}\u{200e}\u{feff}\u{2028}\u{fffe}\\\\u{}:\n \"'-]{0,12}", name in "[a\u{202b}\u{7f}]{1,3}") {
        let object = json!({ name: text });
        let Ok(text) = written(object.as_object().expect("it is one")) else { return Ok(()) };
        prop_assert!(!text.contains(|c| c != '\n' && is_obeyed(c)), "{:?}", text);
        let back: Value = serde_saphyr::from_str(&text).map_err(|why| TestCaseError::fail(format!("{why}: {text}")))?;
        prop_assert_eq!(back, object, "{}", text);
    }

    #[test]
    fn what_is_written_reads_back_as_the_same(value in values()) {
        let object = json!({ "a": value });
        let text = text(&object);
        let back: Value = serde_saphyr::from_str(&text).map_err(|why| TestCaseError::fail(format!("{why}: {text}")))?;
        prop_assert_eq!(back, object, "{}", text);
    }
}
