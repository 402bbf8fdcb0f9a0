use super::*;

fn tree(names: &[(&str, &str)]) -> Tree {
    let node = |(name, kind): &(&str, &str)| serde_json::json!({"name": name, "type": kind, "linktarget": "/etc"});
    let nodes: Vec<_> = names.iter().map(node).collect();
    serde_json::from_value(serde_json::json!({ "nodes": nodes })).unwrap()
}

#[test]
fn what_is_in_a_folder_has_names_that_lead_nowhere_else_and_each_once() {
    let sound = named(tree(&[("b", "dir"), ("a", "file"), ("...", "symlink")]), Path::new("/x")).unwrap();
    let names: Vec<_> = sound.iter().map(|(name, _)| name.to_str().unwrap()).collect();
    assert_eq!(names, ["...", "a", "b"]);

    for absurd in ["", ".", "..", "/", "a/b", "../a", "/etc", "a/", r"\x2e\x2e"] {
        let error = named(tree(&[("a", "dir"), (absurd, "file")]), Path::new("/x")).unwrap_err();
        assert!(error.to_string().starts_with("/x is damaged: the name"), "{error}");
    }
    // What comes second would lead out of the first; two spellings are one name.
    for second in ["a", r"\x61"] {
        let error = named(tree(&[("a", "dir"), (second, "symlink")]), Path::new("/x")).unwrap_err();
        assert_eq!(error.to_string(), "/x is damaged: the name \"a\" in it stands there twice");
    }
}
