//! The estate with its doors open: from names in the estate file to hosts, repositories, voters and name servers.
//!
//! Secrets are read when they are needed, from the files and variables that the estate file names: a host that lacks one can
//! do everything else.

use crate::Trouble;
use cluster::{Host, Manager, SshSettings};
use estate::{
    Cluster, DnsProvider, Estate, Failover, FileError, KeyHolder, Kind, Name, Placed, SecretRef, StoreUrl,
    TsigAlgorithm,
};
use repository::{AccessKey, Bucket, Cloud, Grant, Recipient, Repository, Scope, Settings, StoreSettings, Writer};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where a passphrase is looked for that is a recipient, or that an ssh key is encrypted with.
const PASSPHRASE: &str = "LIFEBOAT_PASSPHRASE";

/// The estate, where its file lies, and on which of its hosts this Lifeboat runs, if on any.
#[derive(Clone, Debug)]
pub struct World {
    /// The estate.
    pub estate: Estate,
    /// The text that it was read from: what is sealed into the repository.
    pub text: String,
    /// Its file.
    pub file: PathBuf,
    /// The directory of its file: paths in it begin there.
    pub directory: PathBuf,
    /// The host that this is.
    pub here: Option<Name>,
    /// The peers' key, once it was read: a file that is being replaced must not end a lease.
    key: OnceLock<peers::Key>,
    /// Hosts that are simulated.
    #[cfg(test)]
    pub(crate) simulated: std::collections::BTreeMap<Name, Host>,
}

impl World {
    /// An estate, read from `text` of the file at the absolute path `file`, on the host `here`, if that is one of its own.
    pub fn new(estate: Estate, text: String, file: PathBuf, here: Option<Name>) -> Self {
        let directory = file.parent().map(Path::to_owned).unwrap_or_default();
        Self {
            estate,
            text,
            file,
            directory,
            here,
            key: OnceLock::new(),
            #[cfg(test)]
            simulated: std::collections::BTreeMap::new(),
        }
    }

    /// The cluster called `name`.
    ///
    /// # Errors
    /// The estate has none.
    pub fn cluster(&self, name: &Name) -> Result<&Cluster, Trouble> {
        self.estate.clusters.get(name).ok_or_else(|| self.unknown("cluster", name))
    }

