//! A repository in a directory, from its making to its repair. Ids and keys are other ones each time, so these sessions are asked for
//! what they must say instead of being golden files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const GOOD: &str = include_str!("../../../estate/src/file/tests/good.yaml");

/// A directory with an estate that has two repositories in directories, `standby-s3` and `second`.
struct Place(PathBuf);

/// What a command gave.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new(test: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let place = Self(directory.canonicalize().unwrap());
        for file in ["peers.key", "rancher-ca.pem", "tsig.key", "id_ed25519"] {
            fs::write(place.0.join(file), format!("the {file}\n")).unwrap();
        }
        assert_eq!(place.run("repository keys new --into .").code, Some(0));
        let public = |file: &str| {
            let text = fs::read_to_string(place.0.join(file)).unwrap();
            text.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
        };
        let (recipient, writer) = (public("identity.txt"), public("signer.key"));
        let begin = GOOD.find("repositories:").unwrap();
        let end = GOOD.find("clusters:\n  rancher").unwrap();
        let of = |name: &str, site: &str, to: &str| {
            format!(
                "  {name}:\n    site: {site}\n    url: file://{}/{to}\n    recipients: [{{name: safe, key: {recipient}}}]\n    \
                 writers: [{{name: main-1, key: {writer}}}]\n    identity: file:identity.txt\n    signer: file:signer.key\n",
                place.0.display()
            )
        };
        let repositories = format!(
            "repositories:\n{}{}",
            of("standby-s3", "standby", "copies"),
            of("second", "witness", "second")
        );
        fs::write(place.0.join("lifeboat.yaml"), format!("{}{repositories}{}", &GOOD[..begin], &GOOD[end..])).unwrap();
        place
    }

    fn run(&self, line: &str) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_lifeboat"))
            .args(line.split(' '))
            .current_dir(&self.0)
            .env_remove("LIFEBOAT_ESTATE")
            .env_remove("RANCHER_TOKEN")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    fn must(&self, line: &str) -> Said {
        let said = self.run(line);
        assert_eq!(said.code, Some(0), "{line}: {}{}", said.out, said.err);
        said
    }

    fn root(&self) -> String {
        let marker = fs::read_to_string(self.0.join("copies/lifeboat.json")).unwrap();
        let marker: serde_json::Value = serde_json::from_str(&marker).unwrap();
        marker["root"].as_str().unwrap().to_owned()
    }

    /// Changes a byte in the middle of a file.
    fn damage(&self, file: &str) {
        let path = self.0.join(file);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

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
        "copies",
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
