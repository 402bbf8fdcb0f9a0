//! Requests to an S3 store that its ordinary client does not know: object lock.

use crate::{failure, limits};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Method, Request, StatusCode};
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpRequestBody};
use object_store::path::Path;
use sha2::{Digest, Sha256};

/// Signs and sends requests about one bucket.
pub(crate) struct Signed {
    pub(super) client: HttpClient,
    pub(super) credentials: AwsCredentialProvider,
    pub(super) region: String,
    /// The bucket's URL, its name in the path.
    pub(super) bucket: String,
    pub(super) prefix: Path,
}

/// What a store answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

impl Answer {
    /// The code in its XML; empty without one.
    pub(crate) fn code(&self) -> &str {
        failure::between(&self.body, "<Code>", "</Code>").unwrap_or_default()
    }

    /// What it says, for people.
    pub(crate) fn told(&self) -> String {
        let message = failure::between(&self.body, "<Message>", "</Message>").unwrap_or_default();
        match self.code() {
            "" => format!("status {}", self.status.as_u16()),
            code => failure::cut(&format!("{code}: {message}")),
        }
    }
}

impl Signed {
    /// The URL of an object's, or the bucket's, `part`.
    pub(crate) fn url(&self, key: Option<&Path>, part: &str) -> String {
        match key {
            Some(key) if self.prefix.as_ref().is_empty() => format!("{}/{key}?{part}", self.bucket),
            Some(key) => format!("{}/{}/{key}?{part}", self.bucket, self.prefix),
            None => format!("{}?{part}", self.bucket),
        }
    }

    /// Asks, and asks again when the store cannot answer now: what is asked for here may be done twice.
    pub(crate) async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> object_store::Result<Answer> {
        let mut number = 1;
        loop {
            let answer = self.ask_once(&method, url, headers, body.clone()).await;
            let unheard = match &answer {
                Ok(answer) => answer.status.is_server_error() && answer.status != StatusCode::NOT_IMPLEMENTED,
                Err(_) => true,
            };
            if !unheard || number == limits::CREATIONS {
                return answer;
            }
            ambient::sleep(limits::pause(number)).await;
            number += 1;
        }
    }

    async fn ask_once(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> object_store::Result<Answer> {
        let generic = |source| object_store::Error::Generic { store: "S3", source };
        let mut request = Request::builder().method(method).uri(url);
        if !body.is_empty() {
            // S3 wants a checksum with whatever is about object lock.
            let checksum = BASE64_STANDARD.encode(Sha256::digest(&body));
            request = request.header("x-amz-checksum-sha256", checksum);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request
            .body(HttpRequestBody::from(body))
            .map_err(|error| generic(error.into()))?;
        let credential = self.credentials.get_credential().await?;
        AwsAuthorizer::new(&credential, "s3", &self.region).try_authorize(&mut request, None)?;
        let answer = self.client.execute(request).await.map_err(|error| generic(error.into()))?;
        let (status, body) = (answer.status(), answer.into_body());
        let body = body.bytes().await.map_err(|error| generic(error.into()))?;
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }
}
