//! Tables of the catalog that firelake did not make: Parquet by their partitions' locations, and small CSV files.

use super::LocalConfig;
use super::words::arrow_type;
use crate::catalog::{CatalogTable, CsvLayout, ForeignPartition, ForeignTable, Layout, files_at};
use crate::error::{Error, Result};
use crate::storage::Location;
use crate::table::NULL_PARTITION;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue, project_schema};
use datafusion::datasource::MemTable;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use exact_names::ExactNames;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectMeta, ObjectStoreExt};
use std::collections::BTreeMap;
use std::sync::Arc;

mod exact_names;

/// Listings at once.
const AT_ONCE: usize = 16;

/// Bytes of CSV that are read into memory at most: reference tables are small.
const CSV_LIMIT: u64 = 64 << 20;

/// A table of the configured catalog; `None` where there is no catalog, or no such table in it.
///
/// # Errors
/// Query for a table that this engine cannot read: the hint names the one that can.
pub(super) async fn find(config: &LocalConfig, database: &str, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    let Some(catalog) = &config.catalog else { return Ok(None) };
    let Some(table) = catalog.foreign(database, name).await? else { return Ok(None) };
    let full_name = format!("{database}.{name}");
    let partitions = match table.keys.is_empty() {
        true => unpartitioned(&full_name, &table)?,
        false => catalog.foreign_partitions(database, name).await?,
    };
    match &table.layout {
        Layout::Csv(layout) => Ok(Some(Arc::new(csv(config, &full_name, &table, layout, &partitions).await?))),
        _ => Ok(Some(Arc::new(ParquetTable::open(config, &full_name, &table, partitions).await?))),
    }
}

/// The columns of a table as the catalog lists it, without rows: for who asks what there is. A column of a type that this engine
/// does not know is left out.
pub(super) fn listed(table: &CatalogTable) -> Arc<dyn TableProvider> {
    let columns = table.columns.iter().map(|column| (column.name.as_str(), column.hive_type.as_str()));
    let keys = table.partition_keys.iter().map(|key| (key.as_str(), "string"));
    let known = columns.chain(keys).filter_map(|(name, word)| Some(Field::new(name, arrow_type(word).ok()?, true)));
    Arc::new(EmptyTable::new(Arc::new(Schema::new(known.collect::<Vec<_>>()))))
}

fn unpartitioned(name: &str, table: &ForeignTable) -> Result<Vec<ForeignPartition>> {
    let Some(location) = table.location.clone() else { return Err(unreadable(name, &table.layout)) };
    Ok(vec![ForeignPartition { values: Vec::new(), location, layout: table.layout.clone() }])
}

fn unreadable(name: &str, layout: &Layout) -> Error {
    let what = match layout {
        Layout::Parquet => "a table without a location",
        Layout::Csv(_) => "CSV",
        Layout::Other(what) => what,
    };
    Error::query(format!(
        "{name} is {what}: the local engine reads Parquet tables of the catalog, and those of this lake"
    ))
    .hint("ask Athena: --engine athena")
}

/// A Parquet table by the locations that the catalog names. Its files are listed when a query wants them, partition by
/// partition, and only of partitions that the query's filters leave.
#[derive(Debug)]
struct ParquetTable {
    schema: TableSchema,
    partitions: Vec<(Vec<ScalarValue>, Location)>,
}

impl ParquetTable {
    async fn open(
        config: &LocalConfig,
        name: &str,
        table: &ForeignTable,
        partitions: Vec<ForeignPartition>,
    ) -> Result<Self> {
        let layouts = std::iter::once(&table.layout).chain(partitions.iter().map(|partition| &partition.layout));
        if let Some(other) = layouts.into_iter().find(|layout| **layout != Layout::Parquet) {
            return Err(unreadable(name, other));
        }
        let keys = fields(name, &table.keys)?;
        let types: Vec<DataType> = keys.iter().map(|key| key.data_type().clone()).collect();
        let schema = TableSchema::builder(Arc::new(Schema::new(fields(name, &table.columns)?)))
            .with_table_partition_cols(keys.into_iter().map(Arc::new).collect::<Vec<_>>())
            .build();
        let mut opened = Vec::new();
        for partition in partitions {
            let values = values(name, &partition, &types)?;
            opened.push((values, config.stores.open(partition.location.trim_end_matches('/')).await?));
        }
        Ok(ParquetTable { schema, partitions: opened })
    }

