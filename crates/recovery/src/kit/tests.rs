use super::*;
use estate::Estate;

const ESTATE: &str = include_str!("../../../estate/src/file/tests/good.yaml");

fn world(directory: &Path, change: impl FnOnce(&str) -> String) -> World {
    let text = change(ESTATE);
    std::fs::write(directory.join("lifeboat.yaml"), &text).unwrap();
    let estate = Estate::parse("lifeboat.yaml", &text).unwrap();
    World::new(estate, text, directory.join("lifeboat.yaml"), None)
}

fn with_files(directory: &Path) {
    for name in [
        "peers.key",
        "s3.access",
        "s3.secret",
        "rancher-ca.pem",
        "tsig.key",
        "id_ed25519",
    ] {
        std::fs::write(directory.join(name), format!("the {name}")).unwrap();
    }
}

#[test]
fn a_kit_holds_the_estate_and_what_it_refers_to_and_names_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    with_files(directory.path());
    let world = world(directory.path(), |text| format!("{text}kit: {{leaveOut: [dns.key.secret]}}\n"));
    let (kit, kept) = gather(&world, None);
    assert!(kept.is_empty());
    let names: Vec<&str> = kit.files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "id_ed25519",
            "lifeboat.yaml",
            "peers.key",
            "rancher-ca.pem",
            "s3.access",
            "s3.secret"
        ]
    );
    let left_out: Vec<(&str, &str)> = kit.left_out.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        left_out,
        [
            ("clusters.rancher.manager.token", "the variable RANCHER_TOKEN is not set here"),
            ("dns.key.secret", "the estate leaves it out"),
        ]
    );
    // What opens the repository is not in it.
    assert!(!names.contains(&"identity.txt"));

    let into = directory.path().join("new/host");
    let laid = lay(&kit, &into).unwrap();
    assert_eq!(laid.estate, into.join("lifeboat.yaml"));
    assert_eq!(std::fs::read_to_string(into.join("s3.secret")).unwrap(), "the s3.secret");
    // What is sealed is what was read and found good, whatever the file says by now.
    std::fs::write(directory.path().join("lifeboat.yaml"), "name: [").unwrap();
    assert!(gather(&world, None).0.is_like(&kit));
    let again = lay(&kit, &into).unwrap_err();
    assert_eq!(&*again.code, "LB0308");
}

#[test]
fn what_belongs_elsewhere_is_laid_below_and_told() {
    let directory = tempfile::tempdir().unwrap();
    with_files(directory.path());
    let absolute = directory.path().join("tsig.key");
    let world = world(directory.path(), |text| {
        text.replace("file:tsig.key", &format!("file:{}", absolute.display()))
            .replace("identity: id_ed25519", "identity: ../id_ed25519")
    });
    let (kit, _) = gather(&world, None);
    assert_eq!(
        kit.left_out["hosts.standby-1.ssh.identity"],
        "../id_ed25519: it leads out of the estate's directory"
    );
    let into = directory.path().join("into");
    let laid = lay(&kit, &into).unwrap();
    let there = into.join(absolute.strip_prefix("/").unwrap());
    assert_eq!(laid.elsewhere, [(there.clone(), absolute)]);
    assert_eq!(std::fs::read_to_string(there).unwrap(), "the tsig.key");
}

#[test]
fn what_cannot_be_read_now_stays_as_the_kit_before_has_it() {
    let directory = tempfile::tempdir().unwrap();
    with_files(directory.path());
    let same = |text: &str| text.to_owned();
    let (before, _) = gather(&world(directory.path(), same), None);
    std::fs::remove_file(directory.path().join("tsig.key")).unwrap();
    std::fs::write(directory.path().join("s3.secret"), "another").unwrap();

    let (after, kept) = gather(&world(directory.path(), same), Some(&before));
    assert_eq!(kept, BTreeMap::from([("tsig.key".to_owned(), "it is not here".to_owned())]));
    assert_eq!(after.files["tsig.key"], before.files["tsig.key"]);
    assert_ne!(after.files["s3.secret"], before.files["s3.secret"]);
    assert_eq!(after.left_out, before.left_out);
    let told = Sealed { number: Some(2), kept }.kept().unwrap();
    assert!(told.message.contains("tsig.key (it is not here)"), "{told}");

    // What the estate leaves out, or no longer refers to, goes.
    let left_out = world(directory.path(), |text| format!("{text}kit: {{leaveOut: [dns.key.secret]}}\n"));
    let renamed = world(directory.path(), |text| text.replace("file:tsig.key", "file:new.key"));
    for (world, why) in [
        (left_out, "the estate leaves it out"),
        (renamed, "new.key: it is not here"),
    ] {
        let (kit, kept) = gather(&world, Some(&before));
        assert!(kept.is_empty() && !kit.files.contains_key("tsig.key"), "{kept:?}");
        assert_eq!(kit.left_out["dns.key.secret"], why);
    }
}

#[test]
fn a_path_in_two_spellings_is_one_file() {
    let directory = tempfile::tempdir().unwrap();
    with_files(directory.path());
    let spelt = |text: &str| text.replace("ca: rancher-ca.pem", "ca: ./tsig.key");
    let (kit, _) = gather(&world(directory.path(), spelt), None);
    assert!(kit.files.contains_key("tsig.key") && !kit.files.contains_key("./tsig.key"));
    lay(&kit, &directory.path().join("into")).unwrap();

    // Kits that were stored with both.
    let text = |text: &str| Hidden::from(STANDARD.encode(text));
    let old = |other: &str| {
        let files = [
            ("a//ca.crt", text("ca")),
            ("./a/ca.crt", text(other)),
            ("lifeboat.yaml", text("name: x")),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text));
        Kit::new(ambient::now(), "lifeboat.yaml".to_owned(), BTreeMap::from(files), BTreeMap::new())
    };
    let into = directory.path().join("old");
    let laid = lay(&old("ca"), &into).unwrap();
    assert_eq!(laid.files, [into.join("a/ca.crt"), into.join("lifeboat.yaml")]);
    assert_eq!(held(&old("ca"), "a/ca.crt"), Some(&text("ca")));
    let two = lay(&old("another"), &directory.path().join("two")).unwrap_err();
    assert_eq!(&*two.code, "LB0306");
    assert!(!directory.path().join("two").exists());
}

#[test]
fn variables_come_back_as_a_shell_reads_them() {
    let directory = tempfile::tempdir().unwrap();
    let text = |text: &str| Hidden::from(STANDARD.encode(text));
    let files = BTreeMap::from([
        ("lifeboat.yaml".to_owned(), text("name: x")),
        ("env:TOKEN".to_owned(), text("it's $secret")),
    ]);
    let kit = Kit::new(ambient::now(), "lifeboat.yaml".to_owned(), files, BTreeMap::new());
    let laid = lay(&kit, directory.path()).unwrap();
    let script = format!(". {}; printf %s \"$TOKEN\"", laid.variables.unwrap().display());
    let said = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "it's $secret");
}

#[test]
fn a_kit_that_leads_out_of_its_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["../evil", "a/../../evil", "/", ".."] {
        let files = BTreeMap::from([(name.to_owned(), Hidden::from(STANDARD.encode("x")))]);
        let kit = Kit::new(ambient::now(), "lifeboat.yaml".to_owned(), files, BTreeMap::new());
        let refused = lay(&kit, &directory.path().join("into")).unwrap_err();
        assert_eq!(&*refused.code, "LB0306", "{name}");
    }
    assert!(!directory.path().join("evil").exists());
}
