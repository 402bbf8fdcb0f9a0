//! Which etcd: as etcdctl is told, or found by the files on this host.

use crate::failure::Failure;
use ::etcd::{Connection, Members, User};
use estate::Kind;
use recovery::Trouble;
use std::path::{Path, PathBuf};

/// How the etcd is reached. Without endpoints, it is the one of this host.
#[derive(clap::Args)]
pub(crate) struct Source {
    /// The members' URLs, parted by commas, instead of the etcd of this host (kubeadm, RKE2, k3s, RKE1)
    #[arg(long, value_name = "URLS", env = "ETCDCTL_ENDPOINTS", value_delimiter = ',')]
    endpoints: Vec<String>,
    /// The authority that signed etcd's certificates
    #[arg(long, value_name = "FILE", env = "ETCDCTL_CACERT")]
    cacert: Option<PathBuf>,
    /// The client certificate
    #[arg(long, value_name = "FILE", env = "ETCDCTL_CERT", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of the client certificate
    #[arg(long, value_name = "FILE", env = "ETCDCTL_KEY", requires = "cert")]
    key: Option<PathBuf>,
    /// The user, where etcd has users; the password is in LIFEBOAT_ETCD_PASSWORD or in --password-file
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A file with the user's password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

impl Source {
    /// Whether an etcd was named.
    pub(crate) fn is_named(&self) -> bool {
        self.named().next().is_some()
    }

    /// What was named; an empty variable names nothing.
    fn named(&self) -> impl Iterator<Item = &str> {
        self.endpoints.iter().map(|it| it.trim()).filter(|it| !it.is_empty())
    }

    /// The data directory of the etcd of this host, when that is the one.
    pub(crate) fn data_dir(&self) -> Option<PathBuf> {
        let found = ::etcd::hosts::found(Path::new("/"))
            .ok()
            .filter(|_| !self.is_named() && self.cacert.is_none());
        found.map(|found| found.data_dir)
    }

    /// The members, in the order in which they are tried.
    pub(crate) fn members(&self) -> Result<Members, Failure> {
        let mut connections = self.connections()?.into_iter();
        let first = connections
            .next()
            .ok_or_else(|| Failure::new("LB0003", Kind::Invalid, "no endpoint is given").hint("--endpoints URLS"))?;
        Ok(Members::new(first, connections.map(|connection| connection.endpoint)))
    }

    /// How each member is reached.
    pub(crate) fn connections(&self) -> Result<Vec<Connection>, Failure> {
        let user = self.user()?;
        let mut named: Vec<_> = self.named().collect();
        if named.is_empty() && self.cacert.is_some() {
            // Certificates alone are for the same etcd as for etcdctl.
            named.push("127.0.0.1:2379");
        }
        if named.is_empty() {
            let found = ::etcd::hosts::found(Path::new("/")).map_err(|error| {
                Failure::new("LB0411", Kind::Invalid, error.to_string())
                    .hint("--endpoints https://HOST:2379 --cacert FILE --cert FILE --key FILE")
            })?;
            return Ok(vec![Connection { user, ..found.connection }]);
        }
        let one = |endpoint: &&str| Connection {
            // etcdctl takes an address alone as well.
            endpoint: match *endpoint {
                address if address.contains("://") => address.to_owned(),
                address if self.cacert.is_some() => format!("https://{address}"),
                address => format!("http://{address}"),
            },
            ca_file: self.cacert.clone(),
            cert_file: self.cert.clone(),
            key_file: self.key.clone(),
            user: user.clone(),
        };
        Ok(named.iter().map(one).collect())
    }

    fn user(&self) -> Result<Option<User>, Failure> {
        let Some(name) = &self.user else {
            return Ok(None);
        };
        let password = match &self.password_file {
            Some(file) => std::fs::read_to_string(file).map_err(|reason| {
                let shown = file.display();
                Failure::new("LB0308", Kind::Person, format!("the password file {shown} cannot be read"))
                    .because(&reason)
            })?,
            None => std::env::var("LIFEBOAT_ETCD_PASSWORD").map_err(|_| {
                Failure::new("LB0203", Kind::Invalid, format!("the password of etcd's user {name} is not here"))
                    .hint("export LIFEBOAT_ETCD_PASSWORD, or --password-file FILE")
            })?,
        };
        Ok(Some(User {
            name: name.clone(),
            password: password.trim_end_matches(['\r', '\n']).into(),
        }))
    }
}

/// An error of the wire as a person reads it.
pub(crate) fn unanswered(error: ::etcd::Error) -> Failure {
    let refused = matches!(error, ::etcd::Error::Refused { .. });
    let failure = Failure::from(Trouble::from(error));
    if refused {
        failure.hint(
            "--user NAME, who has the role root, with the password in LIFEBOAT_ETCD_PASSWORD; or --cert and --key",
        )
    } else {
        failure
    }
}
