//! Azure Blob Storage.

use super::{Environment, Place, found};
use crate::limits;
use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

/// What comes from the environment: credentials, and where the cloud hands them out.
fn credential(key: &Key) -> bool {
    matches!(
        key,
        Key::AccessKey
            | Key::ClientId
            | Key::ClientSecret
            | Key::AuthorityId
            | Key::AuthorityHost
            | Key::SasKey
            | Key::Token
            | Key::MsiEndpoint
            | Key::ObjectId
            | Key::MsiResourceId
            | Key::FederatedTokenFile
            | Key::UseAzureCli
            | Key::CredentialType
    )
}

/// With a key in the settings, no credentials come from the environment. Without one, in this order: the environment's token
/// or key, a workload's identity, a client's secret, a shared access signature, the machine's.
pub(super) fn builder(
    place: &Place,
    account: Option<String>,
    key: Option<String>,
    environment: &Environment,
) -> MicrosoftAzureBuilder {
    let mut builder = MicrosoftAzureBuilder::new();
    for (key, value) in found(environment, "AZURE_", |key| matches!(key, Key::AccountName)) {
        builder = builder.with_config(key, value);
    }
    if let Some(account) = account {
        builder = builder.with_account(account);
    }
    let given = key.is_some();
    match key {
        Some(key) => builder = builder.with_access_key(key),
        None => {
            let of_functions = found(environment, "IDENTITY_ENDPOINT", |key| matches!(key, Key::MsiEndpoint));
            for (key, value) in found(environment, "AZURE_", credential).into_iter().chain(of_functions) {
                builder = builder.with_config(key, value);
            }
        }
    }
    if let Some(url) = &place.endpoint {
        builder = builder.with_endpoint(url.clone());
    }
    builder
        .with_container_name(&place.bucket)
        .with_client_options(place.options(given))
        .with_retry(limits::retries())
}
