//! What stands around Lifeboat in a soak, and what is there at its end: the estate in [`estate`], what the repository holds in
//! [`kept`], and what becomes of it in [`rebuilt`].

use super::super::place::Place;
use super::super::server::{Server, Setup, free_ports, newest, peer_url};
use super::writer::PREFIX;
use ::etcd::Client;
use ::etcd::history::History;
use ::etcd::selection::{HistorySource, Source};
use protect::etcd::RepositoryShelf;
use repository::{AccessKey, Bucket, Cloud, StoreSettings};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// An estate with one cluster, which one host protects into a bucket.
pub(super) fn estate(place: &Place, store: &str, members: &[Server]) {
    std::fs::write(place.0.join("s3.access"), "all\n").unwrap();
    std::fs::write(place.0.join("s3.secret"), "secret\n").unwrap();
    std::fs::create_dir(place.0.join("settings")).unwrap();
    std::fs::write(place.0.join("settings/a"), "one").unwrap();
    let bucket = format!(
        "s3://soaked/estate\n    endpoint: {store}\n    accessKey: file:s3.access\n    secretKey: file:s3.secret"
    );
    place.change(&format!("file://{}/copies", place.0.display()), &bucket);
    let text = std::fs::read_to_string(place.0.join("lifeboat.yaml")).unwrap();
    let begin = text.find("clusters:\n  rancher").unwrap();
    let plain = text[..begin].replace("    ssh: {}\n", "");
    let endpoints: Vec<String> = members.iter().map(|it| format!("'{}'", it.connection.endpoint)).collect();
    let cluster = format!(
        "  shop:\n    role: downstream\n    distribution: other\n    site: main\n    etcd: {{endpoints: [{}]}}\n    hosts: [main-1]\n    \
         repository: standby-s3\n    protect: {{by: [main-1], every: 5s, etcd: {{prove: 5s}}, files: {{paths: [{}/settings]}}}}\n",
        endpoints.join(", "),
        place.0.display()
    );
    std::fs::write(place.0.join("lifeboat.yaml"), format!("{plain}clusters:\n{cluster}")).unwrap();
}

/// Makes a bucket: the status that is answered.
pub(super) fn put_bucket(url: &str) -> u16 {
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-X",
        "PUT",
        "--user",
        "all:secret",
    ]);
    let done = curl.args(["--aws-sigv4", "aws:amz:us-east-1:s3", url]).output().unwrap();
    String::from_utf8_lossy(&done.stdout).parse().unwrap_or(0)
}

/// Takes all the room that is left where `file` will be.
pub(super) fn fill(file: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(file).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
}

/// Every version that the history holds: by revision, the key and the value.
pub(super) async fn kept(place: &Place, store: &str) -> BTreeMap<u64, (String, String)> {
    let bucket = Bucket {
        name: "soaked".to_owned(),
        prefix: "estate".to_owned(),
        endpoint: Some(store.to_owned()),
    };
    let key = AccessKey { id: "all".to_owned(), secret: "secret".to_owned() };
    let store = StoreSettings::Cloud(Cloud::S3 { bucket, region: None, key: Some(key) });
    let repository = place.repository(store, "signer.key").unwrap();
    let shelf = Arc::new(RepositoryShelf::new(&repository, &"shop".parse().unwrap()));
    let read = tokio::task::spawn_blocking(move || {
        let history = Arc::new(History::open(shelf).unwrap());
        assert_eq!(history.next_timeline(), 2, "one timeline is enough");
        let source = HistorySource::new(history, 1).unwrap().unwrap();
        let mut kept = BTreeMap::new();
        let mut sink = |record: ::etcd::Record| {
            let it = record.decode().unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            kept.insert(record.revision.main, (text(&it.key), text(&it.value)));
            Ok(())
        };
        let (from, through) = (source.compaction(), source.last_revision());
        source.versions_under(PREFIX.as_bytes(), from, through, &mut sink).unwrap();
        kept
    });
    read.await.unwrap()
}

/// What an etcd has that was started on what was rebuilt.
pub(super) async fn rebuilt(place: &Place) -> BTreeMap<String, String> {
    let (port, peer) = free_ports();
    let member = format!("made={}", peer_url(peer));
    place.must(&format!("etcd rebuild --cluster shop --into made --member {member}"));
    let setup = Setup::new(&newest()).name("made").ports(port, peer).initial_cluster(&member);
    let server = setup.data(&place.0.join("made")).start().await;
    all(&server.client().await).await
}

/// All that was written to, as it is now.
pub(super) async fn all(client: &Client) -> BTreeMap<String, String> {
    let end = PREFIX.replace("soak/", "soak0");
    let found = client.range(PREFIX.as_bytes(), end.as_bytes(), 0, 0).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    found.pairs.iter().map(|it| (text(&it.key), text(&it.value))).collect()
}
