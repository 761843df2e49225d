//! AWS Glue as a catalog: what Athena, Spark and Trino read.
//!
//! A definition changes by compare-and-swap (its version). Partitions have none, and a call may land after its caller died:
//! so each change is signed with the time at which the reading began that it was decided on ([`Changes::decided_at`]). AWS
//! refuses it minutes later, wherever it was kept, and nothing is sent any more after [`FRESH`]. That bounds how late a
//! change can land, which [`Catalog::settles`] promises.

mod batch;
mod convert;
mod foreign;
#[cfg(test)]
mod stub;
#[cfg(test)]
mod tests;

use super::{Applied, Catalog, CatalogTable, Changes, PartitionEntry, TableChange};
use super::{ForeignPartition, ForeignTable, ReferenceTable};
use crate::error::{Error, Result};
use crate::storage::{Aws, CountingCalls, Request};
use crate::table::Partition;
use aws_sdk_glue::Client;
use aws_sdk_glue::config::Builder as Config;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_glue::types::{DatabaseInput, Partition as GluePartition, PartitionValueList, Table, TableInput};
use aws_smithy_async::time::StaticTimeSource;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, SystemTime};

/// How long after the reading began a change that was decided on it is still sent.
const FRESH: Duration = Duration::from_secs(4 * 60);
/// How long after it was decided on a change can land at the latest. AWS takes signatures that are 5 minutes old, of clocks
/// that are up to 5 minutes off.
const SETTLES: Duration = Duration::from_secs(15 * 60);
/// Partitions in one BatchGetPartition.
const MOST_WANTED: usize = 1000;
/// How many partitions that Glue left unprocessed are looked up one by one.
const ONE_BY_ONE: usize = 20;

/// The Glue of one account and region.
#[derive(Debug, Clone)]
pub struct GlueCatalog {
    aws: Aws,
    client: Client,
}

/// A database and a table in it.
#[derive(Debug, Clone, Copy)]
struct Named<'a> {
    database: &'a str,
    table: &'a str,
}

impl GlueCatalog {
    /// The Glue that this configuration reaches. Asks nothing yet.
    ///
    /// # Errors
    /// Usage where nothing says which region.
    pub fn new(aws: &Aws) -> Result<Self> {
        let config = Config::from(&aws.sdk()?)
            .interceptor(CountingCalls(aws.requests().clone(), Request::Glue))
            // A corrected time of signing would be another one than that of the reading.
            .disable_clock_skew_correction(true)
            .build();
        Ok(GlueCatalog { aws: aws.clone(), client: Client::from_conf(config) })
    }

    async fn get(&self, name: Named<'_>) -> Result<Option<Table>> {
        match self.client.get_table().database_name(name.database).name(name.table).send().await {
            Ok(answer) => {
                answer.table.map(Some).ok_or_else(|| Error::storage(format!("Glue gave no table for {name}")))
            }
            Err(error) if is(&error, "EntityNotFoundException") => Ok(None),
            Err(error) => Err(self.aws.error("glue:GetTable", &name.to_string(), error).await),
        }
    }

