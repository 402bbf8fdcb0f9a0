//! What a kubeadm host says of its own control plane: the flags in its static pods' manifests.
//!
//! Start at [`Flags::read`]. kubeadm writes each program's command as a list of `--flag=value` words.

use crate::Error;
use cluster::Host;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where kubelet looks for static pods, as kubeadm sets it.
pub const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// Where Lifeboat keeps manifests of what must not run.
pub const PARKED: &str = "/etc/kubernetes/lifeboat-parked";

/// A manifest is a few KiB.
const BYTES_MAX: usize = 1 << 20;

/// The flags of one program of the control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags(BTreeMap<String, String>);

impl Flags {
    /// Reads the flags of `program` (`etcd`, `kube-apiserver`) from its manifest on `host`, whether it runs or is parked.
    ///
    /// # Errors
    /// There is no such manifest, or it is none.
    pub async fn read(host: &Host, program: &str) -> Result<Self, Error> {
        for directory in [MANIFESTS, PARKED] {
            let path = format!("{directory}/{program}.yaml");
            let Some(text) = host.read(&path, BYTES_MAX).await? else {
                continue;
            };
            return Self::parse(&String::from_utf8_lossy(&text)).map_err(|reason| Error::Unusable {
                host: host.name().to_owned(),
                path,
                reason,
            });
        }
        Err(Error::Missing {
            host: host.name().to_owned(),
            path: format!("{MANIFESTS}/{program}.yaml"),
            why: format!("it says how {program} is started there"),
        })
    }

    /// Reads the flags from a manifest's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pod: Value = serde_saphyr::from_str(text).map_err(|e| e.without_snippet().to_string())?;
        let container = &pod["spec"]["containers"][0];
        let words = ["command", "args"]
            .iter()
            .filter_map(|key| container[*key].as_array())
            .flatten();
        let flags = words
            .filter_map(Value::as_str)
            .filter_map(|word| word.strip_prefix("--")?.split_once('='));
        let flags: BTreeMap<String, String> = flags.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        if flags.is_empty() {
            return Err("it is not the manifest of a static pod with flags".to_owned());
        }
        Ok(Self(flags))
    }

    /// The value of a flag, named without its dashes.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
