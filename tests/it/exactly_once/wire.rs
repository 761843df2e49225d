//! Faults at the wire: a table's first two runs on S3 and Glue over HTTP, in which one request goes wrong. Then a run in which
//! none does: every record is there once.
//!
//! Each kind of request meets each kind of trouble, once or each time it is sent again, in turn (writes: both); which one of
//! its kind goes round. `FIRELAKE_WIRE=all` has every single request meet each trouble, both ways: that takes a quarter of an hour.

use crate::support::glue::edit_table;
use crate::support::numbered::{Numbered, SCHEMA_FILE, schema};
use crate::support::process::Sandbox;
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
const AT_ONCE: usize = 8;
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
            merge: None,
            shard: None,
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

/// Somebody gives a column another type in Glue, where the table is there: the next publish has a definition to change, and
/// looks at all partitions.
fn meddle(site: &Site, table: &TableId) {
    edit_table(&site.account, table.database(), table.table(), |definition| {
        definition["StorageDescriptor"]["Columns"][1]["Type"] = "int".into();
    });
}

/// Both runs through the proxy, with what is to go wrong; then a run without, and a look at what is there.
async fn survives(site: &Site, number: usize, plan: Plan) {
    let wire = Wire::new();
    let aws = match plan.trouble {
        Trouble::Unheard | Trouble::Silent => site.aws(wire.url()).with_silence(SILENCE),
        _ => site.aws(wire.url()),
    };
    let way = Way::new(site, aws, number).await;
    wire.arm(plan.clone());
    let first = way.run(1).await;
    meddle(site, &way.table);
    let second = way.run(2).await;
    let hits = wire.disarm();
    let told = format!("{plan:?}, which went wrong {hits} times");
    assert!(hits > 0, "{told}");
    let codes = [&first, &second].map(|outcome| says(outcome, &plan, &told));
    let expected = expected(&plan);
    assert_eq!(codes.iter().copied().max(), Some(expected), "{told}: {first:?} {second:?}");

    let direct = Way::new(site, site.aws(stand_in::url()), number).await;
    let again = direct.run(2).await.unwrap_or_else(|error| panic!("{told}, then {error:?}"));
    assert!(again.waiting.is_empty() && again.unpublished.is_none() && again.summary.published, "{told}: {again:?}");
    direct.check(&site.landed, &told).await;
}

/// The exit code of a run. One that is not 0 must say what it could not do, where.
fn says(outcome: &Result<CompactReport>, plan: &Plan, told: &str) -> u8 {
    let error = match outcome {
        Ok(report) if report.unpublished.is_none() => {
            assert!(report.waiting.is_empty() || plan.label == "GET landed", "{told}: {report:?}");
            return u8::from(!report.waiting.is_empty());
        }
        Ok(report) => report.unpublished.as_ref().unwrap(),
        Err(error) => error,
    };
    let action = match plan.label.split(' ').next().unwrap() {
        "GET" | "HEAD" => "s3:GetObject",
        "LIST" => "s3:ListBucket",
        "PUT" | "COPY" => "s3:PutObject",
        call => &format!("glue:{call}"),
    };
    let chain = error.chain().join("; ");
    let is_told = chain.contains(action) || plan.trouble == Trouble::Conflict && chain.contains("already exists");
    assert!(is_told && error.hint_text().is_some(), "{told}: {error:?}, hint {:?}", error.hint_text());
    error.kind().exit_code()
}

/// The larger of the exit codes of both runs. What happens once is outlasted, unless S3 refuses it.
fn expected(plan: &Plan) -> u8 {
    use Trouble::*;
    let writes = plan.label.starts_with("PUT");
    let glue = !plan.label.contains(' ');
    match plan.trouble {
        Denied => 1,
        _ if !plan.always => 0,
        Lost | Silent if writes => 0, // what is there is looked at
        Throttled | Internal | HiddenError | Conflict => 75,
        Cut if glue => 75,                     // half an answer: Glue is not well
        _ if plan.label == "PUT commit" => 75, // it may be there later
        Reset | Lost | Cut | Unheard | Silent => 1,
    }
}

