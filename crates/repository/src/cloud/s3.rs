//! S3, of AWS or anybody else's.

use super::{Environment, Place, Signed, found};
use crate::limits;
use crate::settings::AccessKey;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey as Key, Checksum, S3ConditionalPut};
use object_store::client::{HttpConnector, ReqwestConnector};

/// What comes from the environment: credentials, where the cloud hands them out, and a region.
fn credential(key: &Key) -> bool {
    matches!(
        key,
        Key::AccessKeyId
            | Key::SecretAccessKey
            | Key::Token
            | Key::WebIdentityTokenFile
            | Key::RoleArn
            | Key::RoleSessionName
            | Key::StsEndpoint
            | Key::ContainerCredentialsRelativeUri
            | Key::ContainerCredentialsFullUri
            | Key::ContainerAuthorizationTokenFile
            | Key::MetadataEndpoint
            | Key::ImdsV1Fallback
    )
}

/// With a key in the settings, nothing of another comes from the environment. Without one, in this order: the environment's
/// key, a web identity, the container's role, the machine's.
pub(super) fn builder(
    place: &Place,
    region: Option<String>,
    key: Option<AccessKey>,
    environment: &Environment,
) -> AmazonS3Builder {
    let mut builder = AmazonS3Builder::new();
    let regions = found(environment, "AWS_", |key| matches!(key, Key::Region | Key::DefaultRegion));
    let given = key.is_some();
    match key {
        Some(key) => builder = builder.with_access_key_id(key.id).with_secret_access_key(key.secret),
        None => {
            for (key, value) in found(environment, "AWS_", credential) {
                builder = builder.with_config(key, value);
            }
        }
    }
    for (key, value) in regions {
        builder = builder.with_config(key, value);
    }
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    if let Some(url) = &place.endpoint {
        builder = builder.with_endpoint(url);
    }
    builder
        .with_bucket_name(&place.bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // The store then refuses what was changed on the way; and a bucket with object lock takes nothing without one.
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(place.options(given))
        .with_retry(limits::retries())
}

/// The client, and beside it what asks for what it cannot.
pub(super) fn build(builder: AmazonS3Builder, place: &Place, given: bool) -> object_store::Result<(AmazonS3, Signed)> {
    let region = builder.get_config_value(&Key::Region).unwrap_or_else(|| "us-east-1".to_owned());
    let store = builder.build()?;
    let server = match &place.endpoint {
        Some(url) => url.clone(),
        None => format!("https://s3.{region}.amazonaws.com"),
    };
    let signed = Signed {
        client: ReqwestConnector::default().connect(&place.options(given))?,
        credentials: store.credentials().clone(),
        region,
        bucket: format!("{server}/{}", place.bucket),
        prefix: place.prefix.clone(),
    };
    Ok((store, signed))
}
