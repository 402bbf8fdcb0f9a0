//! How a member of etcd is reached: its URL, and the files with which both sides prove who they are.

use crate::failure::{chain, unconnected};
use crate::tls::Tls;
use crate::{Error, User};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint, Uri};

/// How long connecting may take, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How often a connection in use is looked after, and how long the answer may take. etcd hangs up on clients that ask more
/// often than every 5 s (`--grpc-keepalive-min-time`), or when nothing is being asked.
const ALIVE_EVERY: Duration = Duration::from_secs(10);
const ALIVE_LIMIT: Duration = Duration::from_secs(10);

/// How many bytes a stream may have on its way before they are read, and all streams together: one that nobody reads must not
/// stop the others. Not adapted by probing, which etcd takes for too many pings.
const STREAM_BYTES: u32 = 2 << 20;
const STREAMS_BYTES: u32 = 16 << 20;

/// Where a member of etcd listens for clients, and the files to connect with.
///
/// Files are read anew by every [`crate::Client::connect`], so that rotated ones are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The URL of one member, as in `https://127.0.0.1:2379`: `http` or `https`, with the port.
    pub endpoint: String,
    /// The authority (PEM) that signed etcd's certificate; needed with `https`, and no other authority is trusted.
    pub ca_file: Option<PathBuf>,
    /// The client certificate (PEM), with which goes `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The key (PEM) of `cert_file`.
    pub key_file: Option<PathBuf>,
    /// etcd's user, where its authentication is on and no client certificate names one.
    pub user: Option<User>,
}

/// What a connection has become besides a channel: what is needed to make it once more, and to find out why it broke.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) shown: String,
    endpoint: Endpoint,
    host: String,
    port: u16,
    tls: Option<Arc<Tls>>,
}

impl Connection {
    /// Connects. Which certificates the server accepts may show only at the first call.
    pub(crate) async fn open(&self) -> Result<(Channel, Link), Error> {
        let link = self.prepare().await?;
        Ok((link.connect().await?, link))
    }

    /// The URL without user name and password, which do not belong there and must not be shown.
    fn shown(&self) -> String {
        match (self.endpoint.split_once("://"), self.endpoint.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
            (None, Some((_, rest))) => rest.to_owned(),
            (_, None) => self.endpoint.clone(),
        }
    }

    async fn prepare(&self) -> Result<Link, Error> {
        let (uri, port) = self.uri()?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let mut tls = None;
        let mut endpoint = Endpoint::from(uri)
            .http2_keep_alive_interval(ALIVE_EVERY)
            .keep_alive_timeout(ALIVE_LIMIT)
            .keep_alive_while_idle(false)
            .initial_stream_window_size(STREAM_BYTES)
            .initial_connection_window_size(STREAMS_BYTES);
        if let Some(ca_file) = &self.ca_file {
            let read = Tls::read(self, ca_file).await?;
            // The files are good; what is left to be wrong is the name.
            endpoint = endpoint
                .tls_config(read.tonic.clone().domain_name(&host))
                .map_err(|e| self.wrong(&chain(&e)))?;
            tls = Some(Arc::new(read));
        }
        Ok(Link { shown: self.shown(), endpoint, host, port, tls })
    }

    /// The URL and its port, if it and the files fit each other.
    fn uri(&self) -> Result<(Uri, u16), Error> {
        let wrong = |reason| Err(self.wrong(reason));
        let Ok(uri) = self.endpoint.parse::<Uri>() else {
            return wrong("it is no URL");
        };
        let files = [&self.ca_file, &self.cert_file, &self.key_file];
        match uri.scheme_str() {
            Some("http") if files.iter().any(|file| file.is_some()) => {
                return wrong("certificates are given, but an http URL does not use them");
            }
            Some("https") if self.ca_file.is_none() => return wrong("https needs the file of an authority to trust"),
            Some("http" | "https") => {}
            _ => return wrong("it does not begin with http:// or https://"),
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            return wrong("a client certificate and its key are given together or not at all");
        }
        if self.endpoint.contains('@') {
            return wrong("it holds a user name, which is given apart");
        }
        if uri.path_and_query().is_some_and(|path| path != "/") {
            return wrong("it has a path, but etcd has none");
        }
        match uri.port_u16() {
            Some(port) => Ok((uri, port)),
            None => wrong("it names no port; etcd's is 2379"),
        }
    }

    fn wrong(&self, reason: &str) -> Error {
        Error::Endpoint { endpoint: self.shown(), reason: reason.to_owned() }
    }
}

impl Link {
    /// Connects, each time anew: what drives the connection runs where this is called.
    pub(crate) async fn connect(&self) -> Result<Channel, Error> {
        match tokio::time::timeout(CONNECT_LIMIT, self.endpoint.connect()).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(e)) => Err(self.explained(unconnected(&self.shown, &e)).await),
            Err(_) => Err(Error::Unreachable {
                endpoint: self.shown.clone(),
                reason: format!("no connection within {} s", CONNECT_LIMIT.as_secs()),
            }),
        }
    }

    /// Finds out whether a server that broke the connection did so because of the client's certificate.
    pub(crate) async fn explained(&self, error: Error) -> Error {
        let (Error::Unreachable { .. }, Some(tls)) = (&error, &self.tls) else {
            return error;
        };
        match tls.objection(&self.host, self.port).await {
            Some(alert) => Error::Refused {
                endpoint: self.shown.clone(),
                reason: format!("it does not accept the client certificate ({alert})"),
            },
            None => error,
        }
    }
}

#[cfg(test)]
mod tests;
