//! Points that are rebuilt and tested, and points whose moment of the history is gone.

use super::restore::{Captured, history, place, store};
use std::fs;

const OLD: &str = "000001-20261122T220102.123Z-aaaa";
const NEW: &str = "000001-20261122T220117.123Z-bbbb";

const FILES: &[Captured<'_>] = &[("/etc/kubernetes/admin.conf", Some("nothing much\n"))];

#[test]
fn a_point_is_rebuilt_and_what_it_shows_is_said() {
    let place = place("verify-point");
    let none = place.run("verify rancher");
    assert!(none.code == Some(3) && none.err.contains("LB0309"), "{}", none.err);
    history(&place);
    for id in [OLD, NEW] {
        store(&place, id, &[("main-1", FILES)]);
    }
    let said = place.run("verify rancher --without-etcd");
    assert!(said.code == Some(3) && said.err.contains("LB0005"), "{}{}", said.out, said.err);
    for part in [
        &format!("{NEW} of rancher, begun at "),
        "1 files of main-1: every byte was read and has its hash",
        "revision 7 of timeline 1 is there",
        "rebuilt and opened: HashKV ",
        "no etcd is at hand",
        "took: ",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    // What is made lies nowhere afterwards, unless it is to be kept.
    let kept = place.run(&format!("verify rancher --point {OLD} --without-etcd --keep kept --output json"));
    let told: serde_json::Value = serde_json::from_str(&kept.out).unwrap();
    assert_eq!(
        (&told["point"], &told["sound"], &told["revision"]),
        (&OLD.into(), &false.into(), &7.into())
    );
    assert!(told["tests"][2]["outcome"] == "shown" && told["hashKv"].is_u64(), "{told}");
    assert!(place.0.join("kept/etcd/member/snap/db").is_file() && place.0.join("kept/files").is_file());
    let taken = place.run("verify rancher --without-etcd --keep kept");
    assert!(taken.code == Some(3) && taken.err.contains("LB0408"), "{}", taken.err);

    place.damage(&format!("copies/clusters/rancher/parts/{NEW}/files"));
    let damaged = place.run("verify rancher --newest --without-etcd");
    assert!(damaged.code == Some(4) && damaged.err.contains("LB0306"), "{}", damaged.err);
    let offer = format!("lifeboat restore etcd rancher --at {OLD} --to DIRECTORY: the newest sound one");
    assert!(damaged.out.contains("FAILED") && damaged.err.contains(&offer), "{}", damaged.err);
    place.damage(&format!("copies/clusters/rancher/points/{NEW}"));
    let closed = place.run("verify rancher");
    assert!(closed.code == Some(4) && closed.err.contains(&offer), "{}", closed.err);
    let object = fs::read_dir(place.0.join("copies/clusters/rancher/history"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    place.damage(&format!("copies/clusters/rancher/history/{}", object.file_name().display()));
    let all = place.run(&format!("verify rancher --point {OLD}"));
    assert!(
        all.code == Some(4) && all.err.contains("LB0405") && all.err.contains("none of the older ones"),
        "{}",
        all.err
    );
}

#[test]
fn a_snapshot_of_others_is_tested_as_far_as_it_goes() {
    let place = place("verify-snapshot");
    place.change("    protect:\n", "    snapshots: [{directory: snapshots}]\n    protect:\n");
    fs::create_dir(place.0.join("snapshots")).unwrap();
    crate::etcd::made::database(&place.0.join("snapshots/snapshot.db"), 0, 8);
    let said = place.must("verify rancher --point snapshot.db --without-etcd");
    for part in ["every record was read, ", "rebuilt and opened: HashKV ", "it lacks "] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let none = place.run("verify rancher --point other.db");
    assert!(none.code == Some(2) && none.err.contains("LB0422"), "{}", none.err);
}

#[test]
fn a_check_says_whose_moment_is_gone_and_a_second_repository_brings_it_back() {
    let place = place("check-moment");
    history(&place);
    store(&place, OLD, &[("main-1", FILES)]);
    place.must("repository copy --to second");
    place.must("repository check");
    let folder = place.0.join("copies/clusters/rancher/history");
    for object in fs::read_dir(&folder).unwrap() {
        fs::remove_file(object.unwrap().path()).unwrap();
    }
    let gone = place.run("repository check");
    assert!(gone.code == Some(4) && gone.err.contains("LB0306"), "{}{}", gone.out, gone.err);
    for part in [
        "its moment of the history: ",
        &format!("clusters/rancher/points/{OLD}"),
        "its moment of the history is gone: ",
    ] {
        assert!(gone.out.contains(part), "{part}: {}", gone.out);
    }
    let mended = place.must("repository repair --from second --yes");
    assert!(mended.out.contains("clusters/rancher/history/t0001-base-"), "{}", mended.out);
    place.must("repository check");
}
