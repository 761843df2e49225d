//! The Athena engine over HTTP: answers from the stand-in, and trouble from a stub.

mod answers;
mod errors;
mod life;
mod trouble;

use crate::support::{process::Sandbox, stand_in};
use arrow::array::RecordBatch;
use firelake::error::Result;
use firelake::query::athena::{AthenaConfig, AthenaEngine, Pace};
use firelake::query::{Bound, Cost, Engine, QueryText};
use firelake::storage::{Aws, Stores};
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::time::Duration;

/// An account of the stand-in with a bucket for results.
struct Account {
    id: String,
    bucket: String,
}

impl Account {
    fn new() -> Self {
        let (id, bucket) = (stand_in::account(), stand_in::bucket_name("athena"));
        stand_in::create_bucket(&id, &bucket);
        Account { id, bucket }
    }

    fn config(&self) -> AthenaConfig {
        let output_location = Some(format!("s3://{}/results/", self.bucket));
        AthenaConfig { output_location, pace: quick(), ..AthenaConfig::new("logs") }
    }

    async fn engine(&self, config: AthenaConfig) -> AthenaEngine {
        engine(stand_in::url(), &self.id, config).await
    }

    /// One call of Athena's API, as another program would make it.
    fn call(&self, action: &str, body: &Value) -> Value {
        let headers = format!("Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AmazonAthena.{action}\r\n");
        let body = body.to_string();
        let answer = stand_in::request(&self.id, "athena", "POST", "/", &headers, body.as_bytes()).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(body).unwrap_or_default()
    }

    /// The queries of the primary workgroup, newest first.
    fn queries(&self) -> Vec<Value> {
        let listed = self.call("ListQueryExecutions", &json!({}));
        let ids = listed["QueryExecutionIds"].as_array().cloned().unwrap_or_default();
        let query =
            |id: &Value| self.call("GetQueryExecution", &json!({"QueryExecutionId": id}))["QueryExecution"].clone();
        ids.iter().map(query).collect()
    }

    fn states(&self) -> Vec<String> {
        let state = |query: &Value| query["Status"]["State"].as_str().unwrap().to_owned();
        self.queries().iter().map(state).collect()
    }

    fn sandbox(&self) -> Sandbox {
        Sandbox::new().asking(stand_in::url(), &self.id)
    }
}

fn quick() -> Pace {
    let ms = Duration::from_millis;
    Pace { first_poll: ms(10), longest_poll: ms(50), resubmit: ms(10) }
}

async fn engine(url: &str, account: &str, config: AthenaConfig) -> AthenaEngine {
    let stores = Stores::with_aws(Aws::standing_in(url, account, "secret"));
    AthenaEngine::new(config, stores).await.unwrap()
}

fn bound(sql: &str, params: &[(&str, &str)]) -> Bound {
    let params: Vec<_> = params.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    QueryText::parse("the query", sql).unwrap().bind(&params, chrono::DateTime::UNIX_EPOCH).unwrap()
}

async fn ask(engine: &AthenaEngine, sql: &str) -> Result<(Vec<RecordBatch>, Cost)> {
    ask_with(engine, sql, &[]).await
}

async fn ask_with(engine: &AthenaEngine, sql: &str, params: &[(&str, &str)]) -> Result<(Vec<RecordBatch>, Cost)> {
    let answer = engine.run(&bound(sql, params)).await?;
    let cost = answer.cost.unwrap();
    Ok((answer.batches.try_collect().await?, cost))
}
