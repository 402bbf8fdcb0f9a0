//! The first estate file, from what was found on a host and in kubeconfigs: purely, from [`Found`] to text. Start at [`first_file`].
//!
//! What cannot be known is marked `TO DO`; where there must be something, it is something that parses and that nobody takes for the truth.
//! Only paths and names go into it, never what a file holds.

use crate::{Distribution, Name};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;

/// An address that no machine has (RFC 5737), where this host's is not known.
const NO_ADDRESS: &str = "192.0.2.1";

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The name of this host.
    pub host: Option<Name>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// The cluster whose control plane is here.
    pub cluster: Option<FoundCluster>,
    /// What was looked for, where no such cluster was found, and what else people should know.
    pub notes: Vec<String>,
    /// The contexts of kubeconfigs.
    pub contexts: Vec<Context>,
}

/// A cluster whose control plane is on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCluster {
    /// Who installed it.
    pub distribution: Distribution,
    /// Whether Rancher manages it.
    pub managed: bool,
    /// Where its etcd answers, and with which certificate it is asked.
    pub etcd: Option<(String, String)>,
    /// Its administrator's kubeconfig.
    pub kubeconfig: Option<String>,
    /// The directory with snapshots, if there are some.
    pub snapshots: Option<String>,
    /// kubeadm's configuration, or RKE1's `cluster.yml`, if it is where it mostly is.
    pub configuration: Option<String>,
    /// Other files that a recovery needs and that Lifeboat does not copy unless they are named.
    pub more: Vec<String>,
}

/// A context of a kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The kubeconfig.
    pub path: String,
    /// The context's name.
    pub name: String,
    /// Its API server.
    pub server: String,
    /// Whether it is the current one, which Lifeboat takes.
    pub current: bool,
}

/// The file.
#[must_use]
pub fn first_file(found: &Found) -> String {
    let host = found.host.as_ref().map_or("this-host", Name::as_str);
    let mut text = format!(
        "# What Lifeboat protects, as `lifeboat init` found it on {host}. Lines with TO DO are for you: they say what could not be known.\n\
         # Then: lifeboat check. What each key means is in docs/estate.md; `lifeboat schema` prints the JSON Schema, for editors.\n\
         name: my-estate                 # TO DO: what people call it\n\n\
         # Places that fail as a whole.\n\
         sites:\n  here: {{}}                      # TO DO: what people call the place where this host stands\n  \
         elsewhere: {{}}                 # TO DO: where the copies go: they must not be lost with `here`\n\n"
    );
    for note in &found.notes {
        _ = writeln!(text, "# {}", line(note));
    }
    if !found.notes.is_empty() {
        text.push('\n');
    }
    hosts(found, host, &mut text);
    repositories(host, &mut text);
    clusters(found, host, &mut text);
    text += "\n# What is asked of the protection: `status` and `readiness` say when it is missed.\n\
             objectives: {rpo: 60s}          # TO DO: how much may be lost, in time; and rto, how long a recovery may take\n";
    text
}

fn hosts(found: &Found, host: &str, text: &mut String) {
    let (address, to_do) = match found.address {
        Some(address) => (address.to_string(), ""),
        None => (NO_ADDRESS.to_owned(), "          # TO DO: its address"),
    };
    _ = write!(
        text,
        "# The machines that Lifeboat works on: name the others of the control plane, too.\n\
         hosts:\n  {host}:\n    site: here\n    address: {}{to_do}\n    \
         # ssh: {{}}                     # how other hosts enter it: user, port, identity, knownHosts. Without it they do not\n\n",
        scalar(&address)
    );
}

fn repositories(host: &str, text: &mut String) {
    _ = write!(
        text,
        "# Where the copies live, sealed.\n\
         repositories:\n  copies:\n    site: elsewhere\n    \
         url: s3://to-do               # TO DO: s3://BUCKET/PREFIX, gs:// or az://, or file:/DIRECTORY for one host alone\n    \
         # endpoint: https://s3.example.org\n    # accessKey: file:s3.access\n    # secretKey: file:s3.secret\n    \
         recipients:                   # TO DO: who can open it: the public keys that `lifeboat repository keys new --into .` prints.\n      \
         - {{name: safe, key: age1-to-do}}\n      \
         # - {{name: {host}, key: age1...}}   # two of everything: a lost key is a lost estate\n    \
         # writers: [{{name: {host}, key: 64 digits}}]   # TO DO: whose signatures count, by the same command\n    \
         identity: file:identity.txt\n    signer: file:signer.key\n    \
         # root: 64 digits             # what `lifeboat repository init` prints\n\n"
    );
}

