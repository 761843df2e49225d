//! Opens data files for DataFusion, and knows which one an error came from: a decoder's error does not say it.

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::error::Result;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::async_reader::AsyncFileReader;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// The files that one statement opened last: enough for every thread's present one and the next.
#[derive(Debug)]
pub(super) struct Opened {
    store: Arc<dyn ObjectStore>,
    newest: Mutex<VecDeque<Path>>,
    most: usize,
}

impl Opened {
    pub(super) fn new(store: Arc<dyn ObjectStore>, threads: usize) -> Arc<Self> {
        Arc::new(Opened { store, newest: Mutex::default(), most: 2 * threads + 2 })
    }

    fn remember(&self, path: Path) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.push_front(path);
        newest.truncate(self.most);
    }

    /// The file that cannot be decoded, found by reading the newest ones again, whole: only after an error.
    pub(super) async fn damaged(&self) -> Option<Path> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for path in newest {
            let bytes = match self.store.get(&path).await {
                Ok(object) => object.bytes().await,
                Err(error) => Err(error),
            };
            if !bytes.is_ok_and(is_whole) {
                return Some(path);
            }
        }
        None
    }
}

fn is_whole(bytes: Bytes) -> bool {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(|builder| builder.build());
    reader.is_ok_and(|mut batches| batches.all(|batch| batch.is_ok()))
}

/// DataFusion's own readers, with their cache of footers.
#[derive(Debug)]
pub(super) struct Readers {
    pub(super) readers: CachedParquetFileReaderFactory,
    pub(super) opened: Arc<Opened>,
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        self.opened.remember(file.object_meta.location.clone());
        self.readers.create_reader(partition_index, file, metadata_size_hint, metrics)
    }
}
