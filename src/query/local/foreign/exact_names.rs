//! Refuses Parquet files whose column names differ from the table's by case.
//!
//! Glue's names are in lower case, and Athena finds a file's columns without regard to case. DataFusion finds them by
//! their exact names, and would read NULL for a column that the file writes as `RequestId`: a wrong answer.

use crate::error::Error;
use arrow::datatypes::Schema;
use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::error::Result as DfResult;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// DataFusion's own readers, with that check.
#[derive(Debug)]
pub(super) struct ExactNames {
    readers: DefaultParquetFileReaderFactory,
    columns: Arc<HashSet<String>>,
}

impl ExactNames {
    pub(super) fn new(store: Arc<dyn ObjectStore>, table: &Schema) -> Self {
        let columns = table.fields().iter().map(|field| field.name().clone()).collect();
        ExactNames { readers: DefaultParquetFileReaderFactory::new(store), columns: Arc::new(columns) }
    }
}

impl ParquetFileReaderFactory for ExactNames {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> DfResult<Box<dyn AsyncFileReader + Send>> {
        let path = file.object_meta.location.to_string();
        let inner = self.readers.create_reader(partition_index, file, metadata_size_hint, metrics)?;
        Ok(Box::new(Checked { inner, path, columns: self.columns.clone() }))
    }
}

struct Checked {
    inner: Box<dyn AsyncFileReader + Send>,
    path: String,
    columns: Arc<HashSet<String>>,
}

impl AsyncFileReader for Checked {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.inner.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        self.inner.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let (path, columns) = (self.path.clone(), self.columns.clone());
        let read = self.inner.get_metadata(options);
        async move {
            let metadata = read.await?;
            check(&metadata, &columns, &path)?;
            Ok(metadata)
        }
        .boxed()
    }
}

/// Of the table's columns only: what else a file holds is never read.
fn check(metadata: &ParquetMetaData, columns: &HashSet<String>, path: &str) -> Result<()> {
    for column in metadata.file_metadata().schema_descr().columns() {
        let parts = column.path().parts();
        let wanted = parts.first().is_some_and(|root| columns.contains(&root.to_lowercase()));
        if let Some(part) = parts.iter().find(|part| wanted && part.chars().any(char::is_uppercase)) {
            let told =
                format!("the file {path} writes a column as {part}, and the local engine knows exact names only");
            let error = Error::query(told).hint("ask Athena, which reads it without regard to case: --engine athena");
            return Err(ParquetError::External(error.into()));
        }
    }
    Ok(())
}
