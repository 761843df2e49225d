//! SQL over the lake: what a query is, where named ones are found, and the engines that answer it.
//!
//! - [`QueryText`]: SQL with a comment header and typed parameters; bound, it is a [`Bound`].
//! - [`Library`]: named queries, shipped and a user's own.
//! - [`Engine`]: answers a bound query with a stream of batches. [`local`] is DataFusion.

mod library;
pub mod local;
mod suggest;
mod text;
mod value;

use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::stream::BoxStream;

pub use library::{Library, is_query_name};
pub use text::{Bound, HeaderLine, Param, QueryText, assignment};
pub use value::{ParamType, Value};

/// Answers queries. The same SQL gives the same rows on every engine, or an error before it runs (I9).
#[async_trait::async_trait]
pub trait Engine: Send + Sync {
    /// Plans the query and begins to run it: errors of the SQL come from here, errors of the data with the batches.
    async fn run(&self, query: &Bound) -> Result<Answer>;
}

/// A result as it comes.
pub struct Answer {
    /// The columns of every batch.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: BoxStream<'static, Result<RecordBatch>>,
}
