use super::*;
use std::collections::BTreeMap;
use std::io::Read as _;

fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut tar = tar::Archive::new(archive);
    let entries = tar.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    });
    entries.collect()
}

/// The blob of a descriptor, checked against what the descriptor says of it.
fn follow(files: &BTreeMap<String, Vec<u8>>, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap();
    let content = &files[&format!("blobs/{}", digest.replace(':', "/"))];
    assert_eq!(format!("sha256:{}", hex(&Sha256::digest(content))), digest);
    assert_eq!(descriptor["size"], content.len());
    content.clone()
}

fn two() -> Vec<u8> {
    let layer = layer(("bin/busybox", b"a program"), &["sh"]).unwrap();
    archive(
        &layer,
        &[
            Image { name: PAUSE, command: &["/bin/sleep"] },
            Image { name: BUSYBOX, command: &["/bin/sh"] },
        ],
    )
    .unwrap()
}

#[test]
fn every_descriptor_of_an_archive_leads_to_what_it_says() {
    let files = files(&two());
    assert_eq!(files["oci-layout"], br#"{"imageLayoutVersion":"1.0.0"}"#);
    let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let mut found = BTreeMap::new();
    for entry in index["manifests"].as_array().unwrap() {
        let manifest: Value = serde_json::from_slice(&follow(&files, entry)).unwrap();
        let config: Value = serde_json::from_slice(&follow(&files, &manifest["config"])).unwrap();
        follow(&files, &manifest["layers"][0]);
        // The layer is not compressed: its digest is that of its content.
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        let name = entry["annotations"]["io.containerd.image.name"].as_str().unwrap().to_owned();
        found.insert(name, config["config"]["Entrypoint"][0].as_str().unwrap().to_owned());
    }
    assert_eq!(
        found,
        [(BUSYBOX, "/bin/sh"), (PAUSE, "/bin/sleep")]
            .map(|(a, b)| (a.into(), b.into()))
            .into()
    );
    // Both images have one layer: it is there once.
    assert_eq!(files.keys().filter(|f| f.starts_with("blobs/")).count(), 5);
}

#[test]
fn the_same_programs_make_the_same_archive() {
    assert_eq!(two(), two());
}

#[test]
fn a_layer_holds_its_program_and_links_to_it() {
    let layer = layer(("bin/busybox", b"a program"), &["sh", "httpd"]).unwrap();
    let mut tar = tar::Archive::new(&*layer);
    let listed: Vec<String> = tar
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let link = entry
                .link_name()
                .unwrap()
                .map_or_else(String::new, |l| format!(" -> {}", l.display()));
            format!("{:o} {}{link}", entry.header().mode().unwrap(), entry.path().unwrap().display())
        })
        .collect();
    insta::assert_snapshot!(listed.join("\n"));
}

#[test]
fn a_host_gets_what_it_needs() {
    let (from, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for file in ["base.tar", "manager.tar"] {
        std::fs::write(from.path().join(file), file).unwrap();
    }
    let to = root.path().join(DIRECTORY.trim_start_matches('/'));
    place(from.path(), root.path(), false).unwrap();
    assert!(to.join("base.tar").exists() && !to.join("manager.tar").exists());
    assert_eq!(std::fs::read_to_string(to.join("names")).unwrap(), format!("{PAUSE}\n{BUSYBOX}\n"));
    std::fs::remove_dir_all(&to).unwrap();
    place(from.path(), root.path(), true).unwrap();
    assert!(to.join("manager.tar").exists());
    assert!(std::fs::read_to_string(to.join("names")).unwrap().contains(MANAGER));
}
