//! A repository in a directory, from its making to its repair. Ids and keys are other ones each time, so these sessions are asked for
//! what they must say instead of being golden files.

use super::place::Place;
use crate::etcd::made::database;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_sheet_and_the_store_are_enough_on_an_empty_host() {
    let place = Place::new("repository-sheet");
    let said = place.must("repository init --root-key root.key");
    let identity = fs::read_to_string(place.0.join("identity.txt")).unwrap();
    let identity = identity.lines().last().unwrap();
    for part in [identity, &place.root(), "repository kit fetch", "Store needs nothing"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    for part in [
        "object lock: there is none",
        "with a point every 15 s with files of 300.0 kB (assumed",
        "requests that write",
        "a history of 500.0 MB a day",
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
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
    let fetched = place.must(&format!(
        "repository kit fetch --url {url} --root {root} --identity identity.txt --into host"
    ));
    for hint in [
        "install -m 600 -D identity.txt host/identity.txt",
        "lifeboat check --estate host/lifeboat.yaml",
    ] {
        assert!(fetched.err.contains(&format!("hint: {hint}\n")), "{hint}: {}", fetched.err);
    }
    fs::copy(place.0.join("identity.txt"), place.0.join("host/identity.txt")).unwrap();
    assert_eq!(fs::read_to_string(place.0.join("host/tsig.key")).unwrap(), "the tsig.key\n");
    let points = place.must("points rancher --estate host/lifeboat.yaml");
    assert_eq!(points.out, "cluster rancher, in standby-s3\n\nno points yet\n");
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
fn the_sheet_in_a_file_is_for_its_owner_alone() {
    let place = Place::new("repository-sheet-file");
    let said = place.must("repository init --root-key root.key --into sheet.txt");
    assert!(
        said.out.is_empty() && said.err.contains("the recovery sheet is in sheet.txt"),
        "{}",
        said.err
    );
    let file = place.0.join("sheet.txt");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("AGE-SECRET-KEY-1") && text.contains(&place.root()), "{text}");
    // Neither a sheet nor anything else is written over, and nothing is done before that is known.
    let again = place.run("repository init --root-key other.key --into sheet.txt");
    assert!(again.code == Some(3) && again.err.contains("LB0308"), "{}", again.err);
    assert!(!place.0.join("other.key").exists());
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn what_a_kit_leaves_out_is_named_by_its_file_and_the_reason() {
    let place = Place::new("repository-left-out");
    fs::remove_file(place.0.join("tsig.key")).unwrap();
    place.must("repository init --root-key root.key --without-secrets");
    let kit = place.must("repository kit").out;
    assert!(kit.contains("left out: tsig.key: it is not here"), "{kit}");
}

#[test]
fn a_kit_never_loses_a_file_and_an_earlier_one_can_be_had() {
    let place = Place::new("repository-kit");
    place.must("repository init --root-key root.key --without-secrets");
    fs::remove_file(place.0.join("tsig.key")).unwrap();
    fs::write(place.0.join("peers.key"), "another\n").unwrap();
    let poorer = place.run("repository kit store");
    assert!(poorer.code == Some(3) && poorer.err.contains("LB0203"), "{}", poorer.err);
    assert!(
        poorer.err.contains("kit 2 is stored") && poorer.err.contains("tsig.key"),
        "{}",
        poorer.err
    );

    let root = place.root();
    let fetch = format!(
        "repository kit fetch --url file://{}/copies --root {root} --identity identity.txt",
        place.0.display()
    );
    let has = |directory: &str, file: &str| fs::read_to_string(place.0.join(directory).join(file)).unwrap();
    place.must(&format!("{fetch} --into newest"));
    assert_eq!(
        (has("newest", "tsig.key"), has("newest", "peers.key")),
        ("the tsig.key\n".into(), "another\n".into())
    );
    place.must(&format!("{fetch} --number 1 --into first"));
    assert_eq!(has("first", "peers.key"), "the peers.key\n");

    place.damage("copies/shared/kit/0000000002");
    let before = place.must(&format!("{fetch} --into before"));
    assert!(before.err.contains("passed over: shared/kit/0000000002 is damaged"), "{}", before.err);
    assert_eq!(has("before", "peers.key"), "the peers.key\n");
    let damaged = place.run(&format!("{fetch} --number 2 --into damaged"));
    assert!(damaged.code == Some(4) && damaged.err.contains("LB0306"), "{}", damaged.err);
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
    let checked = place.must("repository check");
    for part in [
        "store: it does what copies, journals and leases are built on",
        "object lock: there is none",
    ] {
        assert!(checked.out.contains(part), "{part}: {}", checked.out);
    }
    let checked: serde_json::Value = serde_json::from_str(&place.must("repository check --output json").out).unwrap();
    let probe = &checked["probe"];
    let failed = probe["checks"].as_array().unwrap().iter().filter(|it| !it["failed"].is_null());
    assert!(failed.count() == 0 && probe["slowestMs"].is_u64(), "{checked}");
    assert!(checked["objectLock"]["bucket"].is_null() && checked["faults"].is_array(), "{checked}");

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
fn a_check_that_opens_nothing_is_no_success_and_one_of_its_own_cluster_is() {
    let place = Place::new("repository-closed");
    place.must("repository init --root-key root.key");
    // Who may open its own cluster alone.
    for folder in ["own", "other"] {
        fs::create_dir(place.0.join(folder)).unwrap();
        place.must(&format!("repository keys new --into {folder}"));
    }
    let own = fs::read_to_string(place.0.join("own/identity.txt")).unwrap();
    let own = own.lines().next().unwrap().rsplit(' ').next().unwrap();
    place.change("recipients: [", &format!("recipients: [{{name: own, key: {own}, clusters: [rancher]}}, "));
    place.must("repository keys apply --root-key root.key");
    let identity = place.0.join("identity.txt");
    fs::copy(place.0.join("own/identity.txt"), &identity).unwrap();
    let checked = place.must("repository check");
    let closed = "not opened, so not looked into: shared: shared/keys/0000000001 cannot be opened";
    assert!(checked.out.contains(closed), "{}", checked.out);
    fs::copy(place.0.join("other/identity.txt"), &identity).unwrap();
    let nothing = place.run("repository check");
    assert!(nothing.code == Some(3) && nothing.err.contains("LB0305"), "{}", nothing.err);
    fs::remove_file(&identity).unwrap();
    let nothing = place.run("repository check --output json");
    assert!(nothing.code == Some(3) && nothing.err.contains("LB0304"), "{}", nothing.err);
    assert!(nothing.err.contains(&format!("{} is not here", identity.display())), "{}", nothing.err);
    let shown: serde_json::Value = serde_json::from_str(&nothing.out).unwrap();
    assert_eq!(shown["opened"], serde_json::json!([]));
    assert!(
        shown["closed"]["shared"].is_string() && shown["closed"]["clusters/rancher"].is_string(),
        "{shown}"
    );
}

#[test]
fn a_sheet_has_no_identity_that_would_not_open_the_kit() {
    let place = Place::new("repository-sheet-identity");
    place.must("repository init --root-key root.key --without-secrets");
    fs::create_dir(place.0.join("own")).unwrap();
    place.must("repository keys new --into own");
    let other = fs::read_to_string(place.0.join("own/identity.txt")).unwrap();
    let (public, secret) = (other.lines().next().unwrap(), other.lines().last().unwrap());
    fs::copy(place.0.join("own/identity.txt"), place.0.join("identity.txt")).unwrap();
    let said = place.must("repository init --root-key root.key");
    for lacks in [&said.out, &said.err] {
        let lacks_it = "identity.txt does not open shared, clusters/rancher, so not the recovery kit, and is left off";
        assert!(lacks.contains(lacks_it), "{lacks}");
    }
    assert!(
        !said.out.contains(secret) && said.out.contains("(that of one of: safe (age1"),
        "{}",
        said.out
    );
    let own = public.rsplit(' ').next().unwrap();
    place.change("recipients: [", &format!("recipients: [{{name: own, key: {own}}}, "));
    fs::remove_file(place.0.join("identity.txt")).unwrap();
    let said = place.must("repository init --root-key root.key");
    assert!(said.out.contains("identity.txt is not here)"), "{}", said.out);
}

#[test]
fn what_nobody_can_mend_is_no_success() {
    let place = Place::new("repository-nobody");
    place.must("repository init --root-key root.key");
    place.must("repository copy --to second");
    place.damage("copies/shared/kit/0000000001");
    fs::remove_file(place.0.join("second/shared/kit/0000000001")).unwrap();
    for line in [
        "repair --from second",
        "repair --from second --dry-run",
        "repair --from second --yes",
    ] {
        let lost = place.run(&format!("repository {line}"));
        assert!(lost.code == Some(4) && lost.err.contains("LB0306"), "{line}: {}{}", lost.out, lost.err);
        assert!(lost.out.contains("nobody has it"), "{line}: {}", lost.out);
    }
}

#[test]
fn a_lost_marker_is_made_anew_under_its_id_and_under_no_other() {
    let place = Place::new("repository-marker");
    let sheet = place.must("repository init --root-key root.key").out;
    let id = sheet.lines().find_map(|line| line.strip_prefix("Id")).unwrap().trim();
    let marker = place.0.join("copies/lifeboat.json");
    let before = fs::read_to_string(&marker).unwrap();
    fs::remove_file(&marker).unwrap();
    for line in [
        "points",
        "repository init --root-key root.key",
        "repository keys apply --root-key root.key",
    ] {
        let lost = place.run(line);
        assert!(lost.code == Some(3) && lost.err.contains("LB0316"), "{line}: {}{}", lost.out, lost.err);
        assert!(!marker.exists(), "{line}");
    }
    let wrong = place.run("repository init --root-key root.key --id 0123456789abcdef");
    assert!(wrong.code == Some(2) && !marker.exists(), "{}", wrong.err);
    place.must(&format!("repository init --root-key root.key --id {id}"));
    assert_eq!(fs::read_to_string(&marker).unwrap(), before);
    place.must("repository check");
    place.must("repository kit");
}

#[test]
fn a_copy_says_what_it_did_not_remove_and_what_differs() {
    let place = Place::new("repository-held");
    place.must("repository init --root-key root.key");
    place.must("repository copy --to second");
    let writers = place.0.join("copies/shared/writers/0000000001");
    let whole = fs::read(&writers).unwrap();
    fs::remove_file(&writers).unwrap();
    let held = place.run("repository copy --to second --remove");
    assert!(held.code == Some(3) && held.err.contains("LB0317"), "{}{}", held.out, held.err);
    assert!(held.out.contains("shared/writers/0000000001"), "{}", held.out);
    fs::write(&writers, &whole[1..]).unwrap();
    let differs = place.run("repository copy --to second");
    assert!(
        differs.code == Some(4) && differs.err.contains("LB0306"),
        "{}{}",
        differs.out,
        differs.err
    );
    fs::write(&writers, &whole).unwrap();
    place.must("repository copy --to second --remove");
}

#[test]
fn a_copy_leaves_out_what_is_damaged_and_names_it() {
    let place = Place::new("repository-copy-damaged");
    place.must("repository init --root-key root.key");
    let whole = fs::read(place.0.join("copies/shared/kit/0000000001")).unwrap();
    fs::write(place.0.join("copies/shared/kit/0000000001"), "").unwrap();
    let copied = place.run("repository copy --to second");
    assert!(copied.code == Some(4) && copied.err.contains("LB0306"), "{}{}", copied.out, copied.err);
    assert!(copied.out.contains("shared/kit/0000000001: it is empty"), "{}", copied.out);
    assert!(!place.0.join("second/shared/kit/0000000001").exists());
    fs::write(place.0.join("copies/shared/kit/0000000001"), whole).unwrap();
    let copied = place.must("repository copy --to second");
    for empty in ["damaged", "differing", "not signed", "held back"] {
        assert!(!copied.out.contains(empty), "{empty}: {}", copied.out);
    }
    let itself = place.run("repository copy --to standby-s3");
    assert!(
        itself.code == Some(2) && itself.err.contains("cannot be a copy of itself"),
        "{}",
        itself.err
    );
    place.change("/second", "/copies");
    let same = place.run("repository copy --to second");
    assert!(same.code == Some(2) && same.err.contains("LB0302"), "{}", same.err);
}

#[test]
fn an_import_into_a_history_that_has_begun_is_refused_before_it_asks_for_the_lease() {
    let place = Place::new("repository-import");
    place.must("repository init --root-key root.key");
    database(&place.0.join("db"), 0, 9);
    place.must("etcd import db --cluster rancher");
    let records = || {
        let records = fs::read_dir(place.0.join("copies/clusters/rancher/leases/capture")).unwrap();
        records.map(|it| it.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    let before = records();
    let again = place.run("etcd import db --cluster rancher");
    assert!(again.code == Some(3) && again.err.contains("LB0408"), "{}", again.err);
    assert_eq!(records(), before);
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

#[test]
fn a_copy_is_made_by_copying_and_has_the_keys_of_its_original() {
    let place = Place::new("repository-copy-of");
    let estate = fs::read_to_string(place.0.join("lifeboat.yaml")).unwrap();
    let begin = estate.find("  second:").unwrap();
    let end = estate.find("clusters:\n  rancher").unwrap();
    let second = format!(
        "  second:\n    site: witness\n    url: file:second\n    copyOf: standby-s3\n    identity: file:identity.txt\n{}",
        &estate[end..]
    );
    fs::write(place.0.join("lifeboat.yaml"), format!("{}{second}", &estate[..begin])).unwrap();
    place.must("repository init --root-key root.key");
    let refused = place.run("repository init --root-key root.key --repository second");
    assert!(
        refused.code == Some(2) && refused.err.contains("repository second is a copy of standby-s3"),
        "{}",
        refused.err
    );
    place.must("repository copy --to second");
    place.must("repository check --repository second --read-data --against standby-s3");
    let keys = place.must("repository keys --repository second");
    assert!(!keys.out.contains("the estate has other"), "{}", keys.out);
}
