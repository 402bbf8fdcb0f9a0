use super::*;

#[test]
fn names_are_dns_labels() {
    for good in ["a", "main", "edge-1", "1", &"x".repeat(63)] {
        assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
    }
    for (bad, why) in [
        ("", "it is empty"),
        (&"x".repeat(64), "more than 63"),
        ("Main", "only lower-case"),
        ("a/b", "only lower-case"),
        ("-a", "begin and end"),
        ("a-", "begin and end"),
    ] {
        let said = bad.parse::<Name>().unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_bad_name_is_refused_when_read_from_a_file() {
    assert!(serde_json::from_str::<Name>("\"../etc\"").is_err());
}
