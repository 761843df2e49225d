//! How many requests went where: what a run cost in requests, and whether its number follows the work (I8).

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counts requests as they leave, each retry too: that is what AWS charges for.
#[derive(Debug, Default)]
pub struct Requests {
    counts: [AtomicU64; Request::ALL.len()],
}

/// A kind of request, as S3's price list tells them apart, and the other services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Reads an object, or a range of it.
    Get,
    /// Asks for an object's size and time.
    Head,
    /// Writes an object, or a step of an upload in parts.
    Put,
    /// Copies on the server.
    Copy,
    /// One page of a listing.
    List,
    /// Deletes objects; free of charge.
    Delete,
    /// Any call of Glue.
    Glue,
    /// Any call of Athena.
    Athena,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RequestCounts {
    /// GET.
    pub get: u64,
    /// HEAD.
    pub head: u64,
    /// PUT and POST: objects, and each step of an upload in parts.
    pub put: u64,
    /// Copies on the server.
    pub copy: u64,
    /// Pages of listings.
    pub list: u64,
    /// DELETE and batches of deletes.
    pub delete: u64,
    /// Calls of Glue.
    pub glue: u64,
    /// Calls of Athena.
    pub athena: u64,
}

impl Request {
    const ALL: [Request; 8] = [
        Request::Get,
        Request::Head,
        Request::Put,
        Request::Copy,
        Request::List,
        Request::Delete,
        Request::Glue,
        Request::Athena,
    ];
}

impl Requests {
    /// One more.
    pub fn count(&self, kind: Request) {
        self.counts[kind as usize].fetch_add(1, Relaxed);
    }

    /// All so far.
    pub fn counts(&self) -> RequestCounts {
        let [get, head, put, copy, list, delete, glue, athena] = Request::ALL.map(|kind| self.of(kind));
        RequestCounts { get, head, put, copy, list, delete, glue, athena }
    }

    fn of(&self, kind: Request) -> u64 {
        self.counts[kind as usize].load(Relaxed)
    }
}

impl RequestCounts {
    /// Those since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &RequestCounts) -> RequestCounts {
        RequestCounts {
            get: self.get - earlier.get,
            head: self.head - earlier.head,
            put: self.put - earlier.put,
            copy: self.copy - earlier.copy,
            list: self.list - earlier.list,
            delete: self.delete - earlier.delete,
            glue: self.glue - earlier.glue,
            athena: self.athena - earlier.athena,
        }
    }

    fn named(&self) -> [(u64, &'static str); 8] {
        [
            (self.list, "LIST"),
            (self.get, "GET"),
            (self.head, "HEAD"),
            (self.put, "PUT"),
            (self.copy, "COPY"),
            (self.delete, "DELETE"),
            (self.glue, "Glue"),
            (self.athena, "Athena"),
        ]
    }

    /// Whether there were none: everything was on this machine.
    pub fn is_empty(&self) -> bool {
        *self == RequestCounts::default()
    }
}

impl fmt::Display for RequestCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.named().into_iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told.map(|(count, name)| format!("{count} {name}")).collect();
        f.write_str(&told.join(", "))
    }
}

/// Counts the calls of an SDK's client as they leave.
#[derive(Debug)]
pub(crate) struct CountingCalls(pub(crate) Arc<Requests>, pub(crate) Request);

#[dyn_dispatch_hint]
impl Intercept for CountingCalls {
    fn name(&self) -> &'static str {
        "requests counted"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.count(self.1);
        Ok(())
    }
}

/// A connection that counts what goes through it, and that waits for bytes: a large object may take as long as it likes, as
/// long as something comes. object_store's own gives up on a whole request, its body included.
#[derive(Debug)]
pub(super) struct CountingConnector {
    pub(super) requests: Arc<Requests>,
    /// The longest silence of a server that has not answered, or not all.
    pub(super) silence: Duration,
}

const CONNECT: Duration = Duration::from_secs(5);

impl HttpConnector for CountingConnector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("firelake/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(self.silence)
            .http1_only()
            .build()
            .map_err(|error| object_store::Error::Generic { store: "S3", source: error.into() })?;
        Ok(HttpClient::new(Counting { inner: HttpClient::new(client), requests: self.requests.clone() }))
    }
}

#[derive(Debug)]
struct Counting {
    inner: HttpClient,
    requests: Arc<Requests>,
}

#[async_trait::async_trait]
impl HttpService for Counting {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let copies = request.headers().contains_key("x-amz-copy-source");
        let kind = kind(request.method().as_str(), request.uri().query().unwrap_or_default(), copies);
        self.requests.count(kind);
        let answer = self.inner.execute(request).await?;
        match kind {
            Request::Get if answer.status().is_success() => Ok(answer),
            _ => whole(answer).await,
        }
    }
}

/// An answer with all of its body. One that breaks off is told as a lost answer, which the store's client asks for again; an
/// object's own bytes it resumes by itself, and nothing else.
async fn whole(answer: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (parts, body) = answer.into_parts();
    let bytes = body.bytes().await.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))?;
    Ok(HttpResponse::from_parts(parts, bytes.into()))
}

fn kind(method: &str, query: &str, copies: bool) -> Request {
    match method {
        "GET" if query.contains("list-type=") => Request::List,
        "GET" => Request::Get,
        "HEAD" => Request::Head,
        "DELETE" => Request::Delete,
        "POST" if query.split('&').any(|word| matches!(word, "delete" | "delete=")) => Request::Delete,
        _ if copies => Request::Copy,
        _ => Request::Put,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_as_the_price_list_has_them() {
        for (method, query, copies, expected) in [
            ("GET", "list-type=2&prefix=x", false, Request::List),
            ("GET", "", false, Request::Get),
            ("PUT", "partNumber=1&uploadId=x", false, Request::Put),
            ("POST", "uploads=", false, Request::Put),
            ("POST", "delete", false, Request::Delete),
            ("PUT", "", true, Request::Copy),
        ] {
            assert_eq!(kind(method, query, copies), expected, "{method} {query}");
        }
    }

    #[test]
    fn counts_print_without_zeros() {
        let requests = Requests::default();
        requests.count(Request::Put);
        let before = requests.counts();
        [Request::Get, Request::Glue, Request::Get].into_iter().for_each(|kind| requests.count(kind));
        assert_eq!(requests.counts().since(&before).to_string(), "2 GET, 1 Glue");
        assert_eq!((before.to_string().as_str(), before.is_empty()), ("1 PUT", false));
    }
}
