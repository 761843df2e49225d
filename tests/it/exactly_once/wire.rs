//! Faults at the wire: a table's first two runs on S3 and Glue over HTTP, in which one request goes wrong. Then a run in which
//! none does: every record is there once.
//!
//! Each kind of request meets each kind of trouble, once and each time it is sent again; which one of its kind goes round.
//! `FIRELAKE_WIRE=all` takes every request in the place of one of each kind.

use crate::support::numbered::{Numbered, schema};
use crate::support::rows::of_file;
use crate::support::stand_in;
use crate::support::wire::{Plan, Trouble, Wire};
use chrono::TimeDelta;
use firelake::catalog::{GlueCatalog, files};
use firelake::compact::{BatchLimits, WorkLimits};
use firelake::error::Result;
use firelake::jobs::compact::{CompactJob, CompactReport};
use firelake::ledger::{Ledger, Snapshot};
use firelake::storage::{Aws, Location, Stores};
use firelake::table::{FileSet, TableId};
use futures::{StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Tables that are worked on at once.
const AT_ONCE: usize = 4;
/// After how long a client gives up on a server that says nothing.
const SILENCE: Duration = Duration::from_millis(1500);

/// A bucket with two landing prefixes, and an account.
struct Site {
    account: String,
    bucket: String,
    landed: [Numbered; 2],
}

impl Site {
    fn new() -> Site {
        let (account, bucket) = (stand_in::account(), stand_in::bucket_name("wire"));
        stand_in::create_bucket(&account, &bucket);
        let landed = [Numbered::new(0, 3, 8, 10), Numbered::new(3, 2, 8, 10)];
        for (prefix, records) in landed.iter().enumerate() {
            for (key, body) in &records.objects {
                let path = format!("/{bucket}/landing-{prefix}/{key}");
                let answer = stand_in::request(&account, "s3", "PUT", &path, "", body).unwrap();
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            }
        }
        Site { account, bucket, landed }
    }

    fn aws(&self, url: &str) -> Aws {
        Aws::standing_in(url, &self.account, "secret")
    }
}

/// One table of a site, as it is reached by one way.
struct Way {
    stores: Stores,
    lake: Location,
    landing: Vec<Location>,
    glue: Arc<GlueCatalog>,
    table: TableId,
}

impl Way {
    async fn new(site: &Site, aws: Aws, number: usize) -> Way {
        let stores = Stores::with_aws(aws);
        let bucket = &site.bucket;
        let lake = stores.open(&format!("s3://{bucket}/lake-{number}")).await.unwrap();
        let mut landing = Vec::new();
        for prefix in 0..site.landed.len() {
            landing.push(stores.open(&format!("s3://{bucket}/landing-{prefix}")).await.unwrap());
        }
        let glue = Arc::new(GlueCatalog::new(stores.aws().await).unwrap());
        Way { table: TableId::new(&format!("logs{number}"), "access").unwrap(), stores, lake, landing, glue }
    }

    /// A run on the first prefixes.
    async fn run(&self, prefixes: usize) -> Result<CompactReport> {
        let job = CompactJob {
            lake: self.lake.clone(),
            table: self.table.clone(),
            landing: self.landing[..prefixes].to_vec(),
            schema: Some(schema()),
            catalog: self.glue.clone(),
            settle: TimeDelta::zero(),
            lookback: TimeDelta::hours(72),
            add_landing: true,
            batch: BatchLimits { objects: 2, ..BatchLimits::default() },
            work: WorkLimits { threads: 1, ..WorkLimits::default() },
            now: crate::support::lake::now(),
            writer: "a test".into(),
            watch: Default::default(),
            stores: self.stores.clone(),
        };
        job.run().await
    }

    fn folder(&self) -> Location {
        self.lake.join(self.table.database()).join(self.table.table())
    }

    /// Each record is there once; and Glue shows the files that the ledger names.
    async fn check(&self, landed: &[Numbered; 2], told: &str) {
        let folder = self.folder();
        let state = Ledger::new(&folder).load().await.unwrap().unwrap();
        let mut ids = [Vec::new(), Vec::new()];
        for (set, column) in [(FileSet::Data, 1), (FileSet::Rejected, 5)] {
            for (path, file) in state.live(set) {
                let (rows, size) = of_file(&folder, &folder.path(path)).await;
                assert_eq!((rows.len() as u64, size), (file.rows, file.bytes), "{told}: {path}");
                ids[set as usize].extend(rows.into_iter().map(|row| row[column].clone().unwrap()));
            }
            self.shown(&state, set, told).await;
        }
        let [rows, rejected] = ids;
        let all = Numbered {
            objects: Vec::new(),
            whole: landed.iter().flat_map(|one| one.whole.clone()).collect(),
            broken: landed.iter().flat_map(|one| one.broken.clone()).collect(),
        };
        all.check(rows, rejected, told);
    }

    async fn shown(&self, state: &Snapshot, set: FileSet, told: &str) {
        let name = format!("{}{}", self.table.table(), if set == FileSet::Data { "" } else { "_rejected" });
        let found = files(self.glue.as_ref(), &self.lake, self.table.database(), &name).await.unwrap().unwrap();
        let mut live: BTreeMap<String, BTreeSet<(String, u64)>> = BTreeMap::new();
        for (path, file) in state.live(set) {
            let name = path.rsplit('/').next().unwrap().to_owned();
            live.entry(file.partition.path().into()).or_default().insert((name, file.bytes));
        }
        let found: BTreeMap<String, BTreeSet<(String, u64)>> = found
            .into_iter()
            .map(|(partition, files)| {
                let files = files.iter().map(|file| (file.location.filename().unwrap().to_owned(), file.size));
                (partition.path().into(), files.collect())
            })
            .collect();
        assert_eq!(found, live, "{told}: {name} in Glue");
    }
}

/// What a run that met this may end with.
fn exit_code(outcome: &Result<CompactReport>) -> u8 {
    match outcome {
        Err(error) => error.kind().exit_code(),
        Ok(report) => match &report.unpublished {
            Some(error) => error.kind().exit_code(),
            None => u8::from(!report.waiting.is_empty() || !report.gone.is_empty()),
        },
    }
}

async fn case(site: &Site, number: usize, plan: Plan) -> String {
    let wire = Wire::new();
    let way = Way::new(site, site.aws(wire.url()).with_silence(SILENCE), number).await;
    wire.arm(plan.clone());
    let first = way.run(1).await;
    let second = way.run(2).await;
    let hits = wire.disarm();
    let told = format!("{plan:?}, hit {hits} times");
    assert!(hits > 0, "{told}");

    let direct = Way::new(site, site.aws(stand_in::url()), number).await;
    let again = direct.run(2).await.unwrap_or_else(|error| panic!("{told}, then {error:?}"));
    assert!(again.waiting.is_empty() && again.unpublished.is_none() && again.summary.published, "{told}, then {again:?}");
    direct.check(&site.landed, &told).await;
    let what = |outcome: &Result<CompactReport>| match outcome {
        Err(error) => format!("{error:?}"),
        Ok(report) => format!("unpublished {:?} waiting {:?}", report.unpublished, report.waiting),
    };
    format!("{told}: {} {}\n   {}\n   {}", exit_code(&first), exit_code(&second), what(&first), what(&second))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_meets_each_trouble() {
    let site = Site::new();
    let wire = Wire::new();
    let way = Way::new(&site, site.aws(wire.url()), 0).await;
    way.run(1).await.unwrap();
    way.run(2).await.unwrap();
    let seen = wire.seen();
    println!("{seen:?} {}", seen.values().sum::<usize>());
    way.check(&site.landed, "nothing wrong").await;
    let mut cases = Vec::new();
    let mut turn = 0;
    for (label, count) in &seen {
        for trouble in Trouble::ALL.into_iter().filter(|trouble| trouble.concerns(label)) {
            for always in [false, true] {
                turn += 1;
                cases.push(Plan { label: label.clone(), nth: turn % count, trouble, always });
            }
        }
    }
    println!("{} cases", cases.len());
    let started = std::time::Instant::now();
    let site = &site;
    let cases = cases.into_iter().enumerate().map(|(at, plan)| case(site, at + 1, plan));
    let told: Vec<String> = stream::iter(cases).buffer_unordered(AT_ONCE).collect().await;
    for line in told { println!("{line}"); }
    println!("{:?}", started.elapsed());
}
