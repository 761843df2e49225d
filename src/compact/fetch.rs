//! An object's body for a thread that decodes: small ones fetched whole and ahead, large ones as they are read.

use crate::error::{Error, Kind, Result};
use crate::landing::compression::{Told, plain};
use crate::landing::{LandedObject, LocalBody};
use crate::storage::{Fault, Meaning};
use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{Attribute, GetOptions, GetResultPayload, ObjectStore};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Handle;

/// Objects up to this size are fetched whole.
const WHOLE: u64 = 8 << 20;

/// An object that was fetched, or is about to be.
pub struct Fetched {
    body: Body,
    encoding: Option<String>,
}

impl Fetched {
    /// Its bytes without their compression, of which no more than `limit` may come out.
    ///
    /// # Errors
    /// Unreadable: a compression that is not read.
    pub fn plain(self, object: &LandedObject, limit: u64) -> Result<Box<dyn Read>> {
        plain(self.body, &Told { name: &object.url, encoding: self.encoding.as_deref(), limit })
    }

    /// The same, with the bytes as they landed added to `read` as they are read: for whoever does not read to the end.
    ///
    /// # Errors
    /// As [`plain`](Self::plain).
    pub fn plain_counted(self, object: &LandedObject, limit: u64, read: Arc<AtomicU64>) -> Result<Box<dyn Read>> {
        let told = Told { name: &object.url, encoding: self.encoding.as_deref(), limit };
        plain(Counted { body: self.body, read }, &told)
    }
}

/// A body whose bytes are counted as they are read, before they lose their compression.
struct Counted {
    body: Body,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.body.read(out)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The body of an object, to be read by a blocking thread.
enum Body {
    Empty,
    Bytes(bytes::buf::Reader<Bytes>),
    Local(LocalBody),
    File(File),
    Stream { stream: BoxStream<'static, object_store::Result<Bytes>>, chunk: Bytes, handle: Handle },
}

/// Fetches an object in the state in which it was listed.
///
/// # Errors
/// Unreadable: it is gone, has changed, may not be read, or the store failed.
pub async fn fetch(object: &LandedObject) -> Result<Fetched> {
    let without_encoding = |body| Fetched { body, encoding: None };
    // Nothing is asked for: the key of a folder's marker ends in a slash, which the store library cannot ask for.
    if object.size == 0 && object.local.is_none() {
        return Ok(without_encoding(Body::Empty));
    }
    if let Some(path) = &object.local {
        return LocalBody::open(path, object.size, object.last_modified)
            .map(Body::Local)
            .map(without_encoding)
            .map_err(unopened);
    }
    let options = GetOptions { if_match: object.etag.clone(), ..Default::default() };
    let result = object.store.get_opts(&object.path, options).await.map_err(unreadable)?;
    let encoding = result.attributes.get(&Attribute::ContentEncoding).map(|encoding| encoding.to_string());
    let body = match result.payload {
        GetResultPayload::File(file, _) => Body::File(file),
        GetResultPayload::Stream(_) if object.size <= WHOLE => {
            Body::Bytes(result.bytes().await.map_err(unreadable)?.reader())
        }
        GetResultPayload::Stream(stream) => Body::Stream { stream, chunk: Bytes::new(), handle: Handle::current() },
    };
    Ok(Fetched { body, encoding })
}

fn unopened(error: std::io::Error) -> Error {
    let what = match error.kind() {
        std::io::ErrorKind::NotFound => "it is gone".into(),
        std::io::ErrorKind::PermissionDenied => "it may not be read (permission denied)".into(),
        _ => error.to_string(),
    };
    Error::unreadable(what).caused_by(error)
}

/// An object that waits for a later run, or an end of the run where no object could be read now.
fn unreadable(error: object_store::Error) -> Error {
    let error = match error {
        error @ object_store::Error::Generic { .. } => match Fault::find(&error) {
            Some(fault) => return of_service(fault.clone()),
            None => error,
        },
        error => error,
    };
    let what = match &error {
        object_store::Error::NotFound { .. } => "it is gone".into(),
        object_store::Error::Precondition { .. } => "it changed after it was listed".into(),
        object_store::Error::PermissionDenied { .. } => "it may not be read (permission denied)".into(),
        other => other.to_string(),
    };
    Error::unreadable(what).caused_by(error)
}

/// The reason is kept in the ledger, and another one is another commit: so it holds nothing that differs from run to run.
fn of_service(fault: Fault) -> Error {
    let what = match (fault.meaning, &fault.code) {
        (Meaning::Denied, _) => "it may not be read (access denied)".into(),
        (Meaning::Archived, _) => "it is archived: restore it first".into(),
        (Meaning::Unreachable, _) => "the connection failed".into(),
        (_, Some(code)) => format!("S3 says {code}"),
        (_, None) => "S3 did not give it".into(),
    };
    match Error::from(fault) {
        told if matches!(told.kind(), Kind::Credentials | Kind::TryAgain) => told,
        told => Error::unreadable(what).caused_by(told),
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Body::Empty => Ok(0),
            Body::Bytes(bytes) => bytes.read(out),
            Body::Local(file) => file.read(out),
            Body::File(file) => file.read(out),
            Body::Stream { stream, chunk, handle } => {
                while chunk.is_empty() {
                    match handle.block_on(stream.next()) {
                        Some(next) => *chunk = next.map_err(std::io::Error::other)?,
                        None => return Ok(0),
                    }
                }
                let n = chunk.len().min(out.len());
                chunk.copy_to_slice(&mut out[..n]);
                Ok(n)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str, status: u16) -> Error {
        let text =
            format!("status code: {status} x: <Error><Code>{code}</Code><Message>for request 7F3A</Message></Error>");
        let fault = Fault::of_s3("s3:GetObject", "s3://landing/x", &std::io::Error::other(text));
        unreadable(object_store::Error::Generic { store: "S3", source: fault.into() })
    }

    #[test]
    fn only_what_is_of_the_object_lets_it_wait() {
        for (code, status, kind) in [
            ("AccessDenied", 403, Kind::Unreadable),
            ("InvalidObjectState", 403, Kind::Unreadable),
            ("KMS.DisabledException", 400, Kind::Unreadable),
            ("SlowDown", 503, Kind::TryAgain),
            ("ExpiredToken", 400, Kind::Credentials),
        ] {
            let error = of(code, status);
            assert_eq!(error.kind(), kind, "{code}");
            // a reason that differs from run to run would be a commit each run
            assert!(kind != Kind::Unreadable || !error.message().contains("7F3A"), "{error}");
        }
        assert_eq!(of("KMS.DisabledException", 400).message(), "S3 says KMS.DisabledException");
    }
}