    /// Every page, or an error (I7).
    async fn all_partitions(&self, name: Named<'_>, columns: bool) -> Result<Vec<GluePartition>> {
        let asked = self.client.get_partitions().database_name(name.database).table_name(name.table);
        let asked = asked.set_exclude_column_schema((!columns).then_some(true));
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let page = match asked.clone().set_next_token(token.clone()).send().await {
                Ok(page) => page,
                // dropped since its definition was read
                Err(error) if is(&error, "EntityNotFoundException") => return Ok(Vec::new()),
                Err(error) => return Err(self.aws.error("glue:GetPartitions", &name.to_string(), error).await),
            };
            found.extend(page.partitions.unwrap_or_default());
            match page.next_token.filter(|next| !next.is_empty()) {
                None => return Ok(found),
                next if next == token => {
                    return Err(Error::storage(format!("Glue repeats a page of {name}'s partitions")));
                }
                next => token = next,
            }
        }
    }

    /// Glue leaves out what it does not have; what it calls unprocessed may be there or not, and is asked for until a call
    /// brings none of it. What is left then is looked up for certain.
    async fn some_partitions(
        &self,
        name: Named<'_>,
        wanted: &[Partition],
    ) -> Result<BTreeMap<Partition, PartitionEntry>> {
        let by_values: HashMap<Vec<String>, &Partition> = wanted.iter().map(|one| (values(one), one)).collect();
        let mut found = Vec::new();
        for chunk in wanted.chunks(MOST_WANTED) {
            let mut left = chunk.iter().map(|one| value_list(values(one))).collect::<Result<Vec<_>>>()?;
            while !left.is_empty() {
                let (got, unprocessed) = self.batch_get(name, left).await?;
                left = unprocessed;
                let fruitless = got.is_empty();
                found.extend(got);
                if fruitless && !left.is_empty() {
                    found.extend(self.look_up(name, std::mem::take(&mut left)).await?);
                }
            }
        }
        let known =
            |there: &GluePartition| by_values.get(there.values()).map(|one| ((*one).clone(), convert::entry(there)));
        Ok(found.iter().filter_map(known).collect())
    }

    /// Few one by one, many in a listing of all.
    async fn look_up(&self, name: Named<'_>, wanted: Vec<PartitionValueList>) -> Result<Vec<GluePartition>> {
        if wanted.len() > ONE_BY_ONE {
            return self.all_partitions(name, false).await;
        }
        let mut found = Vec::new();
        for one in wanted {
            let asked = self.client.get_partition().database_name(name.database).table_name(name.table);
            match asked.set_partition_values(Some(one.values)).send().await {
                Ok(answer) => found.extend(answer.partition),
                Err(error) if is(&error, "EntityNotFoundException") => {}
                Err(error) => return Err(self.aws.error("glue:GetPartition", &name.to_string(), error).await),
            }
        }
        Ok(found)
    }

    async fn batch_get(
        &self,
        name: Named<'_>,
        wanted: Vec<PartitionValueList>,
    ) -> Result<(Vec<GluePartition>, Vec<PartitionValueList>)> {
        let asked = self.client.batch_get_partition().database_name(name.database).table_name(name.table);
        match asked.set_partitions_to_get(Some(wanted)).send().await {
            Ok(answer) => Ok((answer.partitions.unwrap_or_default(), answer.unprocessed_keys.unwrap_or_default())),
            Err(error) if is(&error, "EntityNotFoundException") => Ok(Default::default()),
            Err(error) => Err(self.aws.error("glue:BatchGetPartition", &name.to_string(), error).await),
        }
    }

    /// Makes the table, and its database where there is none.
    async fn create(&self, name: Named<'_>, to: &CatalogTable, signing: Signing) -> Result<Applied> {
        self.make(name, convert::table_input(name.table, to, None).map_err(unbuilt)?, signing).await
    }

    async fn make(&self, name: Named<'_>, input: TableInput, signing: Signing) -> Result<Applied> {
        for made in [false, true] {
            let call = self.client.create_table().database_name(name.database).table_input(input.clone());
            match call.customize().config_override(signing.config()).send().await {
                Ok(_) => return Ok(Applied::Done),
                Err(error) if is(&error, "AlreadyExistsException") => return Ok(Applied::Beaten),
                Err(error) if is(&error, "EntityNotFoundException") && !made => {
                    self.create_database(name.database).await?
                }
                Err(error) => return self.refused(signing, "glue:CreateTable", name, error).await,
            }
        }
        Ok(Applied::Beaten) // the database was dropped again
    }

    async fn create_database(&self, database: &str) -> Result<()> {
        let input = DatabaseInput::builder().name(database).build().map_err(unbuilt)?;
        match self.client.create_database().database_input(input).send().await {
            Ok(_) => Ok(()),
            Err(error) if is(&error, "AlreadyExistsException") => Ok(()),
            Err(error) => Err(self.aws.error("glue:CreateDatabase", &format!("database {database}"), error).await),
        }
    }

    /// Replaces the definition that is `there`, where it is still that one.
    ///
    /// Types that grow do so in the table first, which remembers that its partitions are yet to follow. They do in the next
    /// look's update, whoever's it is, and the one after their last takes the mark away.
    async fn update(
        &self,
        name: Named<'_>,
        to: &CatalogTable,
        there: &Table,
        changes: &Changes,
        signing: Signing,
    ) -> Result<Applied> {
        let mut input = convert::table_input(name.table, to, Some(there)).map_err(unbuilt)?;
        if !to.partition_keys.is_empty() && convert::cascades(&convert::table(there).columns, &to.columns) {
            input = convert::widening(input);
        } else if convert::is_widening(there)
            && self.widen_partitions(name, &input, changes, signing).await? == Applied::Beaten
        {
            return Ok(Applied::Beaten);
        }
        let call = self.client.update_table().database_name(name.database).table_input(input);
        let call = call.set_version_id(there.version_id.clone()).skip_archive(true);
        match call.customize().config_override(signing.config()).send().await {
            Ok(_) => Ok(Applied::Done),
            Err(error)
                if ["ConcurrentModificationException", "EntityNotFoundException"]
                    .iter()
                    .any(|code| is(&error, code)) =>
            {
                Ok(Applied::Beaten)
            }
            Err(error) => self.refused(signing, "glue:UpdateTable", name, error).await,
        }
    }

    /// Gives all partitions the table's columns.
    ///
    /// Those among the changes are left to be written whole after this: what the catalog says of their locations may be older than
    /// what others have just published. So are those that have these columns already, so that a large table is done in several
    /// looks where one is too short.
    async fn widen_partitions(
        &self,
        name: Named<'_>,
        table: &TableInput,
        changes: &Changes,
        signing: Signing,
    ) -> Result<Applied> {
        let columns = table.storage_descriptor().map(|descriptor| descriptor.columns()).unwrap_or_default();
        let changed: HashSet<Vec<String>> = changes.partitions.iter().map(|one| values(&one.partition)).collect();
        let mut partitions = self.all_partitions(name, true).await?;
        partitions.retain(|there| !changed.contains(there.values()) && !convert::has_columns(there, columns));
        let inputs = partitions.into_iter().map(|partition| convert::with_columns(partition, columns)).collect();
        self.update_partitions(name, inputs, signing).await
    }

    /// What an error of a signed call means: one that retries have made too old is refused for its signature.
    async fn refused<E, R>(
        &self,
        signing: Signing,
        action: &str,
        name: Named<'_>,
        error: SdkError<E, R>,
    ) -> Result<Applied>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let for_signature = ["InvalidSignatureException", "RequestExpired"].iter().any(|code| is(&error, code));
        match for_signature && self.is_late(signing) {
            true => Ok(Applied::Beaten),
            false => Err(self.aws.error(action, &name.to_string(), error).await),
        }
    }

    fn is_late(&self, signing: Signing) -> bool {
        self.aws.now().duration_since(signing.0).is_ok_and(|age| age > FRESH)
    }
}

