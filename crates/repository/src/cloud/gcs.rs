//! Google Cloud Storage.

use super::{Environment, Place, found};
use crate::limits;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};

/// What comes from the environment: credentials only.
fn credential(key: &Key) -> bool {
    matches!(
        key,
        Key::ServiceAccount | Key::ServiceAccountKey | Key::ApplicationCredentials | Key::BearerToken
    )
}

/// With a service account in the settings, nothing comes from the environment. Without one, in this order: the environment's
/// (`GOOGLE_SERVICE_ACCOUNT`, `GOOGLE_APPLICATION_CREDENTIALS`), what `gcloud` has left in the home directory, the machine's.
pub(super) fn builder(
    place: &Place,
    service_account: Option<String>,
    environment: &Environment,
) -> GoogleCloudStorageBuilder {
    let mut builder = GoogleCloudStorageBuilder::new();
    let given = service_account.is_some();
    match service_account {
        Some(key) => builder = builder.with_service_account_key(key),
        None => {
            for (key, value) in found(environment, "GOOGLE_", credential) {
                builder = builder.with_config(key, value);
            }
        }
    }
    if let Some(url) = &place.endpoint {
        builder = builder.with_base_url(url);
    }
    builder
        .with_bucket_name(&place.bucket)
        .with_client_options(place.options(given))
        .with_retry(limits::retries())
}
