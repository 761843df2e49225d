//! A table as DataFusion sees it: the live files of one snapshot, with the ledger's statistics. Nothing is listed.

use super::readers::{Opened, Readers};
use super::stats::{exact, statistics};
use crate::error::Result;
use crate::ledger::Snapshot;
use crate::storage::Location;
use crate::table::{FileSet, NULL_PARTITION, PartitionKey, rejected_columns};
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::DateTime;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::common::pruning::PrunableStatistics;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics, project_schema};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DfResult;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;
use std::sync::Arc;

/// The rows or the rejected records of a table as of one snapshot.
#[derive(Debug)]
pub(super) struct LakeTable {
    schema: TableSchema,
    store: ObjectStoreUrl,
    opened: Arc<Opened>,
    files: Vec<PartitionedFile>,
}

impl LakeTable {
    /// The files of `set` in `snapshot`, whose table is in `folder`.
    ///
    /// # Errors
    /// Usage for a schema or a store of a newer firelake.
    pub(super) fn new(
        folder: &Location,
        snapshot: &Snapshot,
        set: FileSet,
        store: ObjectStoreUrl,
        opened: Arc<Opened>,
    ) -> Result<Self> {
        let (file_schema, keys) = columns(snapshot, set)?;
        let key_fields = keys.iter().map(|key| Arc::new(Field::new(&key.name, DataType::Utf8, true)));
        let schema =
            TableSchema::builder(file_schema).with_table_partition_cols(key_fields.collect::<Vec<_>>()).build();
        let files = snapshot.live(set).map(|(path, file)| {
            let known = PartitionedFile::new_from_meta(object_meta(folder, path, file.bytes))
                .with_partition_values(file.partition.values().into_iter().map(key_value).collect())
                .with_statistics(Arc::new(statistics(file, schema.file_schema())));
            with_null_keys(known, file.rows, schema.file_schema().fields().len())
        });
        let files = files.collect();
        Ok(LakeTable { schema, store, opened, files })
    }

    fn key_names(&self) -> Vec<&str> {
        self.schema.table_partition_cols().iter().map(|field| field.name().as_str()).collect()
    }

    /// Whether the partition's values alone decide the filter, so that no row need be looked at.
    fn is_of_partition(&self, filter: &Expr) -> bool {
        let names = self.key_names();
        !names.is_empty() && expr_applicable_for_cols(&names, filter) && !filter.contains_outer()
    }

    /// The files that may hold rows which pass `filters`.
    fn kept(&self, state: &dyn Session, filters: &[Expr]) -> DfResult<Vec<PartitionedFile>> {
        let (by_partition, by_bounds): (Vec<_>, Vec<_>) =
            filters.iter().cloned().partition(|filter| self.is_of_partition(filter));
        let files = self.kept_by_partition(state, by_partition)?;
        self.kept_by_bounds(state, by_bounds, files)
    }

    fn kept_by_partition(&self, state: &dyn Session, filters: Vec<Expr>) -> DfResult<Vec<PartitionedFile>> {
        let Some(filter) = conjunction(filters) else {
            return Ok(self.files.clone());
        };
        let key_schema = Arc::new(Schema::new(self.schema.table_partition_cols().clone()));
        let values = RecordBatch::try_new(key_schema.clone(), self.partition_values())?;
        let filter = state.create_physical_expr(filter, &DFSchema::try_from(key_schema)?)?;
        let kept = filter.evaluate(&values)?.into_array(self.files.len())?;
        let kept = datafusion::common::cast::as_boolean_array(&kept)?.clone();
        Ok(only(&self.files, &kept))
    }

    fn partition_values(&self) -> Vec<ArrayRef> {
        let value = |file: &PartitionedFile, at: usize| file.partition_values.get(at)?.try_as_str()?.map(str::to_owned);
        (0..self.schema.table_partition_cols().len())
            .map(|at| Arc::new(self.files.iter().map(|file| value(file, at)).collect::<StringArray>()) as ArrayRef)
            .collect()
    }

