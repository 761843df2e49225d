//! The local engine: DataFusion over the ledger's files. It needs no catalog and lists no data.

mod answer;
mod describe;
mod dots;
mod fault;
mod foreign;
mod functions;
mod lake_table;
mod readers;
mod reference;
mod stats;
mod tables;
mod words;

use super::{Answer, Bound, Engine, ParamType, Value, read_only};
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::ledger::AsOf;
use crate::storage::{Location, Stores};
use crate::table::ReferenceCsv;
use datafusion::common::ParamValues;
use datafusion::config::Dialect;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{FunctionRegistry, SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use object_store::ObjectStoreExt;
use readers::Opened;
use std::collections::BTreeMap;
use std::sync::Arc;
use tables::{CATALOG, Known, Tables};

/// What the local engine answers from.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// The lake's folder.
    pub lake: Location,
    /// Where unqualified table names are.
    pub database: String,
    /// Small CSV tables to join with.
    pub references: Vec<Reference>,
    /// More of them, for names that the catalog does not have: those that are published are read as published.
    pub unpublished: Vec<Reference>,
    /// Names that stand for another table of the database: `access` → what `--table` says.
    pub aliases: BTreeMap<String, String>,
    /// The state of the lake's tables that is meant; none: the newest.
    pub as_of: Option<AsOf>,
    /// Where tables are looked up that the lake has no ledger of.
    pub catalog: Option<Arc<dyn Catalog>>,
    /// Opens what that catalog names.
    pub stores: Stores,
}

/// A CSV that is a table of strings.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The table's name.
    pub name: String,
    /// The folder that the file is in.
    pub folder: Location,
    /// The file's name in it; may hold slashes.
    pub key: String,
}

impl Reference {
    /// Reads the CSV; gives its URL, too.
    ///
    /// # Errors
    /// Usage, with the line: no such file, or one that [`ReferenceCsv::parse`] does not take.
    pub async fn read(&self) -> Result<(String, ReferenceCsv)> {
        let path = self.folder.path(&self.key);
        let url = self.folder.url_of(&path);
        let origin = format!("reference table {}: {url}", self.name);
        let bytes = match self.folder.store().get(&path).await {
            Ok(object) => object.bytes().await,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(Error::usage(format!("{origin} does not exist"))
                    .hint(format!("check file in [reference.{}] of firelake.toml", self.name)));
            }
            Err(error) => Err(error),
        };
        let bytes = bytes.map_err(|e| Error::from(e).context(format!("cannot read {origin}")))?;
        Ok((url, ReferenceCsv::parse(&origin, &bytes)?))
    }
}

/// DataFusion over a lake. Each query reads the newest snapshot of each table that it names.
pub struct LocalEngine {
    config: LocalConfig,
    store: ObjectStoreUrl,
    runtime: Arc<RuntimeEnv>,
    session: SessionConfig,
    known: Known,
}

impl LocalEngine {
    /// Prepares the engine; nothing is read before a query names it.
    ///
    /// # Errors
    /// Internal for a store whose root URL DataFusion does not take.
    pub fn new(config: LocalConfig) -> Result<Self> {
        let root = config.lake.root();
        let store = ObjectStoreUrl::parse(root)
            .map_err(|e| Error::internal(format!("the engine cannot use the store {root}")).caused_by(e))?;
        let runtime = Arc::new(RuntimeEnv::default());
        runtime.register_object_store(store.as_ref(), config.lake.store().clone());
        let session = session(&config.database);
        Ok(LocalEngine { config, store, runtime, session, known: Known::default() })
    }

    async fn physical_plan(
        &self,
        query: &Bound,
        opened: &Arc<Opened>,
    ) -> Result<(Arc<dyn ExecutionPlan>, SessionContext)> {
        let failed = |error| fault::of_sql(error, query);
        let sql = query.render(|name| format!("${name}"));
        let empty = self.state().map_err(failed)?;
        let statement = empty.sql_to_statement(&sql, &Dialect::Generic).map_err(failed)?;
        only_reads(&statement)?;
        let mut statement = match shows_tables(&statement) {
            true => empty.sql_to_statement(&tables_of(&self.config.database), &Dialect::Generic).map_err(failed)?,
            false => statement,
        };
        dots::as_datafusion_has_them(&mut statement);
        let named = empty.resolve_table_references(&statement).map_err(failed)?;
        let tables = Tables::new(&self.config, self.store.clone(), &self.known, opened.clone());
        let catalog = tables.catalog(&named, |name| empty.table_functions().contains_key(name)).await?;
        let context = SessionContext::new_with_state(empty);
        context.register_catalog(CATALOG, catalog);
        let state = context.state();
        let plan = state.statement_to_plan(statement).await.map_err(failed)?;
        let plan = bound(plan, query).map_err(failed)?;
        reading().verify_plan(&plan).map_err(|_| read_only())?;
        let frame = match &plan {
            LogicalPlan::DescribeTable(table) => context.read_batch(describe::columns(&table.schema)?),
            _ => context.execute_logical_plan(plan).await,
        };
        let frame = frame.map_err(failed)?;
        let plan = frame.create_physical_plan().await.map_err(failed)?;
        Ok((plan, context))
    }

