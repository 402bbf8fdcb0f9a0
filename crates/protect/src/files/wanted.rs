//! Which files of a host are wanted: what is known of its distribution, what its own settings add, and what the user names.
//! Start at [`wanted`].

use super::pattern::Pattern;
use super::sets::{Item, Need, Places, facts};
use super::{FLAGS, SELINUX};
use crate::Error;
use crate::manifest::Flags;
use cluster::{Exchange, Host, quoted};
use estate::Distribution;
use serde_json::Value;
use std::time::Duration;

/// Settings are a few KiB each; more than this together is something else.
const SETTINGS_BYTES_MAX: usize = 4 << 20;

/// What parts the files of settings when they are read at once: no YAML has it.
const PART: char = '\0';

/// Settings of k3s and RKE2 that name a file without which the server does not start as it did.
const NAMING: [&str; 5] = [
    "audit-policy-file",
    "pod-security-admission-config-file",
    "token-file",
    "agent-token-file",
    "private-registry",
];

/// What the user says of the files of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// kubeadm's configuration.
    pub kubeadm_config: String,
    /// Further files, directories (with all that is in them) and globs of both.
    pub paths: Vec<String>,
    /// How much is taken.
    pub limits: Limits,
}

/// How much of a host's files is taken. What is more is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of one file, in bytes.
    pub file_bytes: u64,
    /// Of all of them, in bytes.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 16 << 20, bytes: 128 << 20 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kubeadm_config: "/etc/kubernetes/kubeadm.yaml".to_owned(),
            paths: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// The files of a host that are to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub(super) items: Vec<(Pattern, Item)>,
    pub(super) limits: Limits,
    /// The file by which the host is known to have SELinux.
    pub(super) selinux: &'static str,
}

impl Wanted {
    /// What `distribution` keeps at `places`, and what `settings` names. Purely: [`wanted`] asks the host for its places.
    ///
    /// # Errors
    /// [`Error::Pattern`]: a path that is none.
    pub fn new(distribution: Distribution, places: &Places, settings: &Settings) -> Result<Self, Error> {
        let named = settings.paths.iter().map(|path| Item {
            path: path.clone().into(),
            why: "the estate names it".into(),
            need: Need::Optional,
            secret: true,
        });
        let items = facts(distribution, places).into_iter().chain(named);
        let items: Result<_, _> = items.map(|item| Ok((Pattern::new(&item.path)?, item))).collect();
        Ok(Self {
            items: items.map_err(Error::Pattern)?,
            limits: settings.limits,
            selinux: SELINUX,
        })
    }

    /// What is wanted, in words.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().map(|(_, item)| item)
    }

    /// Whether the content of `path` must not be shown: unless the narrowest item that it belongs to says that it may.
    pub fn is_secret(&self, path: &str) -> bool {
        let of = self.items.iter().filter(|(pattern, _)| pattern.covers(path));
        // A path with more names in it is narrower, and of two alike the one that hides prevails.
        let narrowest = of.max_by_key(|(pattern, item)| (pattern.as_str().split('/').count(), item.secret));
        narrowest.is_none_or(|(_, item)| item.secret)
    }
}

/// The files of `host` that are wanted. Reads the settings of its control plane.
///
/// # Errors
/// [`Error::Missing`] or [`Error::Unusable`]: the settings are not there, or are none. [`Error::Pattern`]: a path that is none.
/// [`Error::Host`].
pub async fn wanted(host: &Host, distribution: Distribution, settings: &Settings) -> Result<Wanted, Error> {
    let mut places = match distribution {
        Distribution::Kubeadm => match Flags::read(host, "kube-apiserver").await {
            Ok(flags) => of_flags(&flags),
            Err(none @ Error::Missing { .. }) => match Flags::read(host, "etcd").await {
                Ok(_) => Places { member_alone: true, ..Places::default() },
                Err(_) => return Err(none),
            },
            Err(error) => return Err(error),
        },
        Distribution::K3s | Distribution::Rke2 => {
            let program = distribution.to_string();
            of_rancher(&program, &rancher_settings(host, &program).await?)
                .map_err(|(path, reason)| Error::Unusable { host: host.name().to_owned(), path, reason })?
        }
        Distribution::Rke1 | Distribution::Other => Places::default(),
    };
    places.kubeadm_config.clone_from(&settings.kubeadm_config);
    Wanted::new(distribution, &places, settings)
}

/// Where a control plane's flags say that its files are.
fn of_flags(flags: &Flags) -> Places {
    let named = FLAGS
        .iter()
        .filter_map(|flag| Some((flags.get(flag)?.to_owned(), format!("the API server's flag --{flag}"))));
    Places {
        named: named.filter(|(path, _)| path.starts_with('/')).collect(),
        ..Places::default()
    }
}

/// `config.yaml` of k3s or RKE2 and those in the folder beside it, with their paths, in the order in which they are read.
async fn rancher_settings(host: &Host, program: &str) -> Result<Vec<(String, String)>, Error> {
    let folder = quoted(&format!("/etc/rancher/{program}"));
    let script = format!(
        r#"for file in {folder}/config.yaml {folder}/config.yaml.d/*.yaml; do
[ ! -f "$file" ] || {{ printf '%s\0' "$file"; cat -- "$file"; printf '\0'; }}
done"#
    );
    let it = Exchange {
        what: "reading its settings",
        script: &script,
        input: &[],
        output_bytes_max: SETTINGS_BYTES_MAX,
        limit: Duration::from_secs(60),
        alone: false,
    };
    let said = host.exchange(&it).await?;
    let said = String::from_utf8_lossy(&said);
    let mut parts = said.split(PART).map(str::to_owned);
    let mut files = Vec::new();
    while let (Some(path), Some(text)) = (parts.next(), parts.next()) {
        files.push((path, text));
    }
    Ok(files)
}

/// Where the settings of k3s or RKE2 say that its files are; later ones win. Otherwise, which one is none, and why.
pub(super) fn of_rancher(program: &str, files: &[(String, String)]) -> Result<Places, (String, String)> {
    let mut places = Places::default();
    for (path, text) in files {
        let settings: Value = match text.trim() {
            "" => Value::Null,
            text => serde_saphyr::from_str(text).map_err(|e| (path.clone(), e.without_snippet().to_string()))?,
        };
        let text = |key: &str| settings.get(key).and_then(Value::as_str).filter(|it| it.starts_with('/'));
        if let Some(data_dir) = text("data-dir") {
            places.data_dir = Some(data_dir.to_owned());
        }
        let named = NAMING
            .iter()
            .filter_map(|key| Some((text(key)?.to_owned(), format!("{key} of {program}"))));
        places.named.extend(named);
        // `kube-apiserver-arg` and, to add to earlier files, `kube-apiserver-arg+`: a list, or a single text.
        for key in ["kube-apiserver-arg", "kube-apiserver-arg+"] {
            let words = match settings.get(key) {
                Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
                Some(Value::String(word)) => vec![word.as_str()],
                _ => Vec::new(),
            };
            for (flag, path) in words.iter().filter_map(|word| word.trim_start_matches('-').split_once('=')) {
                if FLAGS.contains(&flag) && path.starts_with('/') {
                    places.named.push((path.to_owned(), format!("the API server's flag --{flag}")));
                }
            }
        }
    }
    Ok(places)
}