fn clusters(found: &Found, host: &str, text: &mut String) {
    *text += "# What is protected.\n";
    let mut names = BTreeSet::new();
    match &found.cluster {
        None => *text += "clusters: {}                    # TO DO: none was found on this host\n",
        Some(cluster) => {
            *text += "clusters:\n";
            names.insert(host.to_owned());
            own(cluster, host, text);
        }
    }
    for context in &found.contexts {
        other(context, found.cluster.is_none(), &mut names, text);
    }
}

/// The one on this host.
fn own(of: &FoundCluster, host: &str, text: &mut String) {
    let (role, why) = match of.managed {
        true => ("downstream", "Rancher's agent is here; TO DO: management, if Rancher itself runs in it"),
        false => ("management", "TO DO: downstream, if Rancher does not run in it"),
    };
    _ = write!(
        text,
        "  {host}:                       # TO DO: what people call it\n    role: {role}            # {why}\n    \
         distribution: {}\n    hosts: [{host}]             # TO DO: the other hosts of its control plane\n    repository: copies\n",
        of.distribution
    );
    if let Some((endpoint, certificate)) = &of.etcd {
        _ = writeln!(
            text,
            "    # Its etcd answers at {}, to {}: found on the host each time, so it is not named.",
            line(endpoint),
            line(certificate)
        );
    }
    match &of.kubeconfig {
        Some(path) => _ = writeln!(text, "    kubeconfig: {}", scalar(path)),
        None => *text += "    # kubeconfig: FILE            # TO DO: one that may read everything\n",
    }
    if let Some(directory) = &of.snapshots {
        _ = writeln!(
            text,
            "    snapshots:                  # others make them: `lifeboat points` lists them, too"
        );
        _ = writeln!(text, "      - {{host: {host}, directory: {}}}", scalar(directory));
    }
    let files = protected_files(of);
    if !files.is_empty() {
        *text += "    protect:\n      files:\n";
        *text += &files;
    }
}

fn protected_files(of: &FoundCluster) -> String {
    let mut text = String::new();
    match (of.distribution, &of.configuration) {
        (Distribution::Kubeadm, Some(path)) => _ = writeln!(text, "        kubeadmConfig: {}", scalar(path)),
        (Distribution::Kubeadm, None) => {
            text += "        # TO DO: where kubeadm's configuration is: kubeadm config print, or ConfigMap kube-system/kubeadm-config\n        \
                     kubeadmConfig: /etc/kubernetes/kubeadm.yaml\n";
        }
        _ => {}
    }
    if !of.more.is_empty() {
        let paths: Vec<String> = of.more.iter().map(|path| scalar(path)).collect();
        _ = writeln!(text, "        paths: [{}]", paths.join(", "));
    }
    text
}

/// One that a kubeconfig leads to: its hosts are not known, so it is a comment.
fn other(of: &Context, is_first: bool, names: &mut BTreeSet<String>, text: &mut String) {
    let (role, about) = match through_rancher(&of.server) {
        Some("local") => ("management", "Rancher's own cluster, through Rancher"),
        Some(_) => ("downstream", "a downstream cluster, through Rancher"),
        None => ("downstream", "TO DO: management, if Rancher runs in it"),
    };
    let mut name = label(&of.name);
    while !names.insert(name.clone()) {
        name.push('2');
    }
    _ = writeln!(
        text,
        "\n  # In {}: context {}, {}: {about}.",
        line(&of.path),
        line(&of.name),
        line(&of.server)
    );
    if !of.current {
        *text +=
            "  # It is not the current context there, and that is the one that counts: give it a file of its own.\n";
    }
    let comment = if is_first {
        "  # To protect it, in place of {}:\n"
    } else {
        "  # To protect it:\n"
    };
    _ = write!(
        text,
        "{comment}  # {name}:\n  #   role: {role}\n  #   hosts: [to-do]            # TO DO: the hosts of its control plane, named above, with lifeboat serve on each\n  \
         #   repository: copies\n  #   kubeconfig: {}\n",
        scalar(&of.path)
    );
}

/// The id of a cluster that is reached through Rancher, as in `https://rancher.example.org/k8s/clusters/c-m-4xk2p9`.
fn through_rancher(server: &str) -> Option<&str> {
    let (_, id) = server.split_once("/k8s/clusters/")?;
    Some(id.split(['/', '?', '#']).next().unwrap_or(id))
}

/// A name that is nearly this text.
fn label(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = text.chars().map(plain).take(50).collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "cluster".to_owned()
    } else {
        name.to_owned()
    }
}

/// A text from outside that can stand in a comment: on one line, and not too long.
fn line(text: &str) -> String {
    let plain = |c: char| {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') {
            ' '
        } else {
            c
        }
    };
    text.chars().map(plain).take(300).collect()
}

/// A text as a value of YAML.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || ('\u{80}'..='\u{ffff}').contains(&c) => {
                _ = write!(quoted, "\\u{:04x}", u32::from(c))
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests;
