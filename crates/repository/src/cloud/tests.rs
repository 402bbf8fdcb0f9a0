//! Which settings and which credentials reach the clients: nothing here speaks to a cloud.

use super::*;
use crate::settings::AccessKey;
use object_store::ClientConfigKey;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as S3Key};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn bucket(endpoint: Option<&str>) -> Bucket {
    Bucket {
        name: "copies".to_owned(),
        prefix: "estate/a".to_owned(),
        endpoint: endpoint.map(str::to_owned),
    }
}

/// Everything that could move a store or weaken it, and credentials of every kind.
fn rich() -> Environment {
    environment(&[
        ("AWS_ACCESS_KEY_ID", "from-environment"),
        ("AWS_SECRET_ACCESS_KEY", "secret-from-environment"),
        ("AWS_SESSION_TOKEN", "token-from-environment"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", "http://elsewhere"),
        ("AWS_ENDPOINT_URL_S3", "http://elsewhere"),
        ("AWS_BUCKET", "elsewhere"),
        ("AWS_CONDITIONAL_PUT", "disabled"),
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_TIMEOUT", "1h"),
        ("GOOGLE_SERVICE_ACCOUNT", "/environment/gcs.json"),
        ("GOOGLE_BUCKET", "elsewhere"),
        ("GOOGLE_BASE_URL", "http://elsewhere"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "account-from-environment"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5"),
        ("AZURE_CONTAINER_NAME", "elsewhere"),
        ("AZURE_STORAGE_ENDPOINT", "http://elsewhere"),
        ("AZURE_CLIENT_ID", "client-from-environment"),
        ("HOME", "/root"),
    ])
}

fn s3(
    endpoint: Option<&str>,
    region: Option<&str>,
    key: Option<AccessKey>,
    environment: &Environment,
) -> AmazonS3Builder {
    let place = Place::new("s3", &bucket(endpoint)).unwrap();
    s3::builder(&place, region.map(str::to_owned), key, environment)
}

fn gcs(endpoint: Option<&str>, account: Option<&str>, environment: &Environment) -> GoogleCloudStorageBuilder {
    let place = Place::new("gs", &bucket(endpoint)).unwrap();
    gcs::builder(&place, account.map(str::to_owned), environment)
}

fn azure(account: Option<&str>, key: Option<&str>, environment: &Environment) -> MicrosoftAzureBuilder {
    let place = Place::new("az", &bucket(None)).unwrap();
    azure::builder(&place, account.map(str::to_owned), key.map(str::to_owned), environment)
}

fn key() -> AccessKey {
    AccessKey { id: "given".to_owned(), secret: "given-secret".to_owned() }
}

#[test]
fn an_s3_key_that_is_given_is_the_only_one() {
    let builder = s3(Some("http://10.0.0.1:8333"), Some("eu-central-1"), Some(key()), &rich());
    for (key, value) in [
        (S3Key::AccessKeyId, Some("given")),
        (S3Key::SecretAccessKey, Some("given-secret")),
        (S3Key::Token, None),
        (S3Key::Region, Some("eu-central-1")),
        (S3Key::Endpoint, Some("http://10.0.0.1:8333")),
        (S3Key::Bucket, Some("copies")),
        (S3Key::ConditionalPut, Some("etag")),
        (S3Key::SkipSignature, Some("false")),
        (S3Key::Client(ClientConfigKey::AllowHttp), Some("true")),
        (S3Key::Client(ClientConfigKey::NoSystemCertificates), Some("true")),
    ] {
        assert_eq!(builder.get_config_value(&key).as_deref(), value, "{key:?}");
    }
}

#[test]
fn without_one_s3_takes_credentials_from_the_environment_and_nothing_else() {
    let builder = s3(None, None, None, &rich());
    for (key, value) in [
        (S3Key::AccessKeyId, Some("from-environment")),
        (S3Key::SecretAccessKey, Some("secret-from-environment")),
        (S3Key::Token, Some("token-from-environment")),
        (S3Key::Region, Some("eu-west-1")),
        (S3Key::Endpoint, None),
        (S3Key::Bucket, Some("copies")),
        (S3Key::ConditionalPut, Some("etag")),
        (S3Key::SkipSignature, Some("false")),
        (S3Key::Client(ClientConfigKey::AllowHttp), Some("false")),
        (S3Key::Client(ClientConfigKey::NoSystemCertificates), Some("false")),
    ] {
        assert_eq!(builder.get_config_value(&key).as_deref(), value, "{key:?}");
    }
}

#[test]
fn a_web_identity_is_taken_from_the_environment() {
    let variables = environment(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/copies"),
        ("AWS_REGION", "eu-west-3"),
    ]);
    let builder = s3(None, None, None, &variables);
    let value = |key| builder.get_config_value(&key);
    assert_eq!(value(S3Key::WebIdentityTokenFile).as_deref(), Some("/var/run/secrets/token"));
    assert_eq!(value(S3Key::RoleArn).as_deref(), Some("arn:aws:iam::1:role/copies"));
    assert_eq!(value(S3Key::AccessKeyId), None);
    let shown = format!("{:?}", builder.build().unwrap());
    assert!(shown.contains("WebIdentity"), "{shown}");
}

#[test]
fn with_nothing_at_all_the_machine_is_asked() {
    let nothing = environment(&[]);
    let shown = format!("{:?}", s3(None, None, None, &nothing).build().unwrap());
    assert!(shown.contains("InstanceCredentialProvider"), "{shown}");
    let shown = format!("{:?}", azure(Some("copies"), None, &nothing).build().unwrap());
    assert!(shown.contains("ImdsManagedIdentityProvider"), "{shown}");
}

#[test]
fn a_service_account_that_is_given_is_the_only_one() {
    let builder = gcs(None, Some("{}"), &rich());
    let value = |key| builder.get_config_value(&key);
    assert_eq!(value(GoogleConfigKey::ServiceAccountKey).as_deref(), Some("{}"));
    assert_eq!(value(GoogleConfigKey::ServiceAccount), None);
    assert_eq!(value(GoogleConfigKey::Bucket).as_deref(), Some("copies"));
    assert_eq!(value(GoogleConfigKey::BaseUrl), None);

    let builder = gcs(Some("http://10.0.0.1"), None, &rich());
    let value = |key| builder.get_config_value(&key);
    assert_eq!(value(GoogleConfigKey::ServiceAccount).as_deref(), Some("/environment/gcs.json"));
    assert_eq!(value(GoogleConfigKey::BaseUrl).as_deref(), Some("http://10.0.0.1"));
}

#[test]
fn an_account_and_its_key_go_before_those_of_the_environment() {
    let builder = azure(Some("given"), Some("Z2l2ZW4="), &rich());
    let value = |key| builder.get_config_value(&key);
    assert_eq!(value(AzureConfigKey::AccountName).as_deref(), Some("given"));
    assert_eq!(value(AzureConfigKey::AccessKey).as_deref(), Some("Z2l2ZW4="));
    assert_eq!(value(AzureConfigKey::ClientId), None);
    assert_eq!(value(AzureConfigKey::ContainerName).as_deref(), Some("copies"));
    assert_eq!(value(AzureConfigKey::Endpoint), None);

    let builder = azure(None, None, &rich());
    let value = |key| builder.get_config_value(&key);
    assert_eq!(value(AzureConfigKey::AccountName).as_deref(), Some("account-from-environment"));
    assert_eq!(value(AzureConfigKey::AccessKey).as_deref(), Some("a2V5"));
    assert_eq!(value(AzureConfigKey::ClientId).as_deref(), Some("client-from-environment"));
}

#[test]
fn what_a_cloud_cannot_use_is_told_without_it() {
    let variables = environment(&[]);
    let azure = |account: Option<&str>, key: Option<&str>| {
        let (account, key) = (account.map(str::to_owned), key.map(str::to_owned));
        client(Cloud::Azure { container: bucket(None), account, key }, &variables)
    };
    let gcs = |account: &str| {
        let service_account = Some(account.to_owned());
        client(Cloud::Gcs { bucket: bucket(None), service_account }, &variables)
    };
    for refused in [
        azure(None, Some("a2V5")),
        azure(Some("copies"), Some("hunter2!")),
        gcs("hunter2"),
        gcs("{}"),
    ] {
        let error = refused.err().unwrap().to_string();
        assert!(error.starts_with("the repository's store cannot be used: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert_eq!(azure(Some("copies"), Some("a2V5")).unwrap().name, "az://copies/estate/a");
}

/// An address with a signature in it is not repeated when nobody answers there.
#[tokio::test]
async fn a_shared_signature_is_not_told() {
    let variables = environment(&[("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=hunter2")]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let container = bucket(Some(&format!("http://{free}")));
    let account = Some("copies".to_owned());
    let client = client(Cloud::Azure { container, account, key: None }, &variables).unwrap();
    let store = crate::store::Store::on(client.store, &client.name);
    let error = store.get(&Path::from("x")).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}
