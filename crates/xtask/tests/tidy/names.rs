//! Nothing of one machine or one network gets into the project: it must build wherever packages come from.

use crate::tree::{files, none, text};

/// Hosts that addresses in the tree may name: standards, documents, DNS services, and what exists only in a lab. Where packages come from
/// is for each machine to say.
const HOSTS: &[&str] = &[
    "apache.org",
    "api.cloudflare.com",
    "cloud.google.com",
    "clouddocs.f5.com",
    "community.f5.com",
    "developers.cloudflare.com",
    "developers.google.com",
    "dns.googleapis.com",
    "docs.aws.amazon.com",
    "github.com",
    "json-schema.org",
    "keepachangelog.com",
    "kubernetes.io",
    "learn.microsoft.com",
    "localhost",
    "login.microsoftonline.com",
    "management.azure.com",
    "oauth2.googleapis.com",
    "rancher.com",
    "route53.amazonaws.com",
    "s3.amazonaws.com",
    "semver.org",
    "www.apache.org",
    "www.googleapis.com",
    "www.rfc-editor.org",
];

/// Names that exist only in a lab or in an example.
const SUFFIXES: &[&str] = &[
    ".lab.test",
    ".test",
    ".example",
    ".example.com",
    ".example.org",
    ".invalid",
    ".local",
    ".svc",
];

#[test]
fn addresses_name_only_known_hosts() {
    let mut found = Vec::new();
    for path in files().iter().filter(|path| *path != "Cargo.lock" && !path.ends_with("go.sum")) {
        for (number, line) in text(path).unwrap_or_default().lines().enumerate() {
            let unknown = hosts(line).into_iter().filter(|host| !known(host));
            found.extend(unknown.map(|host| format!("{path}:{}: {host}", number + 1)));
        }
    }
    none(&found, "take these hosts out, or, when they serve no packages, add them to the list");
}

#[test]
fn no_path_of_a_machine_is_in_the_tree() {
    // In pieces, so that this file itself stays clean. Of root's home only what every host has is a path of the product.
    let homes = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat()];
    let product = [".ssh", ".kube"];
    let mut found = Vec::new();
    for path in files() {
        for (number, line) in text(&path).unwrap_or_default().lines().enumerate() {
            let machine = homes.iter().any(|home| {
                line.match_indices(home.as_str()).any(|(at, _)| {
                    let begins = !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}*".contains(c));
                    begins && !product.iter().any(|folder| line[at + home.len()..].starts_with(folder))
                })
            });
            if machine {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    none(&found, "these lines hold a path of somebody's machine");
}

#[test]
fn hosts_are_found_in_addresses() {
    assert_eq!(
        hosts("see https://a.example/x and <http://user@b.example:80>, not c.example"),
        ["a.example", "b.example"]
    );
    assert!(hosts("https://{host}:6443 https://$NAME/ https://[::1]/").is_empty());
    assert!(known("10.71.0.1") && known("rancher.lab.test") && !known("packages.somewhere.org"));
}

/// The hosts of all addresses with a scheme in `line`; those that are filled in later do not count.
fn hosts(line: &str) -> Vec<String> {
    let mut hosts = Vec::new();
    for (at, _) in line
        .match_indices("://")
        .filter(|(at, _)| line[..*at].ends_with("http") || line[..*at].ends_with("https"))
    {
        let rest = &line[at + 3..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || ".-_:@{}$%[]".contains(c)))
            .unwrap_or(rest.len());
        let authority = rest[..end].rsplit('@').next().unwrap_or_default();
        let filled_in_later = authority.contains(['{', '$', '%', '[']);
        let host = authority.split(':').next().unwrap_or_default().trim_end_matches('.');
        if !filled_in_later && !host.is_empty() {
            hosts.push(host.to_owned());
        }
    }
    hosts
}

fn known(host: &str) -> bool {
    let address = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    // A word without a dot is no host of the world: `http://rancher` in an example.
    let local = !host.contains('.');
    address || local || HOSTS.contains(&host) || SUFFIXES.iter().any(|suffix| host.ends_with(suffix))
}