    fn kept_by_bounds(
        &self,
        state: &dyn Session,
        filters: Vec<Expr>,
        files: Vec<PartitionedFile>,
    ) -> DfResult<Vec<PartitionedFile>> {
        let Some(filter) = conjunction(filters) else {
            return Ok(files);
        };
        let schema = self.schema();
        let filter = state.create_physical_expr(filter, &DFSchema::try_from(schema.clone())?)?;
        let predicate = PruningPredicateBuilder::new().with_file_schema(schema.clone()).build(filter);
        let Some(predicate) = predicate else {
            return Ok(files);
        };
        let unknown = || Arc::new(Statistics::new_unknown(&schema));
        let bounds = files.iter().map(|file| file.statistics.clone().unwrap_or_else(unknown)).collect();
        let kept = predicate.prune(&PrunableStatistics::new(bounds, schema.clone()))?;
        Ok(only(&files, &BooleanArray::from(kept)))
    }

    fn source(&self, state: &dyn Session) -> DfResult<ParquetSource> {
        let runtime = state.runtime_env();
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let readers = CachedParquetFileReaderFactory::new(runtime.object_store(&self.store)?, cache);
        Ok(ParquetSource::new(self.schema.clone())
            .with_table_parquet_options(state.table_options().parquet.clone())
            .with_parquet_file_reader_factory(Arc::new(Readers { readers, opened: self.opened.clone() }))
            .with_metadata_size_hint(FOOTER))
    }
}

/// Bytes of a file's end that are fetched at once: most footers fit, so that opening a file is one request.
const FOOTER: usize = 64 << 10;

#[async_trait::async_trait]
impl TableProvider for LakeTable {
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
        let files = self.kept(state, filters)?;
        if files.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(&self.schema(), projection)?)));
        }
        let total = total(&files, &self.schema())?;
        let scan = FileScanConfigBuilder::new(self.store.clone(), Arc::new(self.source(state)?))
            .with_file_groups(FileGroup::new(files).split_files(state.config().target_partitions()))
            .with_statistics(total)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// The columns in the files, and the keys that follow them.
fn columns(snapshot: &Snapshot, set: FileSet) -> Result<(SchemaRef, Vec<PartitionKey>)> {
    match set {
        FileSet::Data => {
            let schema = snapshot.schema()?;
            Ok((schema.arrow(), schema.partitions))
        }
        FileSet::Rejected => {
            let fields = rejected_columns().into_iter().map(|(name, hive, _)| Field::new(name, hive.to_arrow(), true));
            Ok((Arc::new(Schema::new(fields.collect::<Vec<_>>())), vec![PartitionKey::by_day()]))
        }
    }
}

fn key_value(text: String) -> ScalarValue {
    ScalarValue::Utf8(Some(text).filter(|text| text != NULL_PARTITION))
}

/// DataFusion takes it that no key is NULL: where one is, all its rows are, and nothing bounds them.
fn with_null_keys(mut file: PartitionedFile, rows: u64, columns: usize) -> PartitionedFile {
    let nulls: Vec<bool> = file.partition_values.iter().map(ScalarValue::is_null).collect();
    if let Some(known) = file.statistics.as_mut().filter(|_| nulls.contains(&true)) {
        let keys = Arc::make_mut(known).column_statistics.iter_mut().skip(columns);
        for (key, _) in keys.zip(nulls).filter(|(_, is_null)| *is_null) {
            *key = ColumnStatistics { null_count: exact(rows), ..ColumnStatistics::new_unknown() };
        }
    }
    file
}

/// Files never change (I5), so one time stands for all of them.
fn object_meta(folder: &Location, path: &str, size: u64) -> ObjectMeta {
    ObjectMeta { location: folder.path(path), last_modified: DateTime::UNIX_EPOCH, size, e_tag: None, version: None }
}

fn only(files: &[PartitionedFile], kept: &BooleanArray) -> Vec<PartitionedFile> {
    let kept = (0..kept.len()).map(|at| kept.is_valid(at) && kept.value(at));
    files.iter().zip(kept).filter(|(_, kept)| *kept).map(|(file, _)| file.clone()).collect()
}

fn total(files: &[PartitionedFile], schema: &Schema) -> DfResult<Statistics> {
    Statistics::try_merge_iter(files.iter().filter_map(|file| file.statistics.as_deref()), schema)
}
