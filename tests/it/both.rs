//! Both engines on the same published tables: the same rows and the same types (I9), and each partition whole (I3).
//!
//! Athena's part is played by the stand-in over DuckDB. `tests/trino/run` puts a real Trino behind it, and runs what only
//! that can tell: the tests that are ignored here.

mod alike;
mod by_value;
mod evolved;
mod nested;
mod statements;
mod whole;

use crate::columns::shipped::samples;
use crate::support::process::Sandbox;
use crate::support::rows::{Row, rows};
use crate::support::stand_in;
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use firelake::catalog::GlueCatalog;
use firelake::error::Result;
use firelake::query::athena::{AthenaConfig, AthenaEngine, Pace};
use firelake::query::local::{LocalConfig, LocalEngine};
use firelake::query::{Engine, Library};
use firelake::storage::{Aws, Location, Stores};
use futures::TryStreamExt;
use std::sync::Arc;
use std::time::Duration;

/// A lake on S3, published to Glue, with a database of its own.
pub struct Published {
    pub sandbox: Sandbox,
    pub account: String,
    pub bucket: String,
    pub database: String,
    stores: Stores,
}

/// An answer: types of the columns, and rows.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub types: Vec<DataType>,
    pub rows: Vec<Row>,
}

impl Published {
    /// Two deliveries with late and broken records: the day 2026-11-20 is a published copy.
    fn new() -> Self {
        let published = Self::empty();
        published.deliver("2026-11-19T20:00:00Z", 1);
        published.deliver("2026-11-20T00:00:00Z", 2);
        published
    }

    fn empty() -> Self {
        let (account, bucket) = (stand_in::account(), stand_in::bucket_name("both"));
        stand_in::create_bucket(&account, &bucket);
        let database = bucket.replace('-', "_");
        let sandbox = Sandbox::new().asking(stand_in::url(), &account);
        let config = format!(
            "lake = \"s3://{bucket}/lake\"\ncatalog = \"glue\"\ndatabase = \"{database}\"\n\
             [table.access]\nschema = \"combined_apache\"\nlanding = [\"s3://{bucket}/landing/web\"]\n\
             [reference.hosts]\nfile = \"hosts.csv\"\n[query]\noutput_location = \"s3://{bucket}/results/\"\n"
        );
        sandbox.write("firelake.toml", config);
        let stores = Stores::with_aws(Aws::standing_in(stand_in::url(), &account, "secret"));
        Published { sandbox, account, bucket, database, stores }
    }

    fn deliver(&self, start: &str, seed: u32) {
        let landing = format!("s3://{}/landing/web", self.bucket);
        let made = format!("--start {start} --seed {seed} --hours 5 --rate 0.1 --broken 2% --late 5%");
        self.sandbox.ok(&format!("generate {made} --landing {landing} --hosts hosts.csv"));
        self.sandbox.ok("compact");
    }

    /// A table of each shipped schema that the generator does not write, by its name.
    fn deliver_samples(&self) {
        for (schema, object) in samples() {
            self.sandbox.put(&self.bucket, &format!("landing/{schema}/2026/11/20/22/x"), &object);
            let place = format!("--lake s3://{}/lake --landing s3://{0}/landing/{schema}", self.bucket);
            self.sandbox.ok(&format!("compact {place} --schema {schema}"));
        }
    }

    async fn lake(&self) -> Location {
        self.stores.open(&format!("s3://{}/lake", self.bucket)).await.unwrap()
    }

    async fn local(&self) -> LocalEngine {
        let catalog = GlueCatalog::new(self.stores.aws().await).unwrap();
        let config = LocalConfig {
            lake: self.lake().await,
            database: self.database.clone(),
            references: Vec::new(),
            unpublished: Vec::new(),
            as_of: None,
            aliases: Default::default(),
            catalog: Some(Arc::new(catalog)),
            stores: self.stores.clone(),
        };
        LocalEngine::new(config).unwrap()
    }

    async fn athena(&self) -> AthenaEngine {
        let pace =
            Pace { first_poll: Duration::from_millis(10), longest_poll: Duration::from_millis(200), ..Pace::default() };
        let output_location = Some(format!("s3://{}/results/", self.bucket));
        let config = AthenaConfig { output_location, pace, ..AthenaConfig::new(&self.database) };
        AthenaEngine::new(config, self.stores.clone()).await.unwrap()
    }
}

/// The answer to SQL, or to a named query.
async fn ask(engine: &dyn Engine, query: &str) -> Result<Told> {
    let bound = Library::default().resolve(query)?.bind(&[], crate::support::lake::now())?;
    let answer = engine.run(&bound).await?;
    let types = answer.schema.fields().iter().map(|field| field.data_type().clone()).collect();
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await?;
    Ok(Told { types, rows: batches.iter().flat_map(rows).collect() })
}