    /// The cluster called `name`, which has a standby, with what its failover needs.
    ///
    /// # Errors
    /// The estate has none, or it has no standby.
    pub fn failover(&self, name: &Name) -> Result<Failover<'_>, Trouble> {
        self.cluster(name)?;
        self.estate.failover().filter(|of| of.name == name).ok_or_else(|| {
            let message = format!("the estate {} gives cluster {name} no standby", self.estate.name);
            Trouble::new("LB0202", Kind::Invalid, message)
        })
    }

    /// The host called `name`: entered by SSH, unless it is this one.
    ///
    /// # Errors
    /// The estate does not have it, or does not say how to enter it.
    pub fn host(&self, name: &Name) -> Result<Host, Trouble> {
        #[cfg(test)]
        if let Some(host) = self.simulated.get(name) {
            return Ok(host.clone());
        }
        if self.here.as_ref() == Some(name) {
            return Ok(Host::local(name.as_str()));
        }
        let host = self.estate.hosts.get(name).ok_or_else(|| self.unknown("host", name))?;
        let ssh = host.ssh.as_ref().ok_or_else(|| {
            let message = format!("host {name} cannot be entered from here: the estate gives no ssh for it");
            Trouble::new("LB0202", Kind::Invalid, message)
                .hint(format!("add ssh to host {name}, or give the command on {name} itself"))
        })?;
        let settings = SshSettings {
            user: ssh.user.clone(),
            port: ssh.port,
            identity: ssh.identity.as_ref().map(|path| self.path(path)),
            known_hosts: ssh.known_hosts.as_ref().map(|path| self.path(path)),
        };
        Ok(Host::ssh(name.as_str(), host.address, &settings))
    }

    /// What the estate says of the repository called `name`.
    ///
    /// # Errors
    /// The estate has none.
    pub fn repository_of(&self, name: &Name) -> Result<&estate::Repository, Trouble> {
        self.estate
            .repositories
            .get(name)
            .ok_or_else(|| self.unknown("repository", name))
    }

    /// All playbooks that can be named.
    ///
    /// # Errors
    /// One that the estate names cannot be read, or has no sound form.
    pub fn books(&self) -> Result<plan::Books, Trouble> {
        self.read_books(|source, read| plan::Books::of(&self.estate, source, read))
    }

    /// The same, but of the estate's own only the one called `name` and those in it: another one that is broken is in nobody's way. All of
    /// them, if there is none of that name.
    ///
    /// # Errors
    /// As [`World::books`], of those.
    pub fn books_for(&self, name: &str) -> Result<plan::Books, Trouble> {
        let name: Option<Name> = name.parse().ok();
        let is_there =
            |name: &Name| self.estate.playbooks.contains_key(name) || plan::Books::builtin_text(name).is_some();
        match name.filter(is_there) {
            Some(name) => self.read_books(|source, read| plan::Books::for_one(&self.estate, source, read, &name)),
            None => self.books(),
        }
    }

    fn read_books(
        &self,
        of: impl FnOnce((&str, &str), &dyn Fn(&Path) -> Result<String, String>) -> Result<plan::Books, FileError>,
    ) -> Result<plan::Books, Trouble> {
        let source = self
            .file
            .file_name()
            .map_or_else(|| "lifeboat.yaml".into(), |name| name.to_string_lossy());
        let read = |path: &Path| std::fs::read_to_string(self.path(path)).map_err(|reason| reason.to_string());
        of((&source, &self.text), &read)
            .map_err(|error| Trouble::new("LB0205", Kind::Invalid, error.to_string()).hint("lifeboat explain LB0205"))
    }

    /// The repository called `name`. Without the identity nothing in it can be opened or sealed; without the signing key, it can
    /// be read.
    ///
    /// # Errors
    /// A secret that is needed to reach it cannot be read.
    pub fn repository(&self, name: &Name) -> Result<Repository, Trouble> {
        let of = self.repository_of(name)?;
        let settings = Settings {
            store: self.store(of)?,
            identity: self.secret_if_here(Some(&of.identity))?,
            identity_missing: (!self.has(&of.identity)).then(|| self.place_of(&of.identity)),
            passphrase: std::env::var(PASSPHRASE).ok(),
            signer: self.secret_if_here(of.signer.as_ref())?,
            root: of.root.as_deref().cloned(),
        };
        Ok(Repository::open(settings)?)
    }

    /// The scopes of a repository, or of what it is a copy of: what is shared, and the clusters whose copies go there.
    pub fn scopes(&self, name: &Name) -> Vec<Scope> {
        let name = self.estate.original(name);
        let clusters = self.estate.clusters.iter().filter(|(_, of)| *of.repository == *name);
        let clusters = clusters.map(|(cluster, _)| Scope::Cluster(cluster.clone()));
        std::iter::once(Scope::Shared).chain(clusters).collect()
    }

    /// Who can open which scopes of a repository.
    ///
    /// # Errors
    /// The estate has no such repository.
    pub fn grants(&self, name: &Name) -> Result<Vec<Grant>, Trouble> {
        let of = self.repository_of(self.estate.original(name))?.recipients.iter();
        let grant = |it: &KeyHolder| Grant {
            recipient: Recipient { name: it.name.clone(), recipient: (*it.key).clone() },
            scopes: it
                .clusters
                .as_ref()
                .map(|names| names.iter().map(|it| Scope::Cluster((**it).clone())).collect()),
        };
        Ok(of.map(grant).collect())
    }

    /// Who may write what in a repository.
    ///
    /// # Errors
    /// The estate has no such repository.
    pub fn writers(&self, name: &Name) -> Result<Vec<Writer>, Trouble> {
        let of = self.repository_of(self.estate.original(name))?.writers.iter();
        of.map(|it| {
            let key = it.key.parse().map_err(|error: repository::InvalidPublicKey| {
                Trouble::new("LB0202", Kind::Invalid, format!("writer {}: {error}", it.name))
            })?;
            let named = it.clusters.as_ref();
            let named = named.map(|names| names.iter().map(|it| Scope::Cluster((**it).clone())).collect());
            Ok(Writer {
                name: it.name.clone(),
                key,
                scopes: named.unwrap_or_else(|| self.scopes(name)),
            })
        })
        .collect()
    }

    /// Where a repository is, whatever directory one is in.
    pub fn url(&self, of: &estate::Repository) -> StoreUrl {
        match &*of.url {
            StoreUrl::Directory(path) => StoreUrl::Directory(self.path(path)),
            other => other.clone(),
        }
    }

    fn store(&self, of: &estate::Repository) -> Result<StoreSettings, Trouble> {
        let bucket = |name: &str, prefix: &str| Bucket {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: of.endpoint.as_deref().cloned(),
        };
        let secret = |secret: &Option<Placed<SecretRef>>| secret.as_deref().map(|s| self.secret(s)).transpose();
        Ok(StoreSettings::Cloud(match &*of.url {
            StoreUrl::Directory(path) => return Ok(StoreSettings::Directory(self.path(path))),
            StoreUrl::S3 { bucket: name, prefix } => {
                let key = secret(&of.access_key)?.zip(secret(&of.secret_key)?);
                Cloud::S3 {
                    bucket: bucket(name, prefix),
                    region: of.region.as_deref().cloned(),
                    key: key.map(|(id, secret)| AccessKey { id, secret }),
                }
            }
            StoreUrl::Gcs { bucket: name, prefix } => Cloud::Gcs {
                bucket: bucket(name, prefix),
                service_account: secret(&of.service_account)?,
            },
            StoreUrl::Azure { container, prefix } => Cloud::Azure {
                container: bucket(container, prefix),
                account: of.account.as_deref().cloned(),
                key: secret(&of.account_key)?,
            },
        }))
    }

    /// The same trouble; where it is about keys, with the file that the identity of `cluster`'s repository is read from.
    #[must_use]
    pub fn about_identity(&self, cluster: &Name, trouble: Trouble) -> Trouble {
        let of = self.estate.clusters.get(cluster);
        let of = of.and_then(|cluster| self.estate.repositories.get(&*cluster.repository));
        let Some(of) = of else { return trouble };
        let place = self.place_of(&of.identity);
        match &*trouble.code {
            "LB0304" => trouble.hint(format!("{place} is not here: bring it, or give the command where it is")),
            "LB0305" => trouble.hint(format!(
                "lifeboat repository keys; age-keygen -y {place} prints which recipient this host is"
            )),
            _ => trouble,
        }
    }

    /// Speaks with the Lifeboats of the sites, as `me`.
    ///
    /// # Errors
    /// The key cannot be read.
    pub fn peers(&self, me: &str) -> Result<peers::Client, Trouble> {
        Ok(peers::Client::new(me, self.peers_key()?)?)
    }

    /// The key of the peers.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn peers_key(&self) -> Result<peers::Key, Trouble> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let peers = self.estate.peers.as_ref().ok_or_else(|| self.lacks("peers"))?;
        let key = peers::Key::from_base64(&self.secret(&peers.key)?)?;
        Ok(self.key.get_or_init(|| key).clone())
    }

    /// A site's Lifeboat.
    ///
    /// # Errors
    /// The estate has no such site.
    pub fn peer(&self, site: &Name) -> Result<peers::Peer, Trouble> {
        let of = self.estate.sites.get(site).ok_or_else(|| self.unknown("site", site))?;
        let serve = of.serve.as_ref().ok_or_else(|| self.lacks(&format!("sites.{site}.serve")))?;
        Ok(peers::Peer { name: site.to_string(), address: serve.to_string() })
    }

    /// Who moves the manager's name.
    ///
    /// # Errors
    /// A secret cannot be read, or a setting cannot be used.
    pub fn names(&self) -> Result<Box<dyn dns::Provider>, Trouble> {
        let of = self.estate.dns.as_ref().ok_or_else(|| self.lacks("dns"))?;
        let zone = (*of.zone).clone();
        let endpoint = |it: &Option<Placed<String>>| it.as_deref().cloned();
        let secret = |it: &SecretRef| self.secret(it).map(|text| dns::Secret::from(text.as_str()));
        Ok(match of.provider() {
            DnsProvider::Rfc2136(server, key) => {
                let algorithm = match key.algorithm {
                    TsigAlgorithm::HmacSha256 => dns::Algorithm::HmacSha256,
                    TsigAlgorithm::HmacSha384 => dns::Algorithm::HmacSha384,
                    TsigAlgorithm::HmacSha512 => dns::Algorithm::HmacSha512,
                };
                let key = dns::Tsig::new(&key.name, algorithm, &self.secret(&key.secret)?)?;
                Box::new(dns::Zone { server, zone, key })
            }
            DnsProvider::Route53(it) => dns::Route53 {
                zone,
                zone_id: it.zone_id.clone(),
                access_key: self.secret(&it.access_key)?,
                secret: secret(&it.secret_key)?,
                session_token: None,
                region: "us-east-1".to_owned(),
                endpoint: endpoint(&it.endpoint),
                ca: None,
            }
            .open()?,
            DnsProvider::Cloudflare(it) => dns::Cloudflare {
                zone,
                zone_id: it.zone_id.clone(),
                token: secret(&it.token)?,
                endpoint: endpoint(&it.endpoint),
                ca: None,
            }
            .open()?,
            DnsProvider::Google(it) => dns::Google {
                zone,
                project: it.project.clone(),
                managed_zone: it.managed_zone.clone(),
                service_account: secret(&it.service_account)?,
                endpoint: endpoint(&it.endpoint),
                ca: None,
            }
            .open()?,
            DnsProvider::Azure(it) => dns::Azure {
                zone,
                subscription: it.subscription.clone(),
                resource_group: it.resource_group.clone(),
                tenant: it.tenant.clone(),
                client: it.client.clone(),
                secret: secret(&it.secret)?,
                endpoint: endpoint(&it.endpoint),
                login: endpoint(&it.login),
                ca: None,
            }
            .open()?,
            DnsProvider::BigIp(it) => dns::BigIp {
                zone,
                endpoint: (*it.url).clone(),
                user: it.user.clone(),
                password: secret(&it.password)?,
                partition: it.partition.clone(),
                members: it.members.clone(),
                ca: it.ca.as_deref().map(|path| self.content(path)).transpose()?,
            }
            .open()?,
            DnsProvider::Manual(words) => {
                let servers = of.secondaries.iter().chain(&of.resolvers).copied().collect();
                dns::Manual { zone, servers, words: words.to_vec() }.open()?
            }
        })
    }

    /// The manager `of` a cluster, at `address`; with its token if it is to be asked more than whether it lives.
    ///
    /// # Errors
    /// The CA or the token cannot be read.
    pub fn manager(&self, of: &estate::Manager, address: IpAddr, with_token: bool) -> Result<Manager, Trouble> {
        let ca = self.text(&self.path(&of.ca))?;
        let token = if with_token {
            Some(self.secret(&of.token)?)
        } else {
            None
        };
        Ok(Manager::new(of.name.trim_end_matches('.'), of.port, address, &ca, token.as_deref())?)
    }

    /// Where a secret is looked for.
    pub fn place_of(&self, secret: &SecretRef) -> String {
        match secret {
            SecretRef::File(path) => self.path(path).display().to_string(),
            SecretRef::Env(name) => format!("the variable {name}"),
        }
    }

    /// Whether a secret is here at all.
    pub fn has(&self, secret: &SecretRef) -> bool {
        match secret {
            SecretRef::File(path) => self.path(path).exists(),
            SecretRef::Env(name) => std::env::var_os(name).is_some(),
        }
    }

    /// A secret that only some hosts have.
    fn secret_if_here(&self, secret: Option<&SecretRef>) -> Result<Option<String>, Trouble> {
        let here = secret.filter(|secret| self.has(secret));
        here.map(|secret| self.secret(secret)).transpose()
    }

    /// Reads a secret.
    ///
    /// # Errors
    /// It is not there.
    pub fn secret(&self, secret: &SecretRef) -> Result<String, Trouble> {
        match secret {
            SecretRef::File(path) => self.text(&self.path(path)),
            SecretRef::Env(name) => std::env::var(name).map_err(|_| {
                let message = format!("the variable {name} is not set, and the estate needs it");
                Trouble::new("LB0203", Kind::Person, message).hint(format!("export {name}=..."))
            }),
        }
    }

    /// A path of the estate file.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    /// What a file of the estate file holds, its path relative to that.
    ///
    /// # Errors
    /// It is not there.
    pub fn content(&self, path: &Path) -> Result<String, Trouble> {
        self.text(&self.path(path))
    }

    fn text(&self, path: &Path) -> Result<String, Trouble> {
        let text = std::fs::read_to_string(path).map_err(|reason| {
            let message = format!("{} cannot be read, and the estate needs it: {reason}", path.display());
            Trouble::new("LB0203", Kind::Person, message).hint(format!("ls -l {}", path.display()))
        })?;
        Ok(text.trim().to_owned())
    }

    fn lacks(&self, what: &str) -> Trouble {
        let message =
            format!("the estate {} has no {what}, and only clusters with a standby need it", self.estate.name);
        Trouble::new("LB0202", Kind::Invalid, message)
    }

    fn unknown(&self, what: &str, name: &Name) -> Trouble {
        Trouble::new(
            "LB0202",
            Kind::Invalid,
            format!("the estate {} has no {what} called {name}", self.estate.name),
        )
    }
}

/// A store by its URL alone, with the credentials of the environment or the cloud's own.
///
/// # Errors
/// It is no store's URL.
pub fn store_settings(url: &str, endpoint: Option<&str>, region: Option<&str>) -> Result<StoreSettings, Trouble> {
    let url: StoreUrl = url.parse().map_err(|error: estate::InvalidStoreUrl| {
        Trouble::new("LB0302", Kind::Invalid, error.to_string()).hint("the URL stands on the recovery sheet")
    })?;
    let bucket = |name: String, prefix: String| Bucket { name, prefix, endpoint: endpoint.map(str::to_owned) };
    Ok(StoreSettings::Cloud(match url {
        StoreUrl::Directory(path) => return Ok(StoreSettings::Directory(path)),
        StoreUrl::S3 { bucket: name, prefix } => Cloud::S3 {
            bucket: bucket(name, prefix),
            region: region.map(str::to_owned),
            key: None,
        },
        StoreUrl::Gcs { bucket: name, prefix } => Cloud::Gcs { bucket: bucket(name, prefix), service_account: None },
        StoreUrl::Azure { container, prefix } => Cloud::Azure {
            container: bucket(container, prefix),
            account: None,
            key: None,
        },
    }))
}
