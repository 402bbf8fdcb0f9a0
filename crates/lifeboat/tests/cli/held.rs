//! Points that are held: what is said, and that `prune` lets them be. Times are other ones each run, so that only what is wrong is a
//! golden file.

use super::place::Place;
use crate::session::sessions_in;

const OLD: &str = "000001-20261122T100000.000Z-k7xq";
const MIDDLE: &str = "000001-20261122T103000.000Z-k7xq";
const NEW: &str = "000001-20261122T110000.000Z-k7xq";

fn place(test: &str) -> Place {
    let place = Place::new(&format!("held-{test}"));
    place.must("repository init --root-key root.key");
    for id in [OLD, MIDDLE, NEW] {
        place.store(&id.parse().unwrap()).unwrap();
    }
    place
}

#[test]
fn a_point_is_held_stays_and_is_released() {
    let place = place("stays");
    let keep = "{last: 2, within: 0s, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0}";
    place.change("keep: {last: 30, within: 1h 30m, yearly: 3}", &format!("keep: {keep}"));
    let held = place.must(&format!("points hold rancher {OLD} --reason audit"));
    assert!(
        held.out.starts_with(&format!("point {OLD} of rancher is held by main-1 at ")),
        "{}",
        held.out
    );
    assert!(held.out.ends_with("Z: audit\n"), "{}", held.out);
    let again = place.must(&format!("points hold rancher {OLD}"));
    assert!(again.out.contains("is held already, by main-1 at "), "{}", again.out);

    let pruned = place.must("repository prune --yes");
    assert!(pruned.out.contains(&format!("{OLD}  held")), "{}", pruned.out);
    // One that is held is listed, however old.
    let listed = place.must("points rancher --newest 1");
    assert!(
        listed.out.contains("HELD") && listed.out.contains(&format!("held: {OLD} by main-1 at ")),
        "{}",
        listed.out
    );
    let listed: serde_json::Value =
        serde_json::from_str(&place.must("points rancher --newest 1 --output json").out).unwrap();
    let points = &listed["clusters"][0]["points"];
    assert!(points[0]["held"].is_null() && points[1]["id"] == OLD, "{points}");
    let by = &points[1]["held"]["by"];
    assert_eq!((&by["by"], &by["reason"]), (&"main-1".into(), &"audit".into()), "{points}");

    let released = place.must(&format!("points release rancher {OLD}"));
    assert!(
        released
            .out
            .contains(&format!("point {OLD} of rancher is released; it was held by main-1 at "))
    );
    place.must("repository prune --yes");
    let listed = place.must("points rancher");
    assert!(!listed.out.contains(OLD) && listed.out.contains(NEW), "{}", listed.out);
}

#[test]
fn what_cannot_be_held_or_released() {
    let place = place("wrong");
    let lines = [
        "points hold rancher 000001-20261122T120000.000Z-k7xq",
        &format!("points release rancher {OLD}"),
        &format!("points hold nowhere {OLD}"),
        "points hold rancher yesterday",
        "points hold rancher",
    ];
    insta::assert_snapshot!(sessions_in(&place.0, &lines));
    std::fs::remove_file(place.0.join("signer.key")).unwrap();
    insta::assert_snapshot!(sessions_in(&place.0, &[&format!("points hold rancher {OLD}")]));
}
