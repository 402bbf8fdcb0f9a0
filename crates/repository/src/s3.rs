//! The client of an S3 store: bounded in time, and needing neither DNS nor a CA bundle where the endpoint is an address with
//! plain HTTP.

use crate::Error;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a request may take, its body included: so nothing large travels in one.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a request is tried anew. A create that timed out is not: it may have been carried out.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);

/// A bucket as the settings have it.
pub(crate) struct Bucket {
    pub(crate) endpoint: Option<String>,
    pub(crate) region: String,
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

/// The client, and the URL that people know the store by.
pub(crate) fn client(bucket: Bucket) -> Result<(Arc<dyn ObjectStore>, String), Error> {
    let settings = |what, reason: &str| Error::Settings { what, reason: reason.to_owned() };
    let prefix = bucket.prefix.trim_matches('/');
    let prefix =
        Path::parse(prefix).map_err(|_bad| settings("prefix", "it is not a sequence of names with '/' between"))?;
    if bucket.bucket.is_empty() || bucket.bucket.contains(['/', '?', '#', '@']) {
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
    let name = format!("{}/{}", endpoint.unwrap_or("s3:/"), bucket.bucket);
    let name = if prefix.as_ref().is_empty() {
        name
    } else {
        format!("{name}/{prefix}")
    };

    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    };
    let mut builder = AmazonS3Builder::new()
        .with_region(bucket.region)
        .with_bucket_name(bucket.bucket)
        .with_access_key_id(bucket.access_key)
        .with_secret_access_key(bucket.secret_key)
        .with_client_options(
            ClientOptions::new()
                .with_allow_http(plain)
                // Without a CA bundle on the host, a client that wants one cannot even be made.
                .with_no_system_certificates(plain)
                .with_connect_timeout(CONNECT_TIMEOUT)
                .with_timeout(REQUEST_TIMEOUT),
        )
        .with_retry(RetryConfig { backoff, max_retries: 4, retry_timeout: RETRY_TIMEOUT });
    if let Some(url) = endpoint {
        builder = builder.with_endpoint(url);
    }
    let store = builder.build().map_err(|error| Error::Settings {
        what: "store",
        reason: crate::failure::cut(&innermost(&error)),
    })?;
    Ok((Arc::new(PrefixStore::new(store, prefix)), name))
}

fn innermost(error: &object_store::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
