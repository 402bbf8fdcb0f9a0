//! From a kubeconfig to connection settings, with reasons that never show what the file holds.

use crate::Error;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use std::path::Path;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Reads a kubeconfig file; paths in it are relative to its folder.
pub(crate) async fn from_file(path: &Path) -> Result<Config, Error> {
    let place = path.display().to_string();
    let parsed = Kubeconfig::read_from(path).map_err(|e| unusable(&place, &e))?;
    config(&place, parsed).await
}

/// Reads a kubeconfig from text; `place` says in errors where it came from.
pub(crate) async fn from_text(place: &str, text: &str) -> Result<Config, Error> {
    let parsed = Kubeconfig::from_yaml(text).map_err(|e| unusable(place, &e))?;
    config(place, parsed).await
}

async fn config(place: &str, parsed: Kubeconfig) -> Result<Config, Error> {
    let mut config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default())
        .await
        .map_err(|e| unusable(place, &e))?;
    config.connect_timeout = Some(CONNECT_LIMIT);
    // kube would repeat a refused request up to 15 times over many minutes; a recovery has to know sooner.
    config.default_retry = false;
    Ok(config)
}

/// The API server's URL without user names and passwords.
pub(crate) fn shown(url: &http::Uri) -> String {
    let host = url
        .authority()
        .map_or("", |a| a.as_str().rsplit('@').next().unwrap_or_default());
    format!("{}://{host}{}", url.scheme_str().unwrap_or("http"), url.path().trim_end_matches('/'))
}

fn unusable(place: &str, error: &KubeconfigError) -> Error {
    Error::Kubeconfig { place: place.to_owned(), reason: reason(error) }
}

/// Tells what is wrong. Parsers quote their input, and the input is credentials: only the place in it is told.
fn reason(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(at) => match at.location() {
            Some(at) => format!("it is not a kubeconfig (line {}, column {})", at.line(), at.column()),
            None => "it is not a kubeconfig".to_owned(),
        },
        KubeconfigError::ReadConfig(cause, _) => cause.to_string(),
        KubeconfigError::ParseCertificates(_) => "its certificate authority is not PEM".to_owned(),
        other => other.to_string(),
    }
}
