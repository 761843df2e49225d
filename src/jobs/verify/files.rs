//! Every live file: is it there, as long as the ledger says, and with as many rows? One request a file: its end.

use super::books::Books;
use super::{Check, Verdict, VerifyReport, Watch};
use crate::error::{Error, Result};
use crate::ledger::DataFile;
use crate::storage::Location;
use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;

/// Files that are looked at at once.
const LOOKS: usize = 16;
/// Bytes of a file's end that are fetched: most footers fit.
const END: u64 = 64 << 10;

/// What is wrong with a file, or why that cannot be told.
enum Trouble {
    Wrong(String),
    Unknown(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Unknown(error)
    }
}

pub(super) async fn check(folder: &Location, books: &Books, watch: &Watch, report: &mut VerifyReport) {
    let count = books.files.len() as u64;
    let looks = books.files.values().map(|(_, file)| async move { (file, look(folder, file).await) });
    let mut looks = futures::stream::iter(looks).buffered(LOOKS).enumerate();
    while let Some((at, (file, looked))) = looks.next().await {
        let url = folder.url_of(&folder.path(&file.path));
        match looked {
            Ok(()) => {}
            Err(Trouble::Wrong(told)) => report.add(
                Verdict::Failed,
                Check::File,
                url,
                told,
                "restore this file from a backup or an older version; firelake history --file says which inputs it is made of",
            ),
            Err(Trouble::Unknown(error)) => report.unchecked(Check::File, url, &error),
        }
        watch("files", at as u64 + 1, count);
    }
}

async fn look(folder: &Location, file: &DataFile) -> Result<(), Trouble> {
    let path = folder.path(&file.path);
    let from = file.bytes.saturating_sub(END);
    let Some((size, end)) = range(folder, &path, from, file.bytes).await? else {
        return Err(Trouble::Wrong(match size(folder, &path).await? {
            None => "it is live, and it is not there".into(),
            Some(size) => other_size(size, file.bytes),
        }));
    };
    if size != file.bytes {
        return Err(Trouble::Wrong(other_size(size, file.bytes)));
    }
    match rows(folder, &path, end, size).await? {
        rows if rows == file.rows => Ok(()),
        rows => Err(Trouble::Wrong(format!("it has {rows} rows, it should have {}", file.rows))),
    }
}

fn other_size(size: u64, expected: u64) -> String {
    format!("it has {size} bytes, it should have {expected}")
}

/// The size of an object and some of its bytes; `None` where it is not there or is too short to have them.
async fn range(folder: &Location, path: &Path, from: u64, to: u64) -> Result<Option<(u64, Bytes)>> {
    let options = GetOptions { range: Some(GetRange::Bounded(from..to)), ..Default::default() };
    let failed = |e: object_store::Error| Error::from(e).context(format!("cannot read {}", folder.url_of(path)));
    match folder.store().get_opts(path, options).await {
        Ok(found) => {
            let size = found.meta.size;
            Ok(Some((size, found.bytes().await.map_err(failed)?)))
        }
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => match size(folder, path).await {
            Ok(Some(size)) if size < to => Ok(None),
            _ => Err(failed(error)),
        },
    }
}

async fn size(folder: &Location, path: &Path) -> Result<Option<u64>> {
    match folder.store().head(path).await {
        Ok(found) => Ok(Some(found.size)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(Error::from(error).context(format!("cannot look at {}", folder.url_of(path)))),
    }
}

/// The rows that a file's footer tells; `end` are its last bytes.
async fn rows(folder: &Location, path: &Path, mut end: Bytes, size: u64) -> Result<u64, Trouble> {
    let mut reader = ParquetMetaDataReader::new();
    loop {
        let need = match reader.try_parse_sized(&end, size) {
            Ok(()) => break,
            Err(ParquetError::NeedMoreData(need)) if need as u64 <= size && need > end.len() => need as u64,
            Err(error) => return Err(Trouble::Wrong(format!("it is no Parquet file: {error}"))),
        };
        end = range(folder, path, size - need, size).await?.map(|(_, end)| end).unwrap_or_default();
    }
    let metadata = reader.finish().map_err(|e| Trouble::Wrong(format!("it is no Parquet file: {e}")))?;
    Ok(metadata.file_metadata().num_rows().max(0) as u64)
}
