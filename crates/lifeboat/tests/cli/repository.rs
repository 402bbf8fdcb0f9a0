//! A repository in a directory, from its making to its repair. Ids and keys are other ones each time, so these sessions are asked for
//! what they must say instead of being golden files.

use crate::place::Place;
use std::fs;

#[test]
fn the_sheet_and_the_store_are_enough_on_an_empty_host() {
    let place = Place::new("repository-sheet");
    let said = place.must("repository init --root-key root.key");
    let identity = fs::read_to_string(place.0.join("identity.txt")).unwrap();
    let identity = identity.lines().last().unwrap();
    for part in [identity, &place.root(), "repository kit fetch", "Store needs nothing"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let bare = place.must("repository init --root-key root.key --without-secrets");
    assert!(
        !bare.out.contains("AGE-SECRET-KEY") && bare.err.contains("was a repository already"),
        "{}",
        bare.out
    );

    // An empty host: what the sheet says, and nothing else.
    let url = format!("file://{}/copies", place.0.display());
    let (root, other) = (place.root(), "0".repeat(64));
    place.must(&format!(
        "repository kit fetch --url {url} --root {root} --identity identity.txt --into host"
    ));
    fs::copy(place.0.join("identity.txt"), place.0.join("host/identity.txt")).unwrap();
    assert_eq!(fs::read_to_string(place.0.join("host/tsig.key")).unwrap(), "the tsig.key\n");
    let copies = place.must("copies --estate host/lifeboat.yaml");
    assert_eq!(copies.out, "no copies yet\n");
    let again = place.run(&format!(
        "repository kit fetch --url {url} --root {root} --identity identity.txt --into host"
    ));
    assert!(again.code == Some(3) && again.err.contains("LB0308"), "{}", again.err);
    let wrong = place.run(&format!(
        "repository kit fetch --url {url} --root {other} --identity identity.txt --into x"
    ));
    assert!(wrong.code == Some(3) && wrong.err.contains("LB0312"), "{}", wrong.err);
    let stranger = place.run(&format!("repository kit fetch --url {url} --root {root} --into x"));
    assert!(stranger.code == Some(3) && stranger.err.contains("LB0304"), "{}", stranger.err);
}

#[test]
fn what_one_repository_lost_the_other_has() {
    let place = Place::new("repository-repair");
    let none = place.run("repository stats");
    assert!(none.err.contains("LB0302") || none.err.contains("LB0314"), "{}", none.err);
    place.must("repository init --root-key root.key");
    let copied = place.must("repository copy --to second");
    assert!(copied.out.contains("copied") && copied.out.contains("4 objects"), "{}", copied.out);
    place.must("repository check --read-data --against second");

    place.damage("copies/shared/kit/0000000001");
    fs::remove_file(place.0.join("copies/shared/writers/0000000001")).unwrap();
    let harmed = place.run("repository check");
    assert_eq!(harmed.code, Some(4), "{}{}", harmed.out, harmed.err);
    assert!(
        harmed.out.contains("shared/kit/0000000001") && harmed.err.contains("LB0306"),
        "{}",
        harmed.out
    );
    let asks = place.run("repository repair --from second");
    assert!(asks.code == Some(2) && asks.err.contains("--yes"), "{}", asks.err);
    let mended = place.must("repository repair --from second --yes");
    assert_eq!(mended.out.matches("mended").count(), 2, "{}", mended.out);
    place.must("repository check --read-data");
    place.must("repository kit");
}

#[test]
fn who_opens_and_who_writes_follows_the_estate() {
    let place = Place::new("repository-keys");
    place.must("repository init --root-key root.key");
    fs::create_dir(place.0.join("new")).unwrap();
    place.must("repository keys new --into new");
    let text = fs::read_to_string(place.0.join("new/identity.txt")).unwrap();
    let recipient = text.lines().next().unwrap().rsplit(' ').next().unwrap();
    let estate = fs::read_to_string(place.0.join("lifeboat.yaml")).unwrap();
    let estate = estate.replacen("recipients: [", &format!("recipients: [{{name: cellar, key: {recipient}}}, "), 1);
    fs::write(place.0.join("lifeboat.yaml"), estate).unwrap();
    let differs = place.must("repository keys");
    assert!(differs.out.contains("the estate has other recipients of shared"), "{}", differs.out);
    let other = place.run("repository keys apply --root-key new/signer.key");
    assert!(other.code == Some(3) && other.err.contains("LB0312"), "{}", other.err);
    let applied = place.must("repository keys apply --root-key root.key --rotate");
    assert!(
        applied.err.contains("shared has keyring 2") && applied.out.contains(recipient),
        "{}",
        applied.out
    );
    fs::copy(place.0.join("new/identity.txt"), place.0.join("identity.txt")).unwrap();
    place.must("repository kit");
    let plan = place.must("repository prune --dry-run");
    assert!(plan.out.contains("0 objects to remove"), "{}", plan.out);
}