    fn opened(&self) -> Arc<Opened> {
        Opened::new(self.config.lake.store().clone(), self.session.target_partitions())
    }

    fn state(&self) -> Result<SessionState, DataFusionError> {
        let mut state = SessionStateBuilder::new()
            .with_config(self.session.clone())
            .with_runtime_env(self.runtime.clone())
            .with_default_features()
            .build();
        for function in functions::all() {
            state.register_udf(Arc::new(function))?;
        }
        Ok(state)
    }
}

#[async_trait::async_trait]
impl Engine for LocalEngine {
    async fn run(&self, query: &Bound) -> Result<Answer> {
        let opened = self.opened();
        let (plan, context) = self.physical_plan(query, &opened).await?;
        let earlier = self.config.as_of.is_some();
        let stream = execute_stream(plan, context.task_ctx()).map_err(|e| fault::of_data(e, None, earlier))?;
        Ok(answer::answer(stream, opened, earlier))
    }
}

/// Settings that make DataFusion answer as Athena does, where a setting does.
fn session(database: &str) -> SessionConfig {
    let mut session = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, database)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true);
    let options = session.options_mut();
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.default_null_ordering = "nulls_last".into();
    options.execution.parquet.schema_force_view_types = false;
    // measured on 3 M requests: half the CPU where few rows pass, a twentieth more where most do; string views gained nothing
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    session
}

/// Gives the placeholders their typed values.
fn bound(plan: LogicalPlan, query: &Bound) -> Result<LogicalPlan, DataFusionError> {
    if query.values.is_empty() {
        return Ok(plan);
    }
    let values: Vec<(String, ScalarValue)> =
        query.values.iter().map(|(name, value)| (name.clone(), scalar(value))).collect();
    plan.with_param_values(ParamValues::from(values))
}

fn scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Null(param_type) => null(*param_type),
        Value::String(text) => ScalarValue::Utf8(Some(text.clone())),
        Value::Int(number) => ScalarValue::Int32(Some(*number)),
        Value::Bigint(number) => ScalarValue::Int64(Some(*number)),
        Value::Double(number) => ScalarValue::Float64(Some(*number)),
        Value::Boolean(truth) => ScalarValue::Boolean(Some(*truth)),
        Value::Date(day) => ScalarValue::Date32(Some(arrow::datatypes::Date32Type::from_naive_date(*day))),
        Value::Timestamp(time) => ScalarValue::TimestampMillisecond(Some(time.and_utc().timestamp_millis()), None),
    }
}

fn null(param_type: ParamType) -> ScalarValue {
    match param_type {
        ParamType::String => ScalarValue::Utf8(None),
        ParamType::Int => ScalarValue::Int32(None),
        ParamType::Bigint => ScalarValue::Int64(None),
        ParamType::Double => ScalarValue::Float64(None),
        ParamType::Boolean => ScalarValue::Boolean(None),
        ParamType::Date => ScalarValue::Date32(None),
        ParamType::Timestamp => ScalarValue::TimestampMillisecond(None, None),
    }
}

/// Refuses by kind what is no question, before any table is looked up.
fn only_reads(statement: &Statement) -> Result<()> {
    match statement {
        Statement::Explain(explain) => only_reads(&explain.statement),
        Statement::Statement(statement) if asks(statement) => Ok(()),
        Statement::Statement(_) | Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => {
            Err(read_only())
        }
    }
}

fn asks(statement: &ast::Statement) -> bool {
    use ast::Statement::*;
    match statement {
        Explain { statement, .. } => asks(statement),
        Query(_) | ExplainTable { .. } | ShowTables { .. } | ShowColumns { .. } | ShowFunctions { .. } => true,
        _ => false,
    }
}

/// A plain `SHOW TABLES`: answered with the database's own tables, as Athena does, and not with the engine's views.
fn shows_tables(statement: &Statement) -> bool {
    use ast::Statement::ShowTables;
    match statement {
        Statement::Statement(statement) => {
            matches!(&**statement, ShowTables { show_options, extended: false, full: false, .. }
                if show_options.filter_position.is_none() && show_options.show_in.is_none())
        }
        _ => false,
    }
}

fn tables_of(database: &str) -> String {
    let database = database.replace('\'', "''");
    format!(
        "SELECT table_name AS tab_name FROM information_schema.tables WHERE table_schema = '{database}' ORDER BY table_name"
    )
}

fn reading() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}

#[cfg(test)]
mod tests;
