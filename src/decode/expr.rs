//! Computed columns: SQL over the columns above, evaluated by DataFusion's expressions, a batch at a time.

use super::build::Built;
use crate::error::{Error, Result};
use crate::table::{ColumnSource, TableSchema};
use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionContext, try_cast};
use std::sync::Arc;

/// The computed columns of a table.
pub(super) struct Computed {
    schema: SchemaRef,
    /// By column: its expression, and the schema of the columns above it.
    columns: Vec<Option<(Arc<dyn PhysicalExpr>, SchemaRef)>>,
}

impl Computed {
    /// Plans the expressions.
    ///
    /// # Errors
    /// Usage: an expression is wrong; the message says the column and its line in the schema file.
    pub(super) fn new(schema: &TableSchema) -> Result<Self> {
        let arrow = schema.arrow();
        let session = SessionContext::new();
        let plan = |at: usize, sql: &str| -> datafusion::error::Result<_> {
            let above = Arc::new(Schema::new(arrow.fields()[..at].to_vec()));
            let names = DFSchema::try_from(above.clone())?;
            let expr = try_cast(session.parse_sql_expr(sql, &names)?, arrow.field(at).data_type().clone());
            Ok((session.create_physical_expr(expr, &names)?, above))
        };
        let columns = schema.columns.iter().enumerate().map(|(at, column)| match &column.source {
            ColumnSource::Fields { .. } => Ok(None),
            ColumnSource::Expr { sql, line } => plan(at, sql).map(Some).map_err(|e| {
                Error::usage(format!(
                    "schema {}, line {line}: the expression of column {} is wrong",
                    schema.name, column.name
                ))
                .caused_by(e)
                .hint("an expression may use the columns above it and DataFusion's own functions")
            }),
        });
        Ok(Computed { columns: columns.collect::<Result<_>>()?, schema: arrow })
    }

    /// The columns of a whole batch.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Fills in the computed columns.
    pub(super) fn complete(&self, built: Built) -> Result<RecordBatch> {
        let rows = built.extra.len();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.columns.len() + 1);
        for (computed, column) in self.columns.iter().zip(built.columns) {
            let next = match (computed, column) {
                (Some((expr, above)), _) => evaluate(expr.as_ref(), &batch(above, columns.clone())?, rows)?,
                (None, Some(column)) => column,
                (None, None) => return Err(Error::internal("a column has neither fields nor an expression")),
            };
            columns.push(next);
        }
        columns.push(built.extra);
        batch(&self.schema, columns)
    }
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema.clone(), columns)
        .map_err(|e| Error::internal("columns do not fit their schema").caused_by(e))
}

/// An expression's values. One that fails on a batch is tried row by row: NULL where it fails, for a value costs
/// itself and never the record.
fn evaluate(expr: &dyn PhysicalExpr, batch: &RecordBatch, rows: usize) -> Result<ArrayRef> {
    let values = |batch: &RecordBatch| expr.evaluate(batch)?.into_array(batch.num_rows());
    if let Ok(values) = values(batch) {
        return Ok(values);
    }
    let data_type = expr.data_type(&batch.schema()).unwrap_or(DataType::Null);
    let single: Vec<ArrayRef> =
        (0..rows).map(|row| values(&batch.slice(row, 1)).unwrap_or_else(|_| new_null_array(&data_type, 1))).collect();
    let parts: Vec<&dyn arrow::array::Array> = single.iter().map(AsRef::as_ref).collect();
    concat(&parts).map_err(|e| Error::internal("a computed column has values of two types").caused_by(e))
}