/// What goes wrong with which request, of those that both runs send when nothing does.
fn plans(seen: &BTreeMap<String, usize>) -> Vec<Plan> {
    let all = std::env::var("FIRELAKE_WIRE").is_ok_and(|wanted| wanted == "all");
    let mut plans = Vec::new();
    for (label, count) in seen {
        for trouble in Trouble::ALL.into_iter().filter(|trouble| trouble.concerns(label)) {
            let turn = plans.len();
            let alternate = [turn % 2 == 0];
            let (numbers, always) = match all {
                true => (0..*count, &[false, true][..]),
                false if label.starts_with("PUT") => (turn % count..turn % count + 1, &[false, true][..]),
                false => (turn % count..turn % count + 1, &alternate[..]),
            };
            let each = numbers.flat_map(|nth| always.iter().map(move |always| (nth, *always)));
            plans.extend(each.map(|(nth, always)| Plan { label: label.clone(), nth, trouble, always }));
        }
    }
    plans
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_request_meets_every_trouble() {
    let (site, wire) = (Site::new(), Wire::new());
    let way = Way::new(&site, site.aws(wire.url()), 0).await;
    way.run(1).await.unwrap();
    meddle(&site, &way.table);
    way.run(2).await.unwrap();
    let seen = wire.seen();
    way.check(&site.landed, "nothing went wrong").await;
    let kinds: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(kinds, KINDS);
    let cases = plans(&seen).into_iter().enumerate().map(|(at, plan)| survives(&site, at + 1, plan));
    stream::iter(cases).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// What the runs ask for.
const KINDS: [&str; 18] = [
    "BatchCreatePartition",
    "BatchGetPartition",
    "BatchUpdatePartition",
    "COPY file",
    "CreateDatabase",
    "CreateTable",
    "GET commit",
    "GET landed",
    "GetPartitions",
    "GetTable",
    "HEAD commit",
    "LIST checkpoint",
    "LIST commit",
    "LIST file",
    "LIST landed",
    "PUT commit",
    "PUT file",
    "UpdateTable",
];

/// The program itself, through the proxy: what a person reads, and the exit code.
#[test]
fn what_is_told_of_a_request_that_never_succeeds() {
    let busy = "run the same command again";
    let cases = [
        ("GET landed", Trouble::Denied, 1, ["wait for a later run", "it may not be read (access denied)"]),
        ("PUT commit", Trouble::Denied, 1, ["cannot write commit s3://", "docs/aws.md lists the permissions"]),
        ("PUT file", Trouble::Conflict, 75, ["the store says that it exists, and it does not", busy]),
        ("PUT commit", Trouble::Conflict, 75, ["it is unknown whether commit s3://", busy]),
        ("CreateTable", Trouble::Denied, 1, ["publishing is pending", "may not glue:CreateTable on table logs.t"]),
        ("GetTable", Trouble::Throttled, 75, ["Glue has no time for this now (glue:GetTable on table logs.t)", busy]),
    ];
    std::thread::scope(|scope| {
        for (label, trouble, code, told) in cases {
            scope.spawn(move || is_told(label, trouble, code, &told));
        }
    });
}

fn is_told(label: &str, trouble: Trouble, code: i32, told: &[&str]) {
    let (sandbox, bucket) = Sandbox::on_aws();
    let records = Numbered::new(0, 3, 8, 10);
    records.put(&sandbox, &bucket, "landing");
    let (wire, account) = (Wire::new(), sandbox.account());
    let sandbox = sandbox.asking(wire.url(), &account);
    let (lake, landing) = (format!("s3://{bucket}/lake"), format!("s3://{bucket}/landing"));
    let line = format!("compact --lake {lake} --landing {landing} --schema {SCHEMA_FILE} --table t --catalog glue");
    wire.arm(Plan { label: label.into(), nth: 0, trouble, always: true });
    sandbox.run(&line).exits(code).says(told).says(&["error: ", "hint: "]);
    assert!(wire.disarm() > 0, "{label}");
    sandbox.ok(&line);
    records.check_table(&sandbox, &lake, "t");
}
