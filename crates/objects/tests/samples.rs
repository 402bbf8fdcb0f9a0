//! Kubernetes keeps a filled-in sample of each of its kinds, in every encoding, to see that old objects stay readable. What is read
//! here of the protocol buffers must be what stands there as JSON. Start at `every_kind`.
//!
//! Needs Go: the samples are part of the module `k8s.io/api`, which is fetched for it.

#![expect(clippy::expect_used, reason = "in a test a panic is the report")]

use objects::encryption::Decryption;
use objects::schema::Schema;
use objects::{Content, read};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
#[ignore = "needs Go"]
fn every_kind() {
    let samples = samples();
    let mut checked = Vec::new();
    for release in ["HEAD", "v1.35.0", "v1.34.0", "v1.33.0"] {
        let mut differing = Vec::new();
        for entry in std::fs::read_dir(samples.join(release)).expect("the release has samples") {
            let path = entry.expect("it can be read").path();
            let of = path
                .file_name()
                .and_then(|it| it.to_str())
                .and_then(|it| it.strip_suffix(".pb"));
            let Some(name) = of.filter(|it| !it.ends_with(".after_roundtrip")) else {
                continue;
            };
            // What this release makes of an older sample that has fields of which this one knows nothing.
            let lossy = path.with_file_name(format!("{name}.after_roundtrip.json"));
            let wanted = object(&if lossy.exists() {
                lossy.clone()
            } else {
                path.with_file_name(format!("{name}.json"))
            });
            if known(&wanted) {
                checked.push(wanted["kind"].to_string());
                differing.extend(compare(&path, wanted, lossy.exists()));
            }
        }
        assert_eq!(differing, Vec::<String>::new(), "{release}");
    }
    checked.sort();
    checked.dedup();
    assert!(checked.len() > 70, "{checked:?}");
}

/// Whether it is a kind that is kept in etcd.
fn known(object: &Value) -> bool {
    let (version, kind) = (object["apiVersion"].as_str(), object["kind"].as_str());
    Schema::kubernetes()
        .kinds()
        .any(|it| Some(it.0) == version && Some(it.1) == kind)
}

fn compare(path: &Path, wanted: Value, lossy: bool) -> Option<String> {
    let shown = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = std::fs::read(path).expect("the sample is there");
    match read(b"/registry/sample", &bytes, &Decryption::default()) {
        Content::Object(it) if !lossy && !it.unknown.is_empty() => Some(format!("{shown}: {:?}", it.unknown)),
        Content::Object(it) => {
            let wanted = wanted.as_object().cloned().unwrap_or_default();
            let changes = objects::changes::between(&wanted, &it.fields, None);
            (!changes.is_empty()).then(|| format!("{shown}: {:?}", &changes[..changes.len().min(3)]))
        }
        Content::Opaque(it) => Some(format!("{shown}: {}", it.why)),
    }
}

fn object(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("the sample has JSON beside it");
    serde_json::from_str(&text).expect("it is JSON")
}

fn samples() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let go = |arguments: &[&str]| {
        let done = Command::new("go")
            .args(arguments)
            .current_dir(&folder)
            .output()
            .expect("go is there");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    };
    go(&["mod", "download", "k8s.io/api"]);
    PathBuf::from(go(&["list", "-m", "-f", "{{.Dir}}", "k8s.io/api"])).join("testdata")
}