#[async_trait::async_trait]
impl Catalog for GlueCatalog {
    fn name(&self) -> &'static str {
        "glue"
    }

    fn settles(&self) -> Option<Duration> {
        Some(SETTLES)
    }

    fn now(&self) -> Option<SystemTime> {
        Some(self.aws.now())
    }

    async fn tables(&self, database: &str) -> Result<BTreeMap<String, CatalogTable>> {
        let mut pages = self.client.get_tables().database_name(database).into_paginator().send();
        let mut tables = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) if is(&error, "EntityNotFoundException") => return Ok(BTreeMap::new()),
                Err(error) => {
                    return Err(self.aws.error("glue:GetTables", &format!("database {database}"), error).await);
                }
            };
            tables.extend(page.table_list().iter().map(|table| (table.name.clone(), convert::table(table))));
        }
        Ok(tables)
    }

    async fn table(&self, database: &str, table: &str) -> Result<Option<CatalogTable>> {
        Ok(self.get(Named { database, table }).await?.as_ref().map(convert::table))
    }

    async fn partitions(
        &self,
        database: &str,
        table: &str,
        wanted: Option<&[Partition]>,
    ) -> Result<BTreeMap<Partition, PartitionEntry>> {
        let name = Named { database, table };
        if let Some(wanted) = wanted {
            return self.some_partitions(name, wanted).await;
        }
        // Glue gives values only: what they are values of, the definition says.
        let Some(definition) = self.get(name).await? else { return Ok(BTreeMap::new()) };
        let keys: Vec<&str> = definition.partition_keys().iter().map(|key| key.name()).collect();
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let all = self.all_partitions(name, false).await?;
        Ok(all.iter().map(|there| (partition(&keys, there.values()), convert::entry(there))).collect())
    }

    async fn apply(&self, changes: &Changes) -> Result<Applied> {
        let name = Named { database: &changes.database, table: &changes.table };
        let signing = changes.decided_at.map(Signing).ok_or_else(|| {
            Error::internal(format!("changes of {name} for Glue do not say when they were decided on"))
        })?;
        if self.is_late(signing) {
            return Ok(Applied::Beaten);
        }
        let there = self.get(name).await?;
        if let Some(there) = &there
            && changes.token.is_some()
            && changes.token != there.version_id
        {
            return Ok(Applied::Beaten);
        }
        let defined = match (&changes.definition, &there) {
            (Some(TableChange::Create(to)), None) => self.create(name, to, signing).await?,
            (Some(TableChange::Update { to, .. }), Some(there)) => {
                self.update(name, to, there, changes, signing).await?
            }
            (None, Some(_)) => Applied::Done,
            (Some(TableChange::Create(_)), Some(_)) | (_, None) => Applied::Beaten,
        };
        match defined {
            Applied::Done if !changes.partitions.is_empty() => self.put_partitions(name, changes, there, signing).await,
            defined => Ok(defined),
        }
    }

    fn wants_references(&self) -> bool {
        true
    }

    async fn publish_reference(&self, reference: &ReferenceTable) -> Result<bool> {
        self.put_reference(reference).await
    }

    async fn foreign(&self, database: &str, table: &str) -> Result<Option<ForeignTable>> {
        self.foreign_table(Named { database, table }).await
    }

    async fn foreign_partitions(&self, database: &str, table: &str) -> Result<Vec<ForeignPartition>> {
        self.partitions_of_foreign(Named { database, table }).await
    }
}

/// When the reading began that a change was decided on: the time it is signed with.
#[derive(Debug, Clone, Copy)]
struct Signing(SystemTime);

impl Signing {
    fn config(self) -> Config {
        Config::new().time_source(StaticTimeSource::new(self.0))
    }
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "table {}.{}", self.database, self.table)
    }
}

fn is<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, code: &str) -> bool {
    ProvideErrorMetadata::code(error) == Some(code)
}

fn unbuilt(error: aws_sdk_glue::error::BuildError) -> Error {
    Error::internal("cannot put a request to Glue together").caused_by(error)
}

fn values(partition: &Partition) -> Vec<String> {
    partition.values()
}

fn value_list(values: Vec<String>) -> Result<PartitionValueList> {
    PartitionValueList::builder().set_values(Some(values)).build().map_err(unbuilt)
}

fn partition(keys: &[&str], values: &[String]) -> Partition {
    Partition::from_values(keys.iter().copied().zip(values.iter().cloned()))
}
