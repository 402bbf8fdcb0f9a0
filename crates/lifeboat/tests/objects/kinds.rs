//! Every kind that an API server keeps, read out of a history, is what `kubectl get -o json` shows. Start at the test.

use crate::plane::{ENCRYPTION, Plane};
use ::etcd::history::{Directory, History};
use ::etcd::selection::{Aside, Packs};
use cluster::KindRef;
use objects::Content;
use objects::changes::between;
use objects::encryption::Decryption;
use objects::key::Place;
use protect::resources::{Look, Moment, Scope};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What an API server adds when it reads: a default that came later than the object was stored, or that it never stores.
const ADDED: [(&str, &[&str]); 3] = [
    ("Job", &["metadata.labels"]),
    ("PersistentVolumeClaim", &["status.phase"]),
    (
        "StatefulSet",
        &[
            "spec.volumeClaimTemplates[0].apiVersion",
            "spec.volumeClaimTemplates[0].kind",
        ],
    ),
];

/// Kinds whose objects are not kept, or only by what does not run here.
const NOT_KEPT: [&str; 1] = ["ComponentStatus"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kubernetes: cargo xtask test"]
async fn what_is_read_is_what_the_api_server_shows() {
    let plane = Plane::start().await;
    apply_all(&plane).await;
    plane
        .wait("the default service account", async |it| {
            let found = it
                .client
                .get(&KindRef::new("v1", "ServiceAccount"), Some("sample"), "default")
                .await;
            found.is_ok_and(|it| it.is_some())
        })
        .await;
    plane.captured();

    let folder = plane.folder.path().join("history");
    let history = History::open(Arc::new(Directory::open(&folder).unwrap())).unwrap();
    let timeline = history.newest().unwrap();
    let revision = timeline.newest().unwrap();
    let moment = history.moment(timeline.number, revision).unwrap();
    let at = Moment {
        source: Arc::new(Packs::of(&moment).unwrap()),
        revision,
        aside: Aside::default(),
    };
    let look = Look {
        registry: "/registry".to_owned(),
        decryption: Decryption::parse(ENCRYPTION).unwrap(),
        reveal: true,
    };

    let served = plane.client.kinds().await.unwrap();
    let (mut seen, mut encrypted, mut differing) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (key, protect::resources::Listed { revision, .. }) in look.keys(&at, &Scope::default()).unwrap() {
        let shown = key.escape_ascii().to_string();
        // Counters of the API server's own, which it never shows.
        if Place::of("/registry", &key).is_none_or(|place| ["ranges", "peerserverleases"].contains(&&*place.resource)) {
            continue;
        }
        let stored = look.find(&at, &objects::key::Wanted::Key(shown.clone())).unwrap().unwrap();
        let Content::Object(mut object) = stored.content else {
            panic!("{shown}: {:?}", stored.content);
        };
        assert_eq!(object.unknown, Vec::<String>::new(), "{shown}");
        encrypted.extend(object.encrypted.clone().map(|(provider, _)| provider));
        seen.insert(object.kind.clone());
        // Some are stored in a version that is not served; the API server then shows the same fields in another one.
        let is_served = |it: &&cluster::Served| it.kind.group() == object.group() && it.kind.kind == object.kind;
        let served = served.served.iter().find(is_served).map(|it| it.kind.clone());
        let mut kind = KindRef::new(&*object.api_version, &*object.kind);
        if let Err(cluster::Error::UnknownKind { .. }) = plane.client.list(&kind, None).await {
            kind = served.unwrap();
            object.fields["apiVersion"] = kind.api_version.clone().into();
        }
        let (namespace, name) = (object.metadata("namespace"), object.metadata("name").unwrap());
        let Some(now) = plane.client.get(&kind, namespace, name).await.unwrap() else {
            panic!("{shown} is not there");
        };
        // What goes on changing is not compared: it is another object by now.
        if now["metadata"]["resourceVersion"].as_str() != Some(&*revision.to_string()) {
            println!("{shown} has changed meanwhile");
            continue;
        }
        object.fields["metadata"]["resourceVersion"] = revision.to_string().into();
        let mut changes = between(&object.fields, now.as_object().unwrap(), None);
        let added = ADDED
            .iter()
            .find(|(kind, _)| *kind == object.kind)
            .map_or(&[][..], |(_, paths)| paths);
        changes.retain(|it| it.before.is_some() || !added.contains(&&*it.path));
        if !changes.is_empty() {
            differing.push(format!("{shown}: {changes:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(encrypted, ["aescbc", "aesgcm", "secretbox"].map(str::to_owned).into());

    let kept = served
        .served
        .iter()
        .filter(|it| it.can("create") || it.can("patch"))
        .map(|it| &it.kind.kind);
    let missing: Vec<_> = kept
        .filter(|it| !seen.contains(*it) && !NOT_KEPT.contains(&it.as_str()))
        .collect();
    assert_eq!(missing, Vec::<&String>::new(), "of these kinds kinds.yaml has no sample");
    println!("{} kinds are the same", seen.len());

    what_kubectl_shows(&plane);
}

/// The command's own output, against kubectl's.
fn what_kubectl_shows(plane: &Plane) {
    for (object, kubectl) in [
        ("secret/sample/sample", "secret sample -n sample"),
        ("cm/sample/sample", "configmap sample -n sample"),
        ("deploy/sample/sample", "deployment sample -n sample"),
        ("samples.example.com/sample/sample", "samples.example.com sample -n sample"),
    ] {
        let ours = plane.must(&format!("etcd get history {object} --reveal --encryption-config encryption.yaml"));
        let mut command = std::process::Command::new(lab::tools::kubernetes().join("kubectl"));
        command
            .arg("--kubeconfig")
            .arg(plane.kubeconfig())
            .arg("get")
            .args(kubectl.split(' '))
            .args(["-o", "yaml"]);
        let theirs = crate::server::run(&mut command);
        let value = |text: &str| serde_saphyr::from_str::<Value>(text).unwrap();
        assert_eq!(value(&ours), value(&theirs), "{object}");
    }
}

/// Makes a sample of every kind.
pub(crate) async fn apply_all(plane: &Plane) {
    for document in include_str!("kinds.yaml").split("\n---\n") {
        let object: Value = serde_saphyr::from_str(document).unwrap_or_else(|why| panic!("{why}:\n{document}"));
        apply(plane, &object).await;
    }
}

/// Kinds are made by the API server when their definitions are.
async fn apply(plane: &Plane, object: &Value) {
    plane
        .wait("a kind to be served", async |it| match it.client.apply(object).await {
            Ok(_) => true,
            Err(cluster::Error::UnknownKind { .. } | cluster::Error::NotFound { .. }) => false,
            Err(error) => panic!("{error}"),
        })
        .await;
}
