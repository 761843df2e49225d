//! Partitions in batches. A batch call that succeeds may have failed for some of them: each of those is an error (I7).

use super::{Applied, Changes, GlueCatalog, Named, Signing, convert, is, unbuilt, values};
use crate::catalog::TableChange;
use crate::error::{Error, Result};
use crate::storage::Fault;
use aws_sdk_glue::types::{BatchUpdatePartitionRequestEntry, ErrorDetail, PartitionInput, Table};
use futures::{FutureExt, StreamExt, stream};

/// Partitions in one BatchCreatePartition or BatchUpdatePartition.
const BATCH: usize = 100;
/// Calls at once: Glue limits the requests of an account.
const AT_ONCE: usize = 4;
/// Partitions that an error names.
const TOLD: usize = 3;

/// What became of one batch.
enum Sent {
    /// All are as they were told to be, but for these.
    Done(Vec<Failed>),
    /// The table is gone, or the changes are too old to be sent.
    Beaten,
}

/// A partition that Glue did not take.
struct Failed {
    partition: String,
    code: String,
    message: String,
}

impl Failed {
    fn new(values: &[String], detail: Option<&ErrorDetail>) -> Self {
        let code = detail.and_then(ErrorDetail::error_code).unwrap_or("no reason given");
        let message = detail.and_then(ErrorDetail::error_message).unwrap_or_default();
        Failed { partition: values.join("/"), code: code.into(), message: message.into() }
    }

    /// Whether somebody else made or dropped the partition since it was read.
    fn is_beaten(&self) -> bool {
        ["AlreadyExistsException", "EntityNotFoundException"].contains(&self.code.as_str())
    }
}

impl GlueCatalog {
    /// Creates what was not there and updates what was, each whole with its table's descriptor. Where the reading was wrong
    /// by now (somebody made or dropped one), the caller looks again: only a fresh reading may decide what wins.
    pub(super) async fn put_partitions(
        &self,
        name: Named<'_>,
        changes: &Changes,
        there: Option<Table>,
        signing: Signing,
    ) -> Result<Applied> {
        let descriptor = match (&changes.definition, there) {
            (Some(change), there) => {
                convert::table_input(name.table, TableChange::to(change), there.as_ref())
                    .map_err(unbuilt)?
                    .storage_descriptor
            }
            (None, there) => there.and_then(|there| there.storage_descriptor),
        };
        let Some(descriptor) = descriptor else {
            return Err(Error::storage(format!("{name} has no storage descriptor in Glue")));
        };
        let (mut new, mut moved) = (Vec::new(), Vec::new());
        for change in &changes.partitions {
            let input = convert::partition_input(values(&change.partition), &change.to, &descriptor);
            if change.from.is_some() { &mut moved } else { &mut new }.push(input);
        }
        let created = self.create_partitions(name, new, signing).await?;
        let updated = self.update_partitions(name, moved, signing).await?;
        Ok(if created == Applied::Done { updated } else { created })
    }

    async fn create_partitions(
        &self,
        name: Named<'_>,
        inputs: Vec<PartitionInput>,
        signing: Signing,
    ) -> Result<Applied> {
        let calls: Vec<_> =
            inputs.chunks(BATCH).map(|batch| self.create_batch(name, batch.to_vec(), signing).boxed()).collect();
        let sent: Vec<Result<Sent>> = stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
        outcome("glue:BatchCreatePartition", name, inputs.len(), sent)
    }

    /// Replaces partitions whole.
    pub(super) async fn update_partitions(
        &self,
        name: Named<'_>,
        inputs: Vec<PartitionInput>,
        signing: Signing,
    ) -> Result<Applied> {
        let calls: Vec<_> =
            inputs.chunks(BATCH).map(|batch| self.update_batch(name, batch.to_vec(), signing).boxed()).collect();
        let sent: Vec<Result<Sent>> = stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
        outcome("glue:BatchUpdatePartition", name, inputs.len(), sent)
    }

    async fn create_batch(&self, name: Named<'_>, batch: Vec<PartitionInput>, signing: Signing) -> Result<Sent> {
        if self.is_late(signing) {
            return Ok(Sent::Beaten);
        }
        let call = self.client.batch_create_partition().database_name(name.database).table_name(name.table);
        let call = call.set_partition_input_list(Some(batch));
        match call.customize().config_override(signing.config()).send().await {
            Ok(answer) => {
                let failed = answer.errors().iter().map(|one| Failed::new(one.partition_values(), one.error_detail()));
                Ok(Sent::Done(failed.collect()))
            }
            Err(error) if is(&error, "EntityNotFoundException") => Ok(Sent::Beaten),
            Err(error) => self.refused(signing, "glue:BatchCreatePartition", name, error).await.map(|_| Sent::Beaten),
        }
    }

    async fn update_batch(&self, name: Named<'_>, batch: Vec<PartitionInput>, signing: Signing) -> Result<Sent> {
        if self.is_late(signing) {
            return Ok(Sent::Beaten);
        }
        let entry = |input: PartitionInput| {
            let values = input.values().to_vec();
            BatchUpdatePartitionRequestEntry::builder()
                .set_partition_value_list(Some(values))
                .partition_input(input)
                .build()
        };
        let entries = batch.into_iter().map(entry).collect::<std::result::Result<Vec<_>, _>>().map_err(unbuilt)?;
        let call = self.client.batch_update_partition().database_name(name.database).table_name(name.table);
        match call.set_entries(Some(entries)).customize().config_override(signing.config()).send().await {
            Ok(answer) => {
                let failed =
                    answer.errors().iter().map(|one| Failed::new(one.partition_value_list(), one.error_detail()));
                Ok(Sent::Done(failed.collect()))
            }
            Err(error) if is(&error, "EntityNotFoundException") => Ok(Sent::Beaten),
            Err(error) => self.refused(signing, "glue:BatchUpdatePartition", name, error).await.map(|_| Sent::Beaten),
        }
    }
}

/// Of all batches: an error where any call or any partition failed, named; else whether to look again.
fn outcome(action: &str, name: Named<'_>, all: usize, sent: Vec<Result<Sent>>) -> Result<Applied> {
    let (mut failed, mut applied) = (Vec::new(), Applied::Done);
    for sent in sent {
        match sent? {
            Sent::Beaten => applied = Applied::Beaten,
            Sent::Done(items) => {
                let (beaten, wrong): (Vec<_>, Vec<_>) = items.into_iter().partition(Failed::is_beaten);
                if !beaten.is_empty() {
                    applied = Applied::Beaten;
                }
                failed.extend(wrong);
            }
        }
    }
    match failed.first() {
        None => Ok(applied),
        Some(first) => {
            let resource = format!("partition {} of {name}", first.partition);
            let cause = Error::from(Fault::of_item(action, &resource, &first.code, &first.message));
            Err(cause.context(told(name, all, &failed)))
        }
    }
}

fn told(name: Named<'_>, all: usize, failed: &[Failed]) -> String {
    let named: Vec<&str> = failed.iter().take(TOLD).map(|one| one.partition.as_str()).collect();
    let more = match failed.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} of {all} partitions of {name} could not be changed: {}{more}", failed.len(), named.join(", "))
}
