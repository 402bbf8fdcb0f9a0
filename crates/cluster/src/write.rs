//! What can be changed in a cluster.

use crate::{Client, Error, KindRef};
use http::Method;
use serde_json::{Value, json};

/// Who Lifeboat is in `metadata.managedFields`.
const FIELD_MANAGER: &str = "lifeboat";

impl Client {
    /// Makes the object so (server-side apply, field manager `lifeboat`, forced); returns it as stored. Idempotent.
    /// The object must not carry `metadata.managedFields`; its `status` is ignored where that is a subresource.
    ///
    /// # Errors
    /// [`Error::Incomplete`] without `apiVersion`, `kind` or a name; [`Error::NotFound`] without its namespace;
    /// [`Error::Conflict`] when it states a `resourceVersion` that has passed; [`Error::Invalid`]; [`Error::UnknownKind`].
    pub async fn apply(&self, object: &Value) -> Result<Value, Error> {
        self.applied(object, "").await
    }

    /// What [`Client::apply`] would do: the API server goes through all of it, admission too, and stores nothing.
    ///
    /// # Errors
    /// As [`Client::apply`].
    pub async fn try_apply(&self, object: &Value) -> Result<Value, Error> {
        self.applied(object, "&dryRun=All").await
    }

    async fn applied(&self, object: &Value, more: &str) -> Result<Value, Error> {
        let (kind, namespace) = addressed(object)?;
        let name = Some(named(object, &kind)?);
        let query = format!("?fieldManager={FIELD_MANAGER}&force=true{more}");
        self.send(
            &kind,
            namespace,
            name,
            Method::PATCH,
            &query,
            Some(("application/apply-patch+yaml", object)),
        )
        .await
    }

    /// Creates the object; returns it as stored. `metadata.generateName` will do as a name.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`]; otherwise as [`Client::apply`].
    pub async fn create(&self, object: &Value) -> Result<Value, Error> {
        let (kind, namespace) = addressed(object)?;
        let served = self.discovery.find(&self.wire, &kind).await?;
        if served.namespaced && namespace.is_none() {
            // Without a name the path would be that of all namespaces, and the answer a riddle.
            let reason = "it lives in a namespace, and none is named".to_owned();
            return Err(Error::Incomplete { subject: subject_of(object, &kind), reason });
        }
        let query = format!("?fieldManager={FIELD_MANAGER}");
        let created = self
            .send(&kind, namespace, None, Method::POST, &query, Some(("application/json", object)))
            .await;
        // The path is the collection's; the error is about the one object.
        created.map_err(|error| error.of(subject_of(object, &kind)))
    }

    /// Changes an object by a JSON merge patch (RFC 7386: `null` deletes a field); returns it as stored.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when the patch states a `resourceVersion` that has passed.
    pub async fn patch_merge(
        &self,
        kind: &KindRef,
        namespace: Option<&str>,
        name: &str,
        patch: &Value,
    ) -> Result<Value, Error> {
        let body = Some(("application/merge-patch+json", patch));
        let query = format!("?fieldManager={FIELD_MANAGER}");
        self.send(kind, namespace, Some(name), Method::PATCH, &query, body).await
    }

    /// Like [`Client::patch_merge`], for the `status` subresource: the patch is `{"status": {...}}`.
    ///
    /// # Errors
    /// As [`Client::patch_merge`]; [`Error::NotFound`] also when the kind has no such subresource.
    pub async fn patch_status(
        &self,
        kind: &KindRef,
        namespace: Option<&str>,
        name: &str,
        patch: &Value,
    ) -> Result<Value, Error> {
        let body = Some(("application/merge-patch+json", patch));
        let query = format!("/status?fieldManager={FIELD_MANAGER}");
        self.send(kind, namespace, Some(name), Method::PATCH, &query, body).await
    }

    /// Deletes an object, what it owns in the background; `false` when it was not there. Finalizers may keep it for a while.
    ///
    /// # Errors
    /// [`Error::UnknownKind`], and as every request.
    pub async fn delete(&self, kind: &KindRef, namespace: Option<&str>, name: &str) -> Result<bool, Error> {
        let options = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background" });
        let body = Some(("application/json", &options));
        match self.send(kind, namespace, Some(name), Method::DELETE, "", body).await {
            Err(Error::NotFound { .. }) => Ok(false),
            other => other.map(|_| true),
        }
    }
}

fn addressed(object: &Value) -> Result<(KindRef, Option<&str>), Error> {
    let kind = KindRef::of(object).ok_or_else(|| Error::Incomplete {
        subject: format!("the object {:?}", object["metadata"]["name"].as_str().unwrap_or("without a name")),
        reason: "it has no apiVersion and kind".to_owned(),
    })?;
    Ok((kind, object["metadata"]["namespace"].as_str()))
}

fn named<'a>(object: &'a Value, kind: &KindRef) -> Result<&'a str, Error> {
    object["metadata"]["name"].as_str().ok_or_else(|| Error::Incomplete {
        subject: format!("an object of kind {kind}"),
        reason: "it has no metadata.name".to_owned(),
    })
}

fn subject_of(object: &Value, kind: &KindRef) -> String {
    let name = object["metadata"]["name"]
        .as_str()
        .or(object["metadata"]["generateName"].as_str())
        .unwrap_or("without a name");
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{} {namespace}/{name}", kind.kind),
        None => format!("{} {name}", kind.kind),
    }
}
