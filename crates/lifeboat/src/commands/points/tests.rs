use super::*;
use estate::{Distribution, Epoch, HashProof, Part};
use repository::{Hold, HoldState};

fn now() -> Timestamp {
    "2026-11-22T22:01:16Z".parse().unwrap()
}

fn id(text: &str) -> PointId {
    text.parse().unwrap()
}

fn point(id: &PointId) -> Point {
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
        proof: Some(HashProof {
            member: "m1".to_owned(),
            at: "2026-11-22T22:00:02Z".parse().unwrap(),
            timeline: 1,
            revision: 4700,
            compaction: 4000,
            hash: 7,
        }),
        lacks: None,
        untested: Vec::new(),
        reason: Some("before upgrade".to_owned()),
        parts: vec![Part {
            name: "files".to_owned(),
            bytes: 20_480,
            sha256: "0".repeat(64),
        }],
    }
}

fn of(cluster: &str) -> OfCluster {
    OfCluster {
        cluster: cluster.parse().unwrap(),
        repository: "standby-s3".parse().unwrap(),
        all: Some(0),
        points: Vec::new(),
        strange: Vec::new(),
        snapshots: None,
        notes: Vec::new(),
        troubles: Vec::new(),
    }
}

fn row(name: &str, state: State, lacks: usize) -> Row {
    Row {
        id: name.to_owned(),
        at: "2026-11-22T12:00:00Z".parse().unwrap(),
        made_by: "k3s".to_owned(),
        node: Some("edge-1".to_owned()),
        place: "/var/lib/rancher/k3s/server/db/snapshots on edge-1".to_owned(),
        path: name.to_owned(),
        bytes: 12_345_678,
        state,
        damage: None,
        revision: None,
        lacks: vec!["the join token".to_owned(); lacks],
    }
}

#[test]
fn points_and_snapshots_of_each_cluster() {
    let (new, old) = (id("000001-20261122T220102.000Z-k7xq"), id("000001-20261121T220102.000Z-aaaa"));
    let mut proven = point(&new);
    (proven.reason, proven.lacks) = (None, Some(vec!["a key".to_owned()]));
    if let Some(proof) = &mut proven.proof {
        proof.revision = 4711;
    }
    let listed = |id: &PointId, point: Option<Point>| Listed {
        age_s: id.at().map(|at| now().duration_since(at).as_secs()),
        reason: point
            .is_none()
            .then(|| "it cannot be opened: no age identity is configured".to_owned()),
        point,
        held: None,
        id: id.clone(),
    };
    let hold = Hold {
        state: HoldState::Held,
        by: "main".parse().unwrap(),
        at: "2026-11-22T00:00:00Z".parse().unwrap(),
        reason: Some("until the audit".to_owned()),
    };
    let mut rancher = of("rancher");
    rancher.all = Some(17);
    rancher.points = vec![
        listed(&new, Some(proven)),
        Listed {
            held: Some(Held::By(hold)),
            ..listed(&old, Some(point(&old)))
        },
        listed(&old, None),
    ];
    rancher.strange = vec!["clusters/rancher/points/readme.txt".to_owned()];
    let mut edge = of("edge-1");
    edge.snapshots = Some(vec![
        row("etcd-snapshot-edge-1-1763812800", State::Unverified, 2),
        row("on-demand-edge-1-1763812800", State::Damaged, 0),
    ]);
    edge.notes = vec!["3 other files were passed over".to_owned()];
    let mut silent = of("edge-2");
    silent.all = None;
    silent.troubles = vec![Told {
        code: "LB0301".to_owned(),
        text: "s3://copies did not answer".to_owned(),
        next: Some("lifeboat check".to_owned()),
    }];
    let points = Points { now: now(), clusters: vec![rancher, edge, silent] };
    let text = |columns| anstream::adapter::strip_str(&points.in_columns(columns)).to_string();
    insta::assert_snapshot!(text(None));
    insta::assert_snapshot!("points_at_80", text(Some(80)));
    insta::assert_snapshot!("points_at_160", text(Some(160)));
}
