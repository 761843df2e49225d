//! Computed columns: SQL over the columns above, evaluated by DataFusion's expressions, a batch at a time.
//!
//! What their expressions have in common (`split_part(request, ' ', 2)`) is computed once a batch, as a hidden column. Where
//! that fails, as it may in a branch that a CASE would not have taken, they are evaluated as they were written.

use super::build::Built;
use crate::error::{Error, Result};
use crate::table::{ColumnSource, TableSchema};
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{Expr, SessionContext, try_cast};
use std::sync::Arc;

type Planning<T> = datafusion::error::Result<T>;

/// An expression, and the columns that it is evaluated over.
struct Planned {
    expr: Arc<dyn PhysicalExpr>,
    over: SchemaRef,
}

impl Planned {
    fn new(session: &SessionContext, expr: Expr, over: Vec<FieldRef>) -> Planning<Self> {
        let over = Arc::new(Schema::new(over));
        let schema = DFSchema::try_from(over.clone())?;
        // `coalesce` and some others are there only until they are simplified
        let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_schema(schema.clone().into()).build());
        let expr = simplifier.simplify(simplifier.coerce(expr, &schema)?)?;
        Ok(Planned { expr: session.create_physical_expr(expr, &schema)?, over })
    }

    fn values(&self, columns: Vec<ArrayRef>, rows: usize) -> Planning<ArrayRef> {
        let rows_without_columns = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.over.clone(), columns, &rows_without_columns)?;
        self.expr.evaluate(&batch)?.into_array(rows)
    }
}

/// The computed columns of a table.
pub(super) struct Computed {
    schema: SchemaRef,
    /// By column: its expression, over the columns above it.
    columns: Vec<Option<Planned>>,
    sharing: Sharing,
}

/// The same with what expressions have in common computed once.
#[derive(Default)]
struct Sharing {
    /// The columns that come from fields.
    fields: Vec<usize>,
    /// Each over those columns and the hidden ones before it.
    hidden: Vec<Planned>,
    /// By column: its expression, over the columns above it and the hidden ones.
    columns: Vec<Option<Planned>>,
}

impl Computed {
    /// Plans the expressions.
    ///
    /// # Errors
    /// Usage: an expression is wrong; the message says the column and its line in the schema file.
    pub(super) fn new(schema: &TableSchema) -> Result<Self> {
        let (arrow, session) = (schema.arrow(), SessionContext::new());
        let plan = |at: usize, sql: &str| -> Planning<_> {
            let above = arrow.fields()[..at].to_vec();
            let parsed = session.parse_sql_expr(sql, &DFSchema::try_from(Schema::new(above.clone()))?)?;
            let expr = try_cast(parsed, arrow.field(at).data_type().clone());
            Ok((expr.clone(), Planned::new(&session, expr, above)?))
        };
        let planned = schema.columns.iter().enumerate().map(|(at, column)| match &column.source {
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
        let planned = planned.collect::<Result<Vec<_>>>()?;
        let (exprs, columns): (Vec<_>, _) = planned.into_iter().map(Option::unzip).unzip();
        let sharing = Sharing::plan(&session, &arrow, &exprs)
            .map_err(|e| Error::internal("cannot plan what expressions have in common").caused_by(e))?;
        Ok(Computed { columns, sharing, schema: arrow })
    }

    /// The columns of a whole batch.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Fills in the computed columns.
    pub(super) fn complete(&self, built: Built) -> Result<RecordBatch> {
        let rows = built.extra.len();
        let hidden = self.sharing.hidden(&built).unwrap_or_default();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.columns.len() + 1);
        for (at, column) in built.columns.into_iter().enumerate() {
            let next = match (&self.columns[at], column) {
                (Some(computed), _) => match self.sharing.values(at, &columns, &hidden) {
                    Some(values) => values,
                    None => evaluate(computed, &columns, rows)?,
                },
                (None, Some(column)) => column,
                (None, None) => return Err(Error::internal("a column has neither fields nor an expression")),
            };
            columns.push(next);
        }
        columns.push(built.extra);
        batch(&self.schema, columns)
    }
}

impl Sharing {
    fn plan(session: &SessionContext, arrow: &Schema, exprs: &[Option<Expr>]) -> Planning<Self> {
        let fields: Vec<usize> = (0..exprs.len()).filter(|at| exprs[*at].is_none()).collect();
        let from_field = |name: &str| fields.iter().any(|at| arrow.field(*at).name() == name);
        let shared = in_common(exprs.iter().flatten(), &from_field)?;
        if shared.is_empty() {
            return Ok(Sharing::default());
        }
        let mut over: Vec<FieldRef> = fields.iter().map(|at| arrow.fields()[*at].clone()).collect();
        let mut hidden: Vec<Planned> = Vec::with_capacity(shared.len());
        for (at, expr) in shared.iter().enumerate() {
            let planned = Planned::new(session, with_hidden(expr.clone(), &shared[..at])?, over.clone())?;
            over.push(Arc::new(Field::new(hidden_name(at), planned.expr.data_type(&planned.over)?, true)));
            hidden.push(planned);
        }
        let hidden_fields = &over[fields.len()..];
        let column = |at: usize, expr: &Option<Expr>| -> Planning<Option<Planned>> {
            let Some(expr) = expr else { return Ok(None) };
            let over = [&arrow.fields()[..at], hidden_fields].concat();
            Planned::new(session, with_hidden(expr.clone(), &shared)?, over).map(Some)
        };
        let columns = exprs.iter().enumerate().map(|(at, expr)| column(at, expr)).collect::<Planning<_>>()?;
        Ok(Sharing { fields, hidden, columns })
    }

