//! Documents that leave the repository, such as reports of runs: signed beside the text, so that anybody can read it without Lifeboat. Start
//! at [`Repository::sign_document`].

use crate::seal::Place;
use crate::{Error, Repository, Scope, signed};
use object_store::path::Path;

/// What stands in an object's place: nobody can pass a document off as one.
const PLACE: &str = "documents";

impl Repository {
    /// The signature of a document about `scope`, to be kept beside it: three lines of text.
    ///
    /// # Errors
    /// [`Error::NoSigner`], [`Error::Untrusted`] when this one's signature would not count, and whatever reading who is trusted ends with.
    pub async fn sign_document(&self, scope: &Scope, document: &[u8]) -> Result<String, Error> {
        self.own_name(scope).await?;
        let place = self.document_place().await?;
        let object = || "a document".to_owned();
        let signer = self
            .shared
            .signer
            .as_ref()
            .ok_or_else(|| Error::NoSigner { object: object() })?;
        let mut text = signer.sign(&place, document);
        text.truncate(text.len().saturating_sub(document.len()));
        String::from_utf8(text).map_err(|error| Error::Bug { object: object(), reason: error.to_string() })
    }

    /// The name of the trusted writer who has signed a document about `scope`.
    ///
    /// # Errors
    /// [`Error::Untrusted`] when it is another document, or nobody who is trusted has signed it.
    pub async fn check_document(&self, scope: &Scope, document: &[u8], signature: &str) -> Result<String, Error> {
        let place = self.document_place().await?;
        let text = [signature.as_bytes(), document].concat();
        let (signer, _) = signed::read(&place, &text)?;
        let list = self.trusted().await?;
        let writer = list.trusted(&signer, scope).map(|writer| writer.name.to_string());
        writer.ok_or_else(|| Error::Untrusted {
            object: "the document".to_owned(),
            reason: format!("{signer} signed it, who is no trusted writer of {scope}"),
        })
    }

    async fn document_place(&self) -> Result<Place, Error> {
        Ok(Place {
            repository: self.id().await?.to_owned(),
            key: Path::from(PLACE),
        })
    }
}
