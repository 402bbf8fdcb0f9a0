//! Archives: made, read, refused.

use super::ground::{file, files};
use crate::files::{ArchiveLimits, BadArchive, Entry, Files, Tree, What};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

fn read(archive: &[u8]) -> Result<Files, BadArchive> {
    Files::read(archive, &ArchiveLimits::default())
}

fn labelled() -> Files {
    let long = format!("/etc/{}/{}", "d".repeat(120), "f".repeat(90));
    let mut key = file("key");
    key.label = Some("system_u:object_r:cert_t:s0".to_owned());
    files(&[
        (
            "/etc",
            Entry {
                mode: 0o755,
                owner: (0, 0),
                what: What::Parent,
                label: Some("system_u:object_r:etc_t:s0".to_owned()),
            },
        ),
        ("/etc/empty", Entry { mode: 0o700, what: What::Directory, ..file("") }),
        ("/etc/key", key),
        (
            "/etc/link",
            Entry {
                mode: 0o777,
                what: What::Link("./a//../key".to_owned()),
                ..file("")
            },
        ),
        ("/etc/link2", Entry { mode: 0o777, what: What::Link("x/".repeat(80)), ..file("") }),
        (&long, Entry { owner: (u32::MAX - 1, 3_000_000), ..file("long") }),
    ])
}

#[test]
fn an_archive_gives_back_what_it_was_made_of() {
    let mut all = labelled();
    all.0.insert("main-2".to_owned(), all.0["main-1"].clone());
    let archive = all.archive().unwrap();
    assert_eq!(read(&archive).unwrap(), all);
    assert_eq!(archive, all.archive().unwrap(), "the same files give the same bytes");
}

#[test]
#[ignore = "needs GNU tar and zstd: cargo xtask test"]
fn a_person_can_unpack_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("files");
    std::fs::write(&at, labelled().archive().unwrap()).unwrap();
    let line = format!(
        "zstd -qdc {0} | tar --list --verbose --numeric-owner --quoting-style=literal",
        at.display()
    );
    let output = Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once("main-1/")?.1.split(' ').next())
        .collect();
    let long = format!("etc/{}/{}", "d".repeat(120), "f".repeat(90));
    assert_eq!(names, ["etc/", &long, "etc/empty/", "etc/key", "etc/link", "etc/link2"]);
}

#[test]
fn what_no_host_has_is_refused() {
    let entry = |name: &str, kind: tar::EntryType, link: &str| {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        if !link.is_empty() {
            header.set_link_name_literal(link).unwrap();
        }
        header.set_cksum();
        header
    };
    use tar::EntryType as Kind;
    let cases = [
        vec![entry("../etc/passwd", Kind::Regular, "")],
        vec![entry("/main-1/etc", Kind::Regular, "")],
        vec![entry("main-1", Kind::Directory, "")],
        vec![entry("main-1/a/../../x", Kind::Regular, "")],
        vec![entry("main-1//x", Kind::Regular, "")],
        vec![entry("main-1/x", Kind::Link, "main-1/y")],
        vec![entry("main-1/x", Kind::Char, "")],
        vec![entry("main-1/x", Kind::Fifo, "")],
        vec![entry("main-1/x", Kind::Symlink, "")],
        vec![
            entry("main-1/x", Kind::Regular, ""),
            entry("main-1/x", Kind::Regular, ""),
        ],
        vec![
            entry("main-1/x", Kind::Symlink, "/etc"),
            entry("main-1/x/y", Kind::Regular, ""),
        ],
        vec![
            entry("main-1/x/y/z", Kind::Regular, ""),
            entry("main-1/x", Kind::Regular, ""),
        ],
    ];
    for headers in cases {
        let mut tar = tar::Builder::new(Vec::new());
        for header in &headers {
            tar.append(header, std::io::empty()).unwrap();
        }
        let archive = zstd::bulk::compress(&tar.into_inner().unwrap(), 1).unwrap();
        let refused = read(&archive);
        assert!(matches!(refused, Err(BadArchive::Entry { .. })), "{:?}: {refused:?}", headers[0].path());
    }
    let archive = labelled().archive().unwrap();
    let limits = ArchiveLimits::default();
    let large = Files::read(&archive, &ArchiveLimits { bytes: 2048, ..limits });
    assert!(matches!(large, Err(BadArchive::TooLarge { max: 2048, .. })), "{large:?}");
    let many = Files::read(&archive, &ArchiveLimits { entries: 3, ..limits });
    assert!(matches!(many, Err(BadArchive::TooLarge { max: 3, .. })), "{many:?}");
    for end in [0, 1, archive.len() / 2, archive.len() - 1] {
        assert!(read(&archive[..end]).is_err(), "{end}");
    }
}

#[test]
fn what_differs_is_named_and_times_do_not_count() {
    let before = files(&[("/a", file("1")), ("/b", file("2"))]);
    assert_eq!(before.differing(&before), [""; 0]);
    let after = files(&[("/a", file("1")), ("/b", file("3")), ("/c", file("4"))]);
    assert_eq!(before.differing(&after), ["main-1:/b", "main-1:/c"]);
    let mut later = before.clone();
    let entry = later.0.get_mut("main-1").unwrap().0.get_mut("/a").unwrap();
    entry.what = What::File { bytes: b"1".to_vec(), modified: 99 };
    assert_eq!(before.differing(&later), [""; 0]);
}

#[test]
fn a_key_is_never_shown() {
    assert!(!format!("{:?}", files(&[("/etc/ca.key", file("hunter2"))])).contains("hunter2"));
}

fn entry() -> impl Strategy<Value = Entry> {
    let what = prop_oneof![
        (prop::collection::vec(any::<u8>(), 0..700), 0..1_u64 << 33)
            .prop_map(|(bytes, modified)| What::File { bytes, modified }),
        "[a-z./]{1,200}".prop_map(What::Link),
        Just(What::Directory),
        Just(What::Parent),
    ];
    let label = prop::option::of("[a-z_:.0-9]{1,40}");
    (0..=0o7777_u32, any::<(u32, u32)>(), label, what).prop_map(|(mode, owner, label, what)| Entry {
        mode,
        owner,
        label,
        what,
    })
}

proptest! {
    #[test]
    fn any_files_come_back(entries in prop::collection::btree_map("/[a-zé \\\\'%]{1,150}", entry(), 0..8)) {
        let all = match entries.is_empty() {
            true => Files::default(),
            false => Files(BTreeMap::from([("main-1".to_owned(), Tree(entries))])),
        };
        prop_assert_eq!(read(&all.archive().unwrap()).unwrap(), all);
    }

    #[test]
    fn damage_is_an_error_or_nothing(at in 0..4000_usize, bit in 0..8_u8, end in 0..12_000_usize) {
        let mut tar = labelled().tar().unwrap();
        tar.truncate(end);
        if let Some(byte) = tar.get_mut(at) {
            *byte ^= 1 << bit;
        }
        _ = read(&zstd::bulk::compress(&tar, 1).unwrap());
        _ = read(&tar);
    }
}
