//! Landed objects read a second time, as an attempt reads them, with nothing written: for checks.

use super::fetch::fetch;
use super::split::Splitter;
use super::thread;
use crate::decode::{Decoded, Decoder, ObjectCounts, RejectedChunk, rejected_batch};
use crate::error::Result;
use crate::landing::LandedObject;
use crate::table::{FileSet, Partition, PartitionKey, TableSchema};
use arrow::array::RecordBatch;
use tokio::runtime::Handle;

/// Rejected records that are made one batch: rows, and bytes.
const REJECTED: usize = 1024;
const REJECTED_BYTES: usize = 8 << 20;

/// What reading an object again gives.
#[derive(Debug)]
pub enum Again {
    /// Rows of one partition, with the columns of the set's files.
    Rows(FileSet, Partition, RecordBatch),
    /// The object's end: what it held, or why it cannot be read; then its rows so far must not count.
    End(Result<ObjectCounts>),
}

/// Decodes objects one after the other on a thread of their own, with the `max_record` that they were compacted with, each with
/// whether its failed records of Firehose are opened. `take` gets the state, the object's place and what comes
/// out, each object's end last. Memory is bounded by a batch of rows, whatever the objects' size.
///
/// # Errors
/// Usage for a schema that cannot be used; those of `take`. What is wrong with an object is in its end.
pub async fn read_again<S: Send + 'static>(
    schema: &TableSchema,
    max_record: usize,
    objects: Vec<(LandedObject, bool)>,
    mut state: S,
    take: fn(&mut S, usize, Again) -> Result<()>,
) -> Result<S> {
    let mut reader = Reader {
        decoder: Decoder::new(schema)?.max_record(max_record),
        splitter: Splitter::new(schema.partitions.clone()),
    };
    let work = move || {
        for (at, (object, opened)) in objects.iter().enumerate() {
            reader.decoder.open_failed(*opened);
            let mut failed = None;
            let end = reader
                .object(object, &mut |again| take(&mut state, at, again).inspect_err(|e| failed = Some(e.kind())));
            match (failed, end) {
                (Some(_), Err(error)) => return Err(error), // it is the one of `take`
                (_, end) => take(&mut state, at, Again::End(end))?,
            }
        }
        Ok(state)
    };
    thread::start(work)?.end().await.flatten()
}

struct Reader {
    decoder: Decoder,
    splitter: Splitter,
}

impl Reader {
    fn object(&mut self, object: &LandedObject, give: &mut dyn FnMut(Again) -> Result<()>) -> Result<ObjectCounts> {
        let body = Handle::current().block_on(fetch(object))?;
        let mut plain = body.plain(object, u64::MAX)?;
        let (mut rejected, mut bytes) = (Vec::new(), 0);
        let Reader { decoder, splitter } = self;
        let counts = decoder.decode(&mut *plain, object.delivered, &mut |decoded| match decoded {
            Decoded::Rows(rows) => splitter
                .split(rows.batch, &rows.times)?
                .into_iter()
                .try_for_each(|(partition, batch)| give(Again::Rows(FileSet::Data, partition, batch))),
            Decoded::Rejected(chunk) => {
                bytes += chunk.raw.len();
                rejected.push(chunk);
                if rejected.len() < REJECTED && bytes < REJECTED_BYTES {
                    return Ok(());
                }
                bytes = 0;
                give_rejected(object, &mut rejected, give)
            }
        })?;
        give_rejected(object, &mut rejected, give)?;
        Ok(counts)
    }
}

fn give_rejected(
    object: &LandedObject,
    chunks: &mut Vec<RejectedChunk>,
    give: &mut dyn FnMut(Again) -> Result<()>,
) -> Result<()> {
    if chunks.is_empty() {
        return Ok(());
    }
    let batch = rejected_batch(&object.url, chunks)?;
    chunks.clear();
    give(Again::Rows(FileSet::Rejected, Partition::of(&[PartitionKey::by_day()], object.delivered), batch))
}
