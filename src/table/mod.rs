//! What a table is: its identity, columns, types, partitions and schema file. Pure: no async, no I/O.

mod evolution;
mod id;
mod partition;
mod reference;
mod schema;
mod shipped;
mod types;

pub use evolution::{Change, Evolution};
pub use id::TableId;
pub use partition::{FileSet, NULL_PARTITION, Partition, PartitionKey, Transform};
pub use reference::ReferenceCsv;
pub use schema::{Column, ColumnSource, Format, ParquetOptions, TableSchema, rejected_columns};
pub use shipped::{names as shipped_schemas, text as shipped_schema};
pub use types::HiveType;
