//! SQL over the lake: what a query is, where named ones are found, and the engines that answer it.
//!
//! - [`QueryText`]: SQL with a comment header and typed parameters; bound, it is a [`Bound`].
//! - [`Library`]: named queries, shipped and a user's own.
//! - [`Engine`]: answers a bound query with a stream of batches. [`local`] is DataFusion in this process, [`athena`] asks AWS.

pub mod athena;
mod cost;
mod library;
pub mod local;
mod place;
mod suggest;
mod text;
mod value;

use crate::error::{Error, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::stream::BoxStream;

pub use cost::Cost;
pub use library::{Library, is_query_name};
pub use text::{Bound, HeaderLine, Param, QueryText, assignment};
pub use value::{ParamType, Value};

/// Answers queries. The same SQL gives the same rows on every engine, or an error before it runs (I9).
#[async_trait::async_trait]
pub trait Engine: Send + Sync {
    /// Plans the query and begins to run it: errors of the SQL come from here, errors of the data with the batches.
    async fn run(&self, query: &Bound) -> Result<Answer>;

    /// Ends what still runs elsewhere for callers that gave up (a dropped [`run`](Self::run)), and says what became of it.
    ///
    /// To be awaited before the process ends: a query that nobody waits for must not go on, and cost, elsewhere.
    async fn close(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A result as it comes.
pub struct Answer {
    /// The columns of every batch.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: BoxStream<'static, Result<RecordBatch>>,
    /// What it cost, where another service ran it.
    pub cost: Option<Cost>,
}

/// The refusal of a statement that is no question.
fn read_only() -> Error {
    Error::query("queries only read: this statement would change something").hint(
        "use SELECT, WITH, VALUES, EXPLAIN, DESCRIBE, SHOW TABLES or SHOW COLUMNS; firelake compact writes tables",
    )
}
