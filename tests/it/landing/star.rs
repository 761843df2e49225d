//! A prefix without a slash at its end, which Firehose puts the date right behind: `logs*`.

use crate::support::lake::{Lake, now};
use crate::support::numbered::{Numbered, SCHEMA_FILE};
use crate::support::process::Sandbox;
use crate::support::rows::cell;
use chrono::TimeDelta;
use firelake::jobs::compact::CompactJob;
use firelake::storage::Location;

/// Everything that asks where an object landed, on local files.
#[test]
fn all_commands_know_it() {
    let (sandbox, numbered) = (Sandbox::new(), Numbered::new(0, 3, 6, 10));
    sandbox.write("landing/logs-errors/x", "{\"id\":\"e\",\"ts\":\"2026-11-20T00:00:00\"}");
    sandbox.write("landing/log/x", "no record of this table");
    sandbox.write(SCHEMA_FILE, "");
    numbered.write(&sandbox, "landing/logs");
    std::fs::create_dir_all(sandbox.path("landing/moved")).unwrap();
    std::fs::rename(sandbox.path("landing/logs/2026"), sandbox.path("landing/logs2026")).unwrap();
    std::fs::rename(sandbox.path("landing/logs-errors"), sandbox.path("landing/moved/errors")).unwrap();
    let compact = format!("compact --lake lake --table n --schema {SCHEMA_FILE}");
    let hint = "logs2026: ";
    std::fs::remove_dir_all(sandbox.path("landing/logs")).unwrap();
    sandbox.run(&format!("{compact} --landing landing/logs")).fails(2, &["does not exist", hint, "landing/logs* is"]);
    std::fs::create_dir(sandbox.path("landing/logs")).unwrap();
    sandbox.ok(&format!("{compact} --landing landing/logs")).says(&["no object below", hint, "landing/logs* is"]);
    sandbox.run(&format!("{compact} --landing landing/l*gs")).fails(2, &["cannot be a landing prefix", "at the end"]);

    sandbox.write(
        "firelake.toml",
        format!("lake = \"lake\"\n[table.n]\nschema = \"{SCHEMA_FILE}\"\nlanding = [\"landing/logs*\"]\n"),
    );
    sandbox.ok("compact").says(&["3 objects"]);
    numbered.check_table(&sandbox, "lake", "n");
    assert!(sandbox.ok("status --json").stdout.contains("\"lag\":{\"objects\":0"));
    let object = format!("landing/logs{}", numbered.objects[0].0);
    let told = sandbox.ok(&format!("history --table n --object {object}")).stdout;
    assert!(told.contains("compacted by commit 1"), "{told}");
    sandbox.write("landing/logs2026/11/20/05/new", "{}");
    let told = sandbox.ok("history --table n --object landing/logs2026/11/20/05/new").stdout;
    assert!(told.contains("not yet compacted"), "{told}");
    std::fs::remove_file(sandbox.path("landing/logs2026/11/20/05/new")).unwrap();

    sandbox.ok("rebuild --table n --from 2026-11-20 --to 2026-11-21 --yes");
    sandbox.ok("rollback --table n --to 0 --yes");
    sandbox.ok("resume --table n");
    sandbox.ok("compact").says(&["3 objects"]);
    numbered.check_table(&sandbox, "lake", "n");
}

#[test]
fn what_overlaps_is_refused() {
    let (sandbox, numbered) = (Sandbox::new(), Numbered::new(0, 1, 6, 10));
    numbered.write(&sandbox, "in/logs-errors");
    let compact =
        |lake: &str, landing: &str| format!("compact --lake {lake} --table n --schema {SCHEMA_FILE} {landing}");
    let two = "--landing in/logs* --landing in/logs-errors";
    sandbox.run(&compact("lake", two)).fails(2, &["is inside the landing prefix", "in/logs*"]);
    sandbox.run(&compact("in/logs-lake", "--landing in/logs*")).fails(2, &["the lake is inside its landing prefix"]);
    sandbox.run(&compact("in", "--landing in/logs*")).fails(2, &["the landing prefix is inside the lake"]);
    sandbox.ok(&compact("in/lake", "--landing in/logs*")).says(&["1 object"]);
    let added = format!("{} --add-landing", compact("in/lake", "--landing in/logs-errors"));
    sandbox.run(&added).fails(2, &["is inside the landing prefix"]);
}

/// Bounded listings too, and keys beside it are no inputs.
#[tokio::test]
async fn old_date_folders_are_not_listed() {
    let lake = Lake::new("combined_apache");
    let landing = Location::in_store(lake.lake.store().clone(), lake.lake.root(), "in/web").beginning("access-");
    let job = |days| CompactJob { landing: vec![landing.clone()], now: now() + TimeDelta::days(days), ..lake.job() };
    let put = async |key: &str| lake.put(&format!("in/web/{key}"), "{\"host\":\"a\"}").await;
    for key in ["access-2026/10/01/00/a", "access-2026/11/20/03/b", "access-errors/c", "access-", "access/d", "x"] {
        put(key).await;
    }
    assert_eq!(job(0).run().await.unwrap().summary.objects, 4);
    for key in ["access-2026/10/02/00/old", "access-2026/11/20/05/new", "access-other/new", "a/2026/11/20/05/x"] {
        put(key).await;
    }
    assert_eq!(job(0).run().await.unwrap().summary.objects, 2);
    assert_eq!(job(1).run().await.unwrap().summary.objects, 1);
    assert_eq!(lake.ask("SELECT count(*) FROM access").await, [vec![cell(7)]]);
}

#[test]
fn on_s3() {
    let (sandbox, bucket) = Sandbox::on_aws();
    let (mut numbered, later) = (Numbered::new(0, 2, 6, 10), Numbered::new(70, 1, 6, 10));
    sandbox.write(SCHEMA_FILE, "");
    for (key, body) in &numbered.objects {
        sandbox.put(&bucket, &format!("web/access-{key}"), body);
    }
    sandbox.put(&bucket, "web/other/x", b"no record of this table");
    let lake = format!("s3://{bucket}/lake");
    numbered.put(&sandbox, &bucket, "elsewhere");
    let compact = format!("compact --lake {lake} --table n --schema {SCHEMA_FILE} --landing s3://{bucket}/web/");
    sandbox.ok(&format!("{compact}access-")).says(&["no object below", &format!("s3://{bucket}/web/access-* is")]);
    sandbox.ok(&format!("{compact}access-*")).says(&["2 objects"]);
    for (key, body) in &later.objects {
        sandbox.put(&bucket, &format!("web/access-{key}"), body);
    }
    sandbox.put(&bucket, "web/access-2026/01/01/00/old", b"{}");
    sandbox.ok(&format!("compact --lake {lake} --table n")).says(&["1 object"]);
    numbered.add(later);
    let rows = sandbox.ok(&format!("query --lake {lake} --format csv \"SELECT id FROM n\"")).stdout;
    let rows: Vec<String> = rows.lines().skip(1).map(str::to_owned).collect();
    assert_eq!(rows.len(), numbered.whole.len());
    sandbox.run(&format!("{compact}*ccess")).fails(2, &["cannot be a landing prefix"]);
}