    fn key_names(&self) -> Vec<&str> {
        self.schema.table_partition_cols().iter().map(|field| field.name().as_str()).collect()
    }

    fn is_of_partition(&self, filter: &Expr) -> bool {
        let names = self.key_names();
        !names.is_empty() && expr_applicable_for_cols(&names, filter) && !filter.contains_outer()
    }

    /// The partitions that may hold rows which pass `filters`.
    fn kept(&self, state: &dyn Session, filters: &[Expr]) -> DfResult<Vec<&(Vec<ScalarValue>, Location)>> {
        let of_partition = filters.iter().filter(|filter| self.is_of_partition(filter)).cloned();
        let Some(filter) = conjunction(of_partition).filter(|_| !self.partitions.is_empty()) else {
            return Ok(self.partitions.iter().collect());
        };
        let keys = Arc::new(Schema::new(self.schema.table_partition_cols().clone()));
        let column =
            |at: usize| ScalarValue::iter_to_array(self.partitions.iter().map(|(values, _)| values[at].clone()));
        let columns = (0..keys.fields().len()).map(column).collect::<DfResult<Vec<_>>>()?;
        let filter = state.create_physical_expr(filter, &DFSchema::try_from(keys.clone())?)?;
        let kept = filter.evaluate(&RecordBatch::try_new(keys, columns)?)?.into_array(self.partitions.len())?;
        let kept: &BooleanArray = datafusion::common::cast::as_boolean_array(&kept)?;
        Ok(self.partitions.iter().zip(kept).filter(|(_, kept)| *kept == Some(true)).map(|(it, _)| it).collect())
    }

