//! An object's body for a thread that decodes: small ones fetched whole and ahead, large ones as they are read.

use crate::error::{Error, Result};
use crate::landing::LandedObject;
use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{GetOptions, GetResultPayload, ObjectStore};
use std::fs::File;
use std::io::Read;
use tokio::runtime::Handle;

/// Objects up to this size are fetched whole.
const WHOLE: u64 = 8 << 20;

/// The body of an object, to be read by a blocking thread.
pub(super) enum Body {
    Bytes(bytes::buf::Reader<Bytes>),
    File(File),
    Stream { stream: BoxStream<'static, object_store::Result<Bytes>>, chunk: Bytes, handle: Handle },
}

/// Fetches an object in the state in which it was listed.
///
/// # Errors
/// Unreadable: it is gone, has changed, may not be read, or the store failed.
pub(super) async fn fetch(object: &LandedObject) -> Result<Body> {
    let options = GetOptions { if_match: object.etag.clone(), ..Default::default() };
    let result = object.store.get_opts(&object.path, options).await.map_err(unreadable)?;
    match result.payload {
        GetResultPayload::File(file, _) => Ok(Body::File(file)),
        GetResultPayload::Stream(_) if object.size <= WHOLE => {
            Ok(Body::Bytes(result.bytes().await.map_err(unreadable)?.reader()))
        }
        GetResultPayload::Stream(stream) => Ok(Body::Stream { stream, chunk: Bytes::new(), handle: Handle::current() }),
    }
}

fn unreadable(error: object_store::Error) -> Error {
    let what = match &error {
        object_store::Error::NotFound { .. } => "it is gone".into(),
        object_store::Error::Precondition { .. } => "it changed after it was listed".into(),
        object_store::Error::PermissionDenied { .. } => "it may not be read (permission denied)".into(),
        other => io_kind(other).unwrap_or_else(|| other.to_string()),
    };
    Error::unreadable(what).caused_by(error)
}

fn io_kind(error: &object_store::Error) -> Option<String> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        match cause.downcast_ref::<std::io::Error>() {
            Some(io) if io.kind() == std::io::ErrorKind::PermissionDenied => {
                return Some("it may not be read (permission denied)".into());
            }
            _ => next = cause.source(),
        }
    }
    None
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Body::Bytes(bytes) => bytes.read(out),
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
