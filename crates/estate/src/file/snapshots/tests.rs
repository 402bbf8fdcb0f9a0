use crate::{Estate, What};

const GOOD: &str = include_str!("../tests/good.yaml");

/// The estate, its cluster with these places of snapshots.
fn with(distribution: &str, places: &str) -> Result<Estate, String> {
    let text = GOOD.replacen("    protect:\n", &format!("    snapshots:\n{places}    protect:\n"), 1);
    let text = text.replacen("kubeadm", distribution, 1);
    Estate::parse("lifeboat.yaml", &text).map_err(|error| error.to_string())
}

#[test]
fn directories_and_buckets_are_read_and_their_secrets_go_into_the_kit() {
    let places = "      - {directory: /backup/etcd, host: main-1}\n      - {directory: snapshots}\n      \
                  - {url: s3://etcd/prod, endpoint: 'http://10.1.2.2:8333', accessKey: file:a, secretKey: '${B}'}\n";
    let estate = with("kubeadm", places).unwrap();
    let all = &estate.management().unwrap().1.snapshots;
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].host.as_ref().unwrap().as_str(), "main-1");
    assert_eq!(all[2].url.as_ref().unwrap().to_string(), "s3://etcd/prod");
    let referred = estate.referred();
    let secrets = referred.iter().filter(|it| it.place.contains(".snapshots."));
    let shown: Vec<_> = secrets
        .map(|it| match it.what {
            What::Secret(secret) => format!("{} {secret}", it.place),
            What::File(_) => it.place.clone(),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "clusters.rancher.snapshots.2.accessKey file:a",
            "clusters.rancher.snapshots.2.secretKey ${B}"
        ]
    );
}

#[test]
fn what_fits_no_place_is_refused_with_its_own() {
    for (place, why) in [
        ("{directory: /a, url: 's3://b'}", "give directory or url"),
        ("{url: 's3://b', host: main-1}", "a bucket is on no host"),
        ("{}", "give directory, host or url"),
        ("{host: main-1}", "kubeadm keeps no snapshots by itself"),
        ("{directory: a, host: main-1}", "begins with /"),
        ("{directory: /a, host: main-7}", "there is no host called \"main-7\""),
        ("{directory: /a, region: eu}", "region goes with the url of a bucket: s3:"),
        ("{url: 'gs://b', accessKey: file:a}", "accessKey goes with the url of a bucket: s3:"),
        ("{url: 'file:/a'}", "given as directory"),
        ("{url: 's3://b', accessKey: file:a}", "go together"),
        ("{url: 's3://b', endpoint: '10.1.1.1'}", "begins with http:// or https://"),
        ("{url: 's3://b', folder: x}", "folder"),
    ] {
        let refused = with("kubeadm", &format!("      - {place}\n")).unwrap_err();
        assert!(refused.contains(why), "{place}: {refused}");
    }
}