    /// The files of one store.
    fn scan_of(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
        near: &Location,
        files: Vec<PartitionedFile>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let store = ObjectStoreUrl::parse(near.root())?;
        state.runtime_env().register_object_store(store.as_ref(), near.store().clone());
        let readers = ExactNames::new(near.store().clone(), self.schema.file_schema());
        let source = ParquetSource::new(self.schema.clone())
            .with_table_parquet_options(state.table_options().parquet.clone())
            .with_parquet_file_reader_factory(Arc::new(readers));
        let scan = FileScanConfigBuilder::new(store, Arc::new(source))
            .with_file_groups(FileGroup::new(files).split_files(state.config().target_partitions()))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

#[async_trait::async_trait]
impl TableProvider for ParquetTable {
    fn schema(&self) -> SchemaRef {
        self.schema.table_schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.is_of_partition(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let listed = stream::iter(self.kept(state, filters)?.into_iter().cloned()).map(files_of).buffered(AT_ONCE);
        let listed: Vec<(Location, Vec<PartitionedFile>)> =
            listed.try_collect().await.map_err(|error| DataFusionError::External(error.into()))?;
        let mut stores: BTreeMap<String, (Location, Vec<PartitionedFile>)> = BTreeMap::new();
        for (location, files) in listed.into_iter().filter(|(_, files)| !files.is_empty()) {
            let (_, all) = stores.entry(location.root().into()).or_insert_with(|| (location, Vec::new()));
            all.extend(files);
        }
        let scans = stores.into_values().map(|(near, files)| self.scan_of(state, projection, limit, &near, files));
        let mut scans = scans.collect::<DfResult<Vec<_>>>()?;
        match scans.len() {
            0 => Ok(Arc::new(EmptyExec::new(project_schema(&self.schema(), projection)?))),
            1 => Ok(scans.remove(0)),
            _ => UnionExec::try_new(scans),
        }
    }
}

/// A partition's files. Empty ones are markers of folders, which Athena leaves out as well.
async fn files_of((values, location): (Vec<ScalarValue>, Location)) -> Result<(Location, Vec<PartitionedFile>)> {
    let files = files_at(&location, &location.url()).await?;
    let file = |meta: ObjectMeta| PartitionedFile::new_from_meta(meta).with_partition_values(values.clone());
    let files = files.into_iter().filter(|meta| meta.size > 0).map(file).collect();
    Ok((location, files))
}

fn fields(table: &str, columns: &[(String, String)]) -> Result<Vec<Field>> {
    let field = |(name, word): &(String, String)| match arrow_type(word) {
        Ok(data_type) => Ok(Field::new(name, data_type, true)),
        Err(what) => Err(Error::query(format!("column {name} of {table} is of type {word}: {what}"))
            .hint("ask Athena: --engine athena")),
    };
    columns.iter().map(field).collect()
}

/// A partition's values in the types of the keys. Hive writes NULL as a name of its own.
fn values(table: &str, partition: &ForeignPartition, types: &[DataType]) -> Result<Vec<ScalarValue>> {
    if partition.values.len() != types.len() {
        return Err(Error::query(format!(
            "the partition at {} of {table} has {} values for {} keys",
            partition.location,
            partition.values.len(),
            types.len()
        )));
    }
    let value = |(text, data_type): (&String, &DataType)| match text.as_str() {
        NULL_PARTITION => ScalarValue::try_from(data_type),
        text => ScalarValue::try_from_string(text.to_owned(), data_type),
    };
    let values = partition.values.iter().zip(types).map(value).collect::<DfResult<_>>();
    values.map_err(|e| {
        Error::query(format!(
            "the partition at {} of {table} has a value that is not of its key's type",
            partition.location
        ))
        .caused_by(e)
    })
}

/// A small CSV table, read whole; all strings, as OpenCSVSerDe gives them.
async fn csv(
    config: &LocalConfig,
    name: &str,
    table: &ForeignTable,
    layout: &CsvLayout,
    partitions: &[ForeignPartition],
) -> Result<MemTable> {
    if !table.keys.is_empty() || table.columns.iter().any(|(_, word)| word != "string") {
        return Err(unreadable(name, &table.layout));
    }
    let fields = fields(name, &table.columns)?;
    let mut columns: Vec<StringBuilder> = fields.iter().map(|_| StringBuilder::new()).collect();
    let mut left = CSV_LIMIT;
    for partition in partitions {
        let folder = config.stores.open(partition.location.trim_end_matches('/')).await?;
        for file in files_at(&folder, &folder.url()).await? {
            left = left.checked_sub(file.size).ok_or_else(|| too_large(name))?;
            let origin = folder.url_of(&file.location);
            let bytes = match folder.store().get(&file.location).await {
                Ok(object) => object.bytes().await,
                Err(error) => Err(error),
            };
            let bytes = bytes.map_err(|e| Error::from(e).context(format!("cannot read {origin}")))?;
            append(&origin, layout, &bytes, &mut columns)?;
        }
    }
    let schema = Arc::new(Schema::new(fields));
    let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
    RecordBatch::try_new(schema.clone(), columns)
        .map_err(DataFusionError::from)
        .and_then(|batch| MemTable::try_new(schema, vec![vec![batch]]))
        .map_err(|e| Error::internal(format!("cannot hold {name} in memory")).caused_by(e))
}

fn too_large(name: &str) -> Error {
    Error::query(format!("{name} is CSV of more than {} MB, the most that the local engine reads", CSV_LIMIT >> 20))
        .hint("ask Athena: --engine athena")
}

/// Line by line, as OpenCSVSerDe does it: fields beyond the columns are left out, missing ones are NULL, and a line with nothing
/// in it is a record of one empty field.
fn append(origin: &str, layout: &CsvLayout, bytes: &[u8], columns: &mut [StringBuilder]) -> Result<()> {
    let text = std::str::from_utf8(bytes).map_err(|e| Error::query(format!("{origin} is not UTF-8")).caused_by(e))?;
    for (at, line) in text.lines().enumerate().skip(layout.header_lines) {
        let record = record(layout, line).ok_or_else(|| {
            Error::query(format!("{origin}, line {}: a quote is not closed in its line", at + 1))
                .hint("Athena reads CSV line by line: a field cannot hold a line break")
        })?;
        for (field, column) in columns.iter_mut().enumerate() {
            column.append_option(record.get(field));
        }
    }
    Ok(())
}

/// The fields of a line; `None` where a quote is left open.
fn record(layout: &CsvLayout, line: &str) -> Option<Vec<String>> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        let is = |byte: u8| c == char::from(byte);
        let next_is = |next: Option<&char>, byte: u8| next == Some(&char::from(byte));
        if is(layout.escape) && quoted && (next_is(rest.peek(), layout.quote) || next_is(rest.peek(), layout.escape)) {
            field.extend(rest.next());
        } else if is(layout.quote) && quoted && next_is(rest.peek(), layout.quote) {
            field.extend(rest.next()); // doubled
        } else if is(layout.quote) {
            quoted = !quoted;
        } else if is(layout.separator) && !quoted {
            fields.push(std::mem::take(&mut field));
        } else {
            field.push(c);
        }
    }
    fields.push(field);
    (!quoted).then_some(fields)
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        DataFusionError::External(error.into())
    }
}

#[cfg(test)]
mod tests;
