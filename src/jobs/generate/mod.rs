//! A made-up access log in objects as Firehose lands them, to try firelake out, to test it and to measure it.
//!
//! `options ▸ schedule ▸ traffic (of sessions) ▸ encode ▸ objects`: all pure but [`generate`], which writes. Memory does not
//! grow with the hours. The same options give the same keys and bytes; [`events`] tells what a reader should find in them.

mod clients;
mod encode;
mod event;
mod objects;
mod options;
mod schedule;
mod session;
mod site;
mod traffic;

pub use clients::hosts_csv;
pub use event::Event;
pub use objects::{Object, Objects};
pub use options::{Compression, Delimiter, GenerateFormat, GenerateOptions};

use crate::error::{Error, Result};
use crate::storage::Location;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::{Attribute, Attributes, ObjectStore, PutMode, PutOptions};
use serde::Serialize;

/// How many objects are being written at a time.
const PUTS: usize = 4;

/// What was generated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Generated {
    /// Objects that the options make.
    pub objects: u64,
    /// Objects of these that an earlier run with the same options had landed: they were left alone.
    pub already_there: u64,
    /// Records in all objects, the broken ones included.
    pub records: u64,
    /// Records that cannot be decoded.
    pub broken: u64,
    /// Records that were delivered in a later hour than that of their event.
    pub late: u64,
    /// Bytes of all objects, as landed.
    pub bytes: u64,
    /// Bytes of all objects before compression.
    pub raw_bytes: u64,
}

impl Generated {
    fn plus(&self, one: &Generated) -> Self {
        Generated {
            objects: self.objects + one.objects,
            already_there: self.already_there + one.already_there,
            records: self.records + one.records,
            broken: self.broken + one.broken,
            late: self.late + one.late,
            bytes: self.bytes + one.bytes,
            raw_bytes: self.raw_bytes + one.raw_bytes,
        }
    }
}

/// Lands what `options` say below `landing`. Run again with the same options, it lands what is missing.
///
/// # Errors
/// Usage for options that make no sense, before anything is written; storage where `landing` cannot be written to.
pub async fn generate(options: &GenerateOptions, landing: &Location) -> Result<Generated> {
    let put_options = put_options(options.compression);
    stream::iter(objects(options)?)
        .map(|object| {
            let (landing, put_options) = (landing.clone(), put_options.clone());
            async move { land(object?, &landing, put_options).await }
        })
        .buffer_unordered(PUTS)
        .try_fold(Generated::default(), async |sum, one| Ok(sum.plus(&one)))
        .await
}

/// Nothing is overwritten, and a store that keeps attributes is told of the compression, as Firehose does.
fn put_options(compression: Compression) -> PutOptions {
    let attributes = match compression {
        Compression::None => Attributes::new(),
        Compression::Gzip => Attributes::from_iter([(Attribute::ContentEncoding, "gzip")]),
    };
    PutOptions { attributes, ..PutMode::Create.into() }
}

/// Writes one object, unless it is there: its key says what is in it.
async fn land(object: Object, landing: &Location, options: PutOptions) -> Result<Generated> {
    let Object { key, body, records, broken, late, raw_bytes, .. } = object;
    let path = landing.path(&key);
    let bytes = body.len() as u64;
    let already_there = match landing.store().put_opts(&path, body.into(), options).await {
        Ok(_) => 0,
        Err(object_store::Error::AlreadyExists { .. }) => 1,
        Err(error) => {
            return Err(Error::from(error)
                .context(format!("cannot land generated records below {landing}"))
                .hint("give a folder or a prefix that you may write to"));
        }
    };
    Ok(Generated { objects: 1, already_there, records, broken, late, bytes, raw_bytes })
}

/// The objects themselves, nothing written.
///
/// # Errors
/// Usage for options that make no sense.
pub fn objects(options: &GenerateOptions) -> Result<Objects> {
    options.check()?;
    Ok(Objects::new(options))
}

/// The truth about the same records in the same order: object after object, and as they stand in each. It is told from what
/// was drawn, not read from what was written.
///
/// # Errors
/// Usage for options that make no sense.
pub fn events(options: &GenerateOptions) -> Result<impl Iterator<Item = Event>> {
    let mut objects = objects(options)?;
    Ok(std::iter::from_fn(move || objects.next_events()).flatten())
}

#[cfg(test)]
mod tests;
