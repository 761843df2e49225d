//! Results in the lake's own types: what Athena's types are, whatever DataFusion computed with.

use super::fault;
use super::readers::Opened;
use crate::error::{Error, Result};
use crate::query::Answer;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use std::sync::Arc;

/// The stream as an answer, cast where a type is none of the lake's (I9). `earlier`: the tables are as of an earlier commit.
pub(super) fn answer(stream: SendableRecordBatchStream, opened: Arc<Opened>, earlier: bool) -> Answer {
    let schema = lake_schema(&stream.schema());
    let target = schema.clone();
    let batches = stream.then(move |batch| {
        let (opened, target) = (opened.clone(), target.clone());
        async move {
            match batch {
                Ok(batch) => as_schema(&batch, &target),
                Err(error) if fault::hides_its_file(&error) => {
                    Err(fault::of_data(error, opened.damaged().await, earlier))
                }
                Err(error) => Err(fault::of_data(error, None, earlier)),
            }
        }
    });
    Answer { schema, batches: batches.boxed(), cost: None }
}

fn lake_schema(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| Field::new(field.name(), lake_type(field.data_type()), field.is_nullable());
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

/// Athena's `timestamp` and `time` have milliseconds, its integers are signed, its strings are of one kind.
fn lake_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time32(TimeUnit::Millisecond),
        DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Dictionary(_, values) => lake_type(values),
        other => other.clone(),
    }
}

fn as_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: Result<Vec<ArrayRef>, _> = columns.map(|(column, field)| cast(column, field.data_type())).collect();
    columns
        .and_then(|columns| RecordBatch::try_new(schema.clone(), columns))
        .map_err(|e| Error::query(format!("a result does not fit its type: {e}")).caused_by(e))
}
