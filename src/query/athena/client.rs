//! Athena's API: the calls that the engine makes, counted, with their errors in words.

use crate::error::{Error, Result};
use crate::storage::{Aws, CountingCalls, Request};
use aws_sdk_athena::error::SdkError;
use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::operation::start_query_execution::StartQueryExecutionError;
use aws_sdk_athena::types::{QueryExecution, QueryExecutionContext, ResultConfiguration};

/// The catalog of Glue's tables, as Athena calls it.
const CATALOG: &str = "AwsDataCatalog";
/// Pages of results are no larger.
const PAGE: i32 = 1000;
/// Tables that a hint looks at.
const SOME_TABLES: i32 = 50;

/// A client of one account and region.
#[derive(Clone)]
pub(super) struct Client {
    sdk: aws_sdk_athena::Client,
    aws: Aws,
}

/// How a query is asked: the same for every submission.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) database: String,
    pub(super) workgroup: String,
    pub(super) output_location: Option<String>,
}

/// Why a query did not start.
pub(super) enum NotStarted {
    /// Athena read it and says what is wrong.
    Invalid(String),
    Other(Error),
}

impl Client {
    pub(super) fn new(aws: &Aws) -> Result<Self> {
        let config = aws_sdk_athena::config::Builder::from(&aws.sdk()?);
        let counted = config.interceptor(CountingCalls(aws.requests().clone(), Request::Athena)).build();
        Ok(Client { sdk: aws_sdk_athena::Client::from_conf(counted), aws: aws.clone() })
    }

    /// Submits a query and gives its id. Repeated with the same token it is the same query, however often answers get lost.
    pub(super) async fn start(&self, sql: &str, token: &str, asking: &Asking) -> Result<String, NotStarted> {
        let context = QueryExecutionContext::builder().catalog(CATALOG).database(&asking.database).build();
        let location = asking.output_location.as_ref();
        let results = location.map(|location| ResultConfiguration::builder().output_location(location).build());
        let request = self.sdk.start_query_execution().query_string(sql).client_request_token(token);
        let request = request.query_execution_context(context).work_group(&asking.workgroup);
        let answer = match request.set_result_configuration(results).send().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.not_started(error, asking).await),
        };
        let missing = || NotStarted::Other(Error::internal("Athena started a query and gave no id for it"));
        answer.query_execution_id.ok_or_else(missing)
    }

    async fn not_started<R>(&self, error: SdkError<StartQueryExecutionError, R>, asking: &Asking) -> NotStarted
    where
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        match error.as_service_error() {
            Some(StartQueryExecutionError::InvalidRequestException(invalid)) => {
                NotStarted::Invalid(invalid.message.clone().unwrap_or_default())
            }
            _ => {
                let resource = format!("workgroup {}", asking.workgroup);
                NotStarted::Other(self.aws.error("athena:StartQueryExecution", &resource, error).await)
            }
        }
    }

    /// How a query stands.
    pub(super) async fn execution(&self, id: &str) -> Result<QueryExecution> {
        match self.sdk.get_query_execution().query_execution_id(id).send().await {
            Ok(answer) => {
                answer.query_execution.ok_or_else(|| Error::internal(format!("Athena says nothing about query {id}")))
            }
            Err(error) => Err(self.aws.error("athena:GetQueryExecution", &format!("query {id}"), error).await),
        }
    }

    /// Cancels a query; one that has ended stays as it is.
    pub(super) async fn stop(&self, id: &str) -> Result<()> {
        match self.sdk.stop_query_execution().query_execution_id(id).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.aws.error("athena:StopQueryExecution", &format!("query {id}"), error).await),
        }
    }

    /// A page of a query's result.
    pub(super) async fn results(&self, id: &str, token: Option<String>) -> Result<GetQueryResultsOutput> {
        let page = self.sdk.get_query_results().query_execution_id(id).max_results(PAGE).set_next_token(token);
        match page.send().await {
            Ok(page) => Ok(page),
            Err(error) => Err(self.aws.error("athena:GetQueryResults", &format!("query {id}"), error).await),
        }
    }

    /// Some names of tables; none where they cannot be had: they are for a hint.
    pub(super) async fn some_tables(&self, database: &str) -> Vec<String> {
        let asked = self.sdk.list_table_metadata().catalog_name(CATALOG).database_name(database);
        let answer = asked.max_results(SOME_TABLES).send().await;
        let tables = answer.ok().and_then(|answer| answer.table_metadata_list).unwrap_or_default();
        tables.into_iter().map(|table| table.name).collect()
    }
}
