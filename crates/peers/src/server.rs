//! The answering side. Start at [`serve`].

use crate::connection::{Door, LIFE};
use crate::message::{FROM, Message, NONCE, Nonce, ROOT, SIGNATURE, Sort, TO, checked_name, header, nonce_from};
use crate::repeats::Repeats;
use crate::{BODY_BYTES_MAX, Error, Key};
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header::CONNECTION, header::CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long connections may go on after the stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// What a site has to say to its peers.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Answers a question that `from` asked at `path`. It runs to its end even when nobody waits for the answer any more, and
    /// its answer is sent if it comes within a minute.
    ///
    /// # Errors
    /// A [`Refusal`] is an answer too: it is signed and reaches the asker as [`Error::Refused`]. An unknown path is one.
    async fn handle(&self, from: &str, path: &str, question: Value) -> Result<Value, Refusal>;
}

/// Why a question is not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, for the asker; no secrets.
    pub reason: String,
}

impl Refusal {
    /// A refusal with its reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// Answers the peers as `me` until `stop` is done; then accepts nothing new, gives what is under way a few seconds, and
/// returns.
///
/// # Errors
/// [`Error::Setup`] at once when `me` cannot be a name. Nothing that a peer or the network does ends it.
pub async fn serve(
    listener: TcpListener,
    me: &str,
    key: Key,
    handler: Arc<dyn Handler>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let desk = Desk {
        me: checked_name(me)?.to_owned(),
        key,
        handler,
        repeats: Mutex::default(),
    };
    let router = Router::new().fallback(answer).with_state(Arc::new(desk));
    let (tell, told) = oneshot::channel();
    let serving = axum::serve(Door::new(listener), router).with_graceful_shutdown(async move {
        stop.await;
        let _ = tell.send(());
    });
    let limit = async {
        let _ = told.await;
        ambient::sleep(STOP_LIMIT).await;
    };
    tokio::select! {
        ended = serving => ended.map_err(|e| Error::setup(format!("the listener does not serve: {e}"))),
        () = limit => Ok(()),
    }
}

struct Desk {
    me: String,
    key: Key,
    handler: Arc<dyn Handler>,
    repeats: Mutex<Repeats>,
}

/// A question whose signature matched.
struct Question {
    from: String,
    to: String,
    path: String,
    nonce: Nonce,
    body: Vec<u8>,
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    match desk.answer(request).await {
        Ok(response) => response,
        Err((status, reason)) => (status, [(CONNECTION, "close")], reason).into_response(),
    }
}

/// What is said without a signature, to whom it is not known.
type Unsigned = (StatusCode, &'static str);

impl Desk {
    async fn answer(&self, request: Request) -> Result<Response, Unsigned> {
        let question = self.read(request).await?;
        if question.to != self.me {
            return self.signed(Sort::Stranger, &question, &Value::Null);
        }
        let is_new = {
            let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
            repeats.is_new(&question.from, &question.nonce, ambient::monotonic())
        };
        if !is_new {
            // Unsigned: whoever repeats a question must not get a second signed answer, which could replace the first.
            return Err((StatusCode::FORBIDDEN, "this question has been here before"));
        }
        let asked: Value = serde_json::from_slice(&question.body)
            .map_err(|_| (StatusCode::BAD_REQUEST, "the question is not JSON"))?;
        match self.handled(&question, asked).await? {
            Ok(answer) => self.signed(Sort::Answer, &question, &answer),
            Err(refusal) => self.signed(Sort::Refusal, &question, &json!({ "reason": refusal.reason })),
        }
    }

    async fn read(&self, request: Request) -> Result<Question, Unsigned> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix(ROOT).filter(|_| head.method == Method::POST);
        let path = path.ok_or((StatusCode::NOT_FOUND, "a Lifeboat takes POST /v1/... from its peers"))?;
        let part = |name| header(&head.headers, name);
        let parts = (part(FROM), part(TO), part(NONCE).and_then(nonce_from), part(SIGNATURE));
        let (Some(from), Some(to), Some(nonce), Some(signature)) = parts else {
            return Err((StatusCode::BAD_REQUEST, "the question is not signed as a Lifeboat does"));
        };
        if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
            return Err((StatusCode::PAYLOAD_TOO_LARGE, "the question has more than 1 MiB"));
        }
        let body = to_bytes(body, BODY_BYTES_MAX)
            .await
            .map_err(|_| (StatusCode::PAYLOAD_TOO_LARGE, "the question has more than 1 MiB, or no end"))?;
        if !(Message {
            sort: Sort::Question,
            from,
            to,
            path,
            nonce: &nonce,
            body: &body,
        })
        .is_signed(&self.key, signature)
        {
            return Err((
                StatusCode::UNAUTHORIZED,
                "the signature does not match: do both sites have the same peers' key?",
            ));
        }
        let (from, to, path) = (from.to_owned(), to.to_owned(), path.to_owned());
        Ok(Question { from, to, path, nonce, body: body.to_vec() })
    }

    /// Lets the handler work in a task of its own: what it does is not to be broken off because the asker hung up.
    async fn handled(&self, question: &Question, asked: Value) -> Result<Result<Value, Refusal>, Unsigned> {
        let (from, path, handler) = (question.from.clone(), question.path.clone(), self.handler.clone());
        let work = tokio::spawn(async move { handler.handle(&from, &path, asked).await });
        match tokio::time::timeout(LIFE, work).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err((StatusCode::INTERNAL_SERVER_ERROR, "the handler broke down: this is a bug")),
            Err(_) => Err((StatusCode::GATEWAY_TIMEOUT, "the handler takes too long")),
        }
    }

    fn signed(&self, sort: Sort, question: &Question, body: &Value) -> Result<Response, Unsigned> {
        let body = body.to_string().into_bytes();
        let Question { from: to, path, nonce, .. } = question;
        let signature = Message { sort, from: &self.me, to, path, nonce, body: &body }.sign(&self.key);
        Response::builder()
            .status(sort.status())
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .header(FROM, &self.me)
            .header(SIGNATURE, signature)
            .body(Body::from(body))
            .map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be sent"))
    }
}
