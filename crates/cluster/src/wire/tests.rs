use super::*;

#[test]
fn what_a_reader_of_yaml_takes_otherwise_is_escaped_and_means_the_same() {
    let value = Value::from("a\u{7f}\u{85}b\u{2028}c\u{feff}\u{1f6a2}é\n");
    let sent = plain(&value.to_string());
    assert_eq!(sent, "\"a\\u007f\\u0085b\\u2028c\\ufeff\u{1f6a2}é\\n\"");
    assert_eq!(serde_json::from_str::<Value>(&sent).unwrap(), value);
}
