use super::*;
use estate::{Distribution, Epoch, Part};

fn point(id: &PointId) -> Point {
    let part = |name: &str, bytes| Part { name: name.to_owned(), bytes, sha256: "0".repeat(64) };
    Point {
        id: id.clone(),
        cluster: "rancher".parse().unwrap(),
        distribution: Distribution::Kubeadm,
        epoch: Epoch(1),
        site: "main".parse().unwrap(),
        host: "main-1".parse().unwrap(),
        begun: "2026-11-22T22:01:02Z".parse().unwrap(),
        stored: "2026-11-22T22:01:03Z".parse().unwrap(),
        timeline: 1,
        revision: 4711,
        etcd_cluster_id: 1,
        etcd_version: "3.6.5".to_owned(),
        proof: None,
        lacks: Vec::new(),
        reason: None,
        parts: vec![part("files", 20_480), part("etcd", 12_345_678)],
    }
}

fn text(rows: Vec<Row>) -> String {
    anstream::adapter::strip_str(&Rows(rows).text()).to_string()
}

#[test]
fn copies_are_listed_with_what_is_wrong_with_them() {
    let id = |text: &str| text.parse::<PointId>().unwrap();
    let (sound, sealed) = (id("000001-20261122T220102.000Z-k7xq"), id("000001-20261121T220102.000Z-aaaa"));
    let reason = format!("clusters/rancher/points/{sealed} cannot be opened: no age identity is configured");
    insta::assert_snapshot!(text(vec![
        Row {
            age_s: Some(14),
            point: Some(point(&sound)),
            reason: None,
            id: sound
        },
        Row {
            age_s: Some(86_414),
            point: None,
            reason: Some(reason),
            id: sealed
        },
    ]));
}

#[test]
fn no_copies_yet() {
    assert_eq!(text(Vec::new()), "no copies yet\n");
}
