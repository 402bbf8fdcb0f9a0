//! Where a repository's store is: one URL, which holds no credentials.

use super::error::nearest;
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A store's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `file:///srv/copies`, or `file:copies`, which is relative to the estate file's directory. It serves one host only.
    Directory(PathBuf),
    /// `s3://BUCKET/PREFIX`: a bucket of AWS, or, with an endpoint, of any S3 store.
    S3 {
        /// The bucket, which must exist.
        bucket: String,
        /// What all keys begin with; may be empty.
        prefix: String,
    },
    /// `gs://BUCKET/PREFIX`: a bucket of Google Cloud Storage.
    Gcs {
        /// The bucket, which must exist.
        bucket: String,
        /// What all keys begin with; may be empty.
        prefix: String,
    },
    /// `az://CONTAINER/PREFIX`: a container of Azure Blob Storage.
    Azure {
        /// The container, which must exist.
        container: String,
        /// What all keys begin with; may be empty.
        prefix: String,
    },
}

/// A text is no store's URL. The message does not repeat what may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidStoreUrl(String);

/// Also tells the error's rendering that no excerpt may be shown.
pub(super) const NO_CREDENTIALS: &str = "a store's URL holds no credentials: they have keys of their own";

const SCHEMES: [&str; 4] = ["file", "s3", "gs", "az"];
const FORMS: &str = "file:DIRECTORY, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX";

impl StoreUrl {
    /// What it begins with, without the colon.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Directory(_) => "file",
            Self::S3 { .. } => "s3",
            Self::Gcs { .. } => "gs",
            Self::Azure { .. } => "az",
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bucket, prefix) = match self {
            Self::Directory(path) if path.is_absolute() => return write!(f, "file://{}", path.display()),
            Self::Directory(path) => return write!(f, "file:{}", path.display()),
            Self::S3 { bucket, prefix } | Self::Gcs { bucket, prefix } => (bucket, prefix),
            Self::Azure { container, prefix } => (container, prefix),
        };
        write!(f, "{}://{bucket}", self.scheme())?;
        match prefix.as_str() {
            "" => Ok(()),
            prefix => write!(f, "/{prefix}"),
        }
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        let invalid = |message: String| Err(InvalidStoreUrl(message));
        let Some((scheme, rest)) = text.split_once(':') else {
            return invalid(format!("a store is {FORMS}"));
        };
        match scheme {
            "file" => return directory(rest).map(Self::Directory),
            _ if text.contains('@') => return invalid(NO_CREDENTIALS.to_owned()),
            "s3" | "gs" | "az" => {}
            "http" | "https" => {
                return invalid(format!("a store is {FORMS}; {scheme}://... is what its endpoint looks like"));
            }
            _ => {
                let near = nearest(scheme, SCHEMES.into_iter()).map(|near| format!("; is it {near:?}?"));
                return invalid(format!("a store is {FORMS}{}", near.unwrap_or_default()));
            }
        }
        let (bucket, prefix) = bucket(scheme, rest)?;
        Ok(match scheme {
            "s3" => Self::S3 { bucket, prefix },
            "gs" => Self::Gcs { bucket, prefix },
            _ => Self::Azure { container: bucket, prefix },
        })
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The path of a `file:` URL, as it is: nothing in it is decoded.
fn directory(rest: &str) -> Result<PathBuf, InvalidStoreUrl> {
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        Some(_) => {
            let message =
                "after file:// comes a path that begins with /; one that is relative to this file is file:copies";
            return Err(InvalidStoreUrl(message.to_owned()));
        }
        None => rest,
    };
    if path.is_empty() || path.contains('\0') {
        return Err(InvalidStoreUrl("after file: comes the path of a directory".to_owned()));
    }
    Ok(PathBuf::from(path))
}

/// The bucket and the prefix, without the slashes around it.
fn bucket(scheme: &str, rest: &str) -> Result<(String, String), InvalidStoreUrl> {
    let named = rest.strip_prefix("//").unwrap_or_default();
    let (bucket, prefix) = named.split_once('/').unwrap_or((named, ""));
    let prefix = prefix.trim_matches('/');
    if !good(bucket) {
        let message = format!("after {scheme}:// comes a name of letters, digits and -_. and then, perhaps, /PREFIX");
        return Err(InvalidStoreUrl(message));
    }
    if !prefix.is_empty() && !prefix.split('/').all(good) {
        let message = "a prefix is names of letters, digits and -_. with / between them";
        return Err(InvalidStoreUrl(message.to_owned()));
    }
    Ok((bucket.to_owned(), prefix.to_owned()))
}

fn good(name: &str) -> bool {
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    !name.is_empty() && name != "." && name != ".." && letters
}

#[cfg(test)]
mod tests;
