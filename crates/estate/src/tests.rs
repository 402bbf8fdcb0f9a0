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

#[test]
fn the_id_of_a_point_says_when_it_was_begun() {
    let at: jiff::Timestamp = "2026-11-22T22:01:02.123Z".parse().unwrap();
    let id = PointId::new(Epoch(42), at, "k7xq").unwrap();
    assert_eq!(id.as_str(), "000042-20261122T220102.123Z-k7xq");
    assert_eq!((id.epoch(), id.at()), (Epoch(42), Some(at)));

    let never: PointId = "000001-20261322T220102.123Z-k7xq".parse().unwrap();
    assert_eq!((never.epoch(), never.at()), (Epoch(1), None));
}
