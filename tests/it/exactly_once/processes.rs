//! Real processes: many at once on one table that is not there yet, and ones that are killed at any moment.

mod killed;

use crate::support::block_on;
use crate::support::check::check;
use crate::support::numbered::{Numbered, SCHEMA_FILE};
use crate::support::process::{Outcome, Sandbox, finish};
use crate::support::truth::Truth;
use firelake::jobs::generate::{Compression, GenerateOptions, generate};
use firelake::storage::{Aws, Stores};
use object_store::ObjectStoreExt;

const LINE: &str =
    "compact --lake lake --landing landing --schema combined_apache --table access --threads 1 --batch-mib 1";

/// Starts so many at once and waits for all: each is done, or lost too many races; one at least is done.
fn at_once(sandbox: &Sandbox, line: &str, processes: usize) -> Vec<Outcome> {
    let processes: Vec<_> = (0..processes).map(|_| sandbox.start(line)).collect();
    let outcomes: Vec<_> = processes.into_iter().map(|process| finish(line, process)).collect();
    for outcome in &outcomes {
        assert!([0, 75].contains(&outcome.code), "{outcome:#?}");
    }
    assert!(outcomes.iter().any(|outcome| outcome.code == 0), "{outcomes:#?}");
    outcomes
}

#[test]
fn ten_compactors_at_once_count_each_record_once() {
    // more than 1 MiB, so that there are several commits to race for
    let options = GenerateOptions {
        start: "2026-11-19T23:30:00Z".parse().unwrap(),
        hours: 1,
        rate: 2.0,
        late: 0.05,
        broken: 0.01,
        compression: Compression::None,
        ..GenerateOptions::default()
    };
    let sandbox = Sandbox::new();
    let landed = block_on(generate(&options, &sandbox.location("landing"))).unwrap();
    assert!(landed.bytes > 1 << 20, "{landed:?}");
    at_once(&sandbox, LINE, 10);
    sandbox.ok(LINE);
    sandbox.ok(LINE).says(&["nothing new to compact"]);
    block_on(check(&sandbox.location("lake"), &sandbox.location("landing"), &Truth::of(&options)));
    sandbox.ok("verify --lake lake --deep").exits(0);
}

/// Eight at once, twice: on the table that they make, and on what lands after it.
fn eight_at_once(sandbox: &Sandbox, place: &str, options: &str, land: impl Fn(&Numbered)) {
    let line = format!(
        "compact --lake {place}/lake --landing {place}/landing --schema {SCHEMA_FILE} --table t --threads 1 --batch-mib 1 {options}"
    );
    let mut all = Numbered::new(0, 0, 0, 0);
    for first in [0, 12] {
        let landed = Numbered::new(first, 12, 1_000, 150);
        assert!(landed.objects.iter().map(|(_, body)| body.len()).sum::<usize>() > 2 << 20);
        land(&landed);
        all.add(landed);
        at_once(sandbox, &line, 8);
        sandbox.ok(&line);
        sandbox.ok(&line).says(&["nothing new to compact"]);
        all.check_table(sandbox, &format!("{place}/lake"), "t");
    }
}

#[test]
fn eight_at_once_on_local_files() {
    let sandbox = Sandbox::new();
    eight_at_once(&sandbox, "here", "", |landed| landed.write(&sandbox, "here/landing"));
}

#[test]
fn eight_at_once_on_s3_and_glue() {
    let (sandbox, bucket) = Sandbox::on_aws();
    eight_at_once(&sandbox, &format!("s3://{bucket}"), "--catalog glue", |landed| {
        landed.put(&sandbox, &bucket, "landing")
    });
}

/// On an S3 server that `tests/versitygw/run` starts; it starts this test, too.
#[test]
#[ignore = "needs another S3 server: tests/versitygw/run"]
fn eight_at_once_on_another_s3_server() {
    let told =
        |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: use tests/versitygw/run"));
    let [server, key, secret, place] =
        ["SERVER", "KEY", "SECRET", "PLACE"].map(|name| told(&format!("FIRELAKE_S3_{name}")));
    let sandbox = Sandbox::new().asking(&server, &key).with("AWS_SECRET_ACCESS_KEY", &secret);
    let stores = Stores::with_aws(Aws::standing_in(&server, &key, &secret));
    eight_at_once(&sandbox, &place, "", |landed| {
        landed.write(&sandbox, "landed");
        block_on(async {
            let landing = stores.open(&format!("{place}/landing")).await.unwrap();
            for (key, body) in &landed.objects {
                landing.store().put(&landing.path(key), body.clone().into()).await.unwrap();
            }
        });
    });
}
