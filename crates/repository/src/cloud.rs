//! The clients of the clouds' stores: bounded in time, and needing neither DNS nor a CA bundle where the endpoint is an address
//! with plain HTTP.
//!
//! A file a kind. Each makes a builder from the settings and the environment, purely, so that what is taken from where can be
//! tested. From the environment come credentials only: where a store is, and how it is asked, stands in the settings.

mod azure;
mod gcs;
mod s3;
mod signed;

pub(crate) use signed::{Answer, Signed};

use crate::settings::{AccessKey, Bucket, Cloud};
use crate::{Error, failure, limits};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore};
use std::sync::Arc;

/// Variables and their values.
pub(crate) type Environment = Vec<(String, String)>;

/// A client, and the URL that people know the store by.
pub(crate) struct Client {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) name: String,
    /// For an S3 store: what its ordinary client cannot ask.
    pub(crate) signed: Option<Signed>,
}

/// The environment of this process, as far as it is text.
pub(crate) fn environment() -> Environment {
    let text =
        |(name, value): (std::ffi::OsString, std::ffi::OsString)| name.into_string().ok().zip(value.into_string().ok());
    std::env::vars_os().filter_map(text).collect()
}

/// The id of an access key stands in a header of every request: a file that holds more than an id is told before one is made.
fn fit_for_a_header(key: &AccessKey) -> Result<(), Error> {
    match key.id.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(()),
        false => Err(Error::Settings {
            what: "access key",
            reason: "its id has blanks, line ends or other characters that no id has".to_owned(),
        }),
    }
}

/// The client of a bucket.
pub(crate) fn client(cloud: Cloud, environment: &Environment) -> Result<Client, Error> {
    let mut signed = None;
    let (place, built) = match cloud {
        Cloud::S3 { bucket, region, key } => {
            let (place, given) = (Place::new("s3", &bucket)?, key.is_some());
            key.as_ref().map_or(Ok(()), fit_for_a_header)?;
            let builder = s3::builder(&place, region, key, environment);
            let built = s3::build(builder, &place, given);
            (
                place,
                built.map(|(store, beside)| {
                    signed = Some(beside);
                    erased(store)
                }),
            )
        }
        Cloud::Gcs { bucket, service_account } => {
            let place = Place::new("gs", &bucket)?;
            let built = gcs::builder(&place, service_account, environment).build().map(erased);
            (place, built)
        }
        Cloud::Azure { container, account, key } => {
            let place = Place::new("az", &container)?;
            let built = azure::builder(&place, account, key, environment).build().map(erased);
            (place, built)
        }
    };
    let store = built.map_err(|error| Error::Settings { what: "store", reason: failure::told(&error) })?;
    let store = Arc::new(PrefixStore::new(store, place.prefix));
    Ok(Client { store, name: place.called, signed })
}

fn erased(store: impl ObjectStore) -> Arc<dyn ObjectStore> {
    Arc::new(store)
}

/// A bucket whose settings were looked at.
struct Place {
    bucket: String,
    prefix: Path,
    endpoint: Option<String>,
    /// Whether the endpoint speaks plain HTTP.
    plain: bool,
    /// The URL that people know it by.
    called: String,
}

impl Place {
    fn new(scheme: &str, bucket: &Bucket) -> Result<Self, Error> {
        let settings = |what, reason: &str| Error::Settings { what, reason: reason.to_owned() };
        let prefix = bucket.prefix.trim_matches('/');
        let prefix =
            Path::parse(prefix).map_err(|_bad| settings("prefix", "it is not a sequence of names with '/' between"))?;
        if bucket.name.is_empty() || bucket.name.contains(['/', '?', '#', '@']) {
            return Err(settings("bucket", "it is not the name of a bucket"));
        }
        let endpoint = bucket.endpoint.as_deref().map(|url| url.trim_end_matches('/'));
        let plain = match endpoint {
            // Never repeated in the error: what is before the '@' may be a password.
            Some(url) if url.contains(['@', '?', '#']) => {
                return Err(settings("endpoint", "it holds credentials or a query"));
            }
            Some(url) if url.starts_with("http://") => true,
            Some(url) if url.starts_with("https://") => false,
            Some(_) => return Err(settings("endpoint", "it begins with neither http:// nor https://")),
            None => false,
        };
        let mut called = match endpoint {
            Some(url) => format!("{url}/{}", bucket.name),
            None => format!("{scheme}://{}", bucket.name),
        };
        if !prefix.as_ref().is_empty() {
            called = format!("{called}/{prefix}");
        }
        Ok(Self {
            bucket: bucket.name.clone(),
            prefix,
            endpoint: endpoint.map(str::to_owned),
            plain,
            called,
        })
    }

    /// How requests are made; `given` says whether the credentials are in the settings, so that nothing else is asked for them.
    fn options(&self, given: bool) -> ClientOptions {
        ClientOptions::new()
            .with_allow_http(self.plain)
            // Without a CA bundle on the host, a client that wants one cannot even be made.
            .with_no_system_certificates(self.plain && given)
            .with_connect_timeout(limits::CONNECT)
            .with_timeout(limits::REQUEST)
    }
}

/// The settings that an environment has for a builder: its variables with `prefix`, by the builder's own names for them.
fn found<K: std::str::FromStr>(
    environment: &Environment,
    prefix: &str,
    wanted: impl Fn(&K) -> bool,
) -> Vec<(K, String)> {
    let named = environment
        .iter()
        .filter(|(name, value)| name.starts_with(prefix) && !value.is_empty());
    let keys = named.filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.clone())));
    keys.filter(|(key, _)| wanted(key)).collect()
}

#[cfg(test)]
mod tests;
