//! What the credentials of a kubeconfig may do, as the API server itself says. Start at [`Client::may`].
//!
//! Source: `k8s.io/api/authorization/v1`, `SelfSubjectAccessReview`: nothing is kept of the question.

use crate::failure::Failure;
use crate::wire::{Call, PROBE_LIMIT};
use crate::{Client, Error};
use http::Method;
use serde_json::{Value, json};

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

impl Client {
    /// Whether `verb` (`get`, `list`, ...) is allowed on every object of `resource` in `group`, in all namespaces; `*` stands for all of
    /// them. Changes nothing. Takes 5 s at most.
    ///
    /// # Errors
    /// As every request: [`Error::Forbidden`] when the credentials are not accepted at all.
    pub async fn may(&self, verb: &str, group: &str, resource: &str) -> Result<bool, Error> {
        let attributes = json!({ "verb": verb, "group": group, "resource": resource });
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": attributes },
        });
        let subject = || format!("the question whether it may {verb} {resource}");
        let call = Call {
            method: Method::POST,
            path: REVIEWS,
            body: Some(("application/json", &review)),
            limit: PROBE_LIMIT,
        };
        let about = |failure: Failure| failure.about(&self.wire.server, subject(), false);
        let answer = self.wire.json(call).await.map_err(about)?;
        let missing = || about(Failure::Unreadable("it has no status.allowed".to_owned()));
        match &answer["status"]["allowed"] {
            Value::Bool(allowed) => Ok(*allowed),
            _ => Err(missing()),
        }
    }
}
