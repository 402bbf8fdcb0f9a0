//! What a person may choose about a lab: by flags, or in a topology file with the same keys.

use crate::error::{Error, Result};
use estate::{Distribution, Name};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;
use std::str::FromStr;

/// The choices; every one has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Options {
    /// The lab's name, 1 to 10 characters: several labs can stand side by side.
    pub name: Name,
    /// How many downstream clusters, 1 to 20.
    pub edges: u8,
    /// etcd members of each management cluster, 1 or 3.
    pub etcd_members: u8,
    /// The line of etcd.
    pub etcd: EtcdLine,
    /// Whether kubelet and containerd run too, so that pods do.
    pub pods: bool,
    /// Whose file layout the clusters have.
    pub layout: Distribution,
    /// The lab's addresses; the first free of 10.100.0.0/16 to 10.119.0.0/16 where none is given.
    pub subnet: Option<Subnet>,
    /// Where the made-up content grows from: the same seed gives the same objects.
    pub seed: u64,
    /// Made-up objects in each cluster, 0 to 100,000.
    pub objects: u32,
}

impl Default for Options {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the text is a constant that a test parses")]
        let name = "lab".parse().expect("a good name");
        Self {
            name,
            edges: 2,
            etcd_members: 1,
            etcd: EtcdLine::V3_6,
            pods: false,
            layout: Distribution::Kubeadm,
            subnet: None,
            seed: 1,
            objects: 100,
        }
    }
}

impl Options {
    /// Reads a topology file: YAML, unknown keys refused.
    ///
    /// # Errors
    /// [`Error::Topology`] with file, line, column and reason.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::Topology { object: path.display().to_string(), reason: e.to_string() })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads the text of a topology file called `origin`.
    ///
    /// # Errors
    /// As [`Options::read`].
    pub fn parse(origin: &str, text: &str) -> Result<Self> {
        let broken = |reason: String| Error::Topology { object: origin.to_owned(), reason };
        if text.trim().is_empty() {
            return Err(broken("the file is empty; `edges: 2` would be a beginning".into()));
        }
        let options: Self = serde_saphyr::from_str(text).map_err(|e| broken(e.to_string()))?;
        options.check().map_err(|e| broken(e.to_string()))?;
        Ok(options)
    }

    /// Checks every range.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong =
            |object: &str, reason: &str| Err(Error::Topology { object: object.to_owned(), reason: reason.to_owned() });
        if self.name.as_str().len() > 10 {
            return wrong("name", "a lab's name has at most 10 characters, since it becomes part of link names");
        }
        if !(1..=20).contains(&self.edges) {
            return wrong("edges", "from 1 to 20 downstream clusters");
        }
        if ![1, 3].contains(&self.etcd_members) {
            return wrong("etcdMembers", "1 or 3 members; 2 would lose quorum with either");
        }
        if self.objects > 100_000 {
            return wrong("objects", "at most 100,000 at the start; `lifeboat lab churn` makes more");
        }
        if self.pods && self.layout == Distribution::Rke2 {
            return wrong("pods", "pods run with the layout kubeadm only");
        }
        Ok(())
    }
}

/// A line of etcd releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EtcdLine {
    /// 3.5
    #[serde(rename = "3.5")]
    V3_5,
    /// 3.6
    #[serde(rename = "3.6")]
    V3_6,
    /// 3.7
    #[serde(rename = "3.7")]
    V3_7,
}

impl fmt::Display for EtcdLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V3_5 => "3.5",
            Self::V3_6 => "3.6",
            Self::V3_7 => "3.7",
        })
    }
}

impl FromStr for EtcdLine {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "3.5" => Ok(Self::V3_5),
            "3.6" => Ok(Self::V3_6),
            "3.7" => Ok(Self::V3_7),
            _ => Err(format!("{text:?} is no line of etcd; 3.5, 3.6 and 3.7 are")),
        }
    }
}

/// A private range of the form `10.N.0.0/16`: a site is an octet of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet(u8);

impl Subnet {
    /// The ranges that are tried where none was asked for.
    pub(crate) fn candidates() -> impl Iterator<Item = Self> {
        (100..120).map(Self)
    }

    /// The address of host `last` at the site with number `site`.
    pub fn address(self, site: u8, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, self.0, site, last)
    }

    /// Whether `address` lies in the range.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        let [first, second, ..] = address.octets();
        first == 10 && second == self.0
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        text.strip_prefix("10.")
            .and_then(|rest| rest.strip_suffix(".0.0/16"))
            .and_then(|octet| octet.parse().ok())
            // Kubernetes' own service and pod ranges.
            .filter(|octet| ![96, 244].contains(octet))
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not of the form 10.N.0.0/16, N neither 96 nor 244"))
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "10.{}.0.0/16", self.0)
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}