    /// The hidden columns of a batch; `None` where one fails.
    fn hidden(&self, built: &Built) -> Option<Vec<ArrayRef>> {
        let fields = self.fields.iter().map(|at| built.columns[*at].clone());
        let mut columns = fields.collect::<Option<Vec<ArrayRef>>>()?;
        for planned in &self.hidden {
            columns.push(planned.values(columns.clone(), built.extra.len()).ok()?);
        }
        Some(columns.split_off(self.fields.len()))
    }

    /// A computed column; `None` where it has to be evaluated as it was written.
    fn values(&self, at: usize, above: &[ArrayRef], hidden: &[ArrayRef]) -> Option<ArrayRef> {
        let planned = self.columns.get(at)?.as_ref().filter(|_| !hidden.is_empty())?;
        planned.values([above, hidden].concat(), hidden[0].len()).ok()
    }
}

/// The calls that occur more than once, inner ones first. A call of `random()` is another one each time.
fn in_common<'a>(exprs: impl Iterator<Item = &'a Expr>, from_field: &dyn Fn(&str) -> bool) -> Planning<Vec<Expr>> {
    let mut calls: Vec<(&Expr, usize)> = Vec::new();
    for expr in exprs {
        expr.apply(|part| {
            let shareable = matches!(part, Expr::ScalarFunction(_))
                && !part.is_volatile()
                && part.column_refs().iter().all(|column| from_field(&column.name));
            match calls.iter_mut().find(|(known, _)| shareable && *known == part) {
                Some((_, times)) => *times += 1,
                None if shareable => calls.push((part, 1)),
                None => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    let mut shared: Vec<Expr> =
        calls.into_iter().filter(|(_, times)| *times > 1).map(|(call, _)| call.clone()).collect();
    shared.sort_by_key(|call| call.to_string().len()); // what is inside another is shorter
    Ok(shared)
}

/// No column of a schema has a name like this.
fn hidden_name(at: usize) -> String {
    format!("shared {at}")
}

/// The expression with the hidden columns in the place of what they stand for.
fn with_hidden(expr: Expr, shared: &[Expr]) -> Planning<Expr> {
    let replaced = expr.transform_down(|part| {
        Ok(match shared.iter().position(|call| *call == part) {
            Some(at) => {
                let column = Expr::Column(Column::new_unqualified(hidden_name(at)));
                Transformed::new(column, true, TreeNodeRecursion::Jump)
            }
            None => Transformed::no(part),
        })
    })?;
    Ok(replaced.data)
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(schema.clone(), columns)
        .map_err(|e| Error::internal("columns do not fit their schema").caused_by(e))
}

/// An expression's values. One that fails on a batch is tried row by row: NULL where it fails, for a value costs
/// itself and never the record.
fn evaluate(computed: &Planned, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    if let Ok(values) = computed.values(columns.to_vec(), rows) {
        return Ok(values);
    }
    let data_type = computed.expr.data_type(&computed.over).unwrap_or(DataType::Null);
    let slice = |row: usize| columns.iter().map(|column| column.slice(row, 1)).collect();
    let single: Vec<ArrayRef> =
        (0..rows).map(|row| computed.values(slice(row), 1).unwrap_or_else(|_| new_null_array(&data_type, 1))).collect();
    let parts: Vec<&dyn Array> = single.iter().map(AsRef::as_ref).collect();
    concat(&parts).map_err(|e| Error::internal("a computed column has values of two types").caused_by(e))
}
