//! `firelake status`, `history` and `verify`: what they print, and their exit codes.

use super::compacted;
use crate::support::process::Sandbox;
use insta::assert_snapshot;

/// What the clock and the machine give, taken out: moments of commits, and who wrote them.
fn still(text: &str) -> String {
    let text = text.lines().map(|line| match line.split_once("; by firelake ") {
        Some((before, _)) => format!("{before}; by [writer]"),
        None => line.to_owned(),
    });
    let text = text.collect::<Vec<_>>().join("\n");
    let keys = [
        "newest at ",
        "all listed  ",
        "commit 1 at ",
        "since ",
        "\"at\":\"",
        "_at\":\"",
        "since\":\"",
        "       0  ",
        "       1  ",
    ];
    keys.iter().fold(text, |text, key| {
        let mut parts = text.split(key);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |out, part| format!("{out}{key}{}", without_moment(part)))
    })
}

fn without_moment(text: &str) -> String {
    let shape = text.get(..19).map(|text| text.replace(|c: char| c.is_ascii_digit(), "9").replace('T', " "));
    match shape.as_deref() {
        Some("9999-99-99 99:99:99") => {
            let fraction = |c: char| c.is_ascii_digit() || c == '.' || c == 'Z';
            format!("[moment]{}", text[19..].trim_start_matches(fraction))
        }
        _ => text.to_owned(),
    }
}

fn with_waiting() -> Sandbox {
    let sandbox = compacted();
    sandbox.write("landing/2026/11/20/05/x.zip", "BZh91AY&SY");
    sandbox.write("landing/2026/11/20/06/new", "{}");
    sandbox
}

#[test]
fn status() {
    let sandbox = with_waiting();
    assert_snapshot!(still(&sandbox.shown("status --lake lake --table access")), @r"
        $ firelake status --lake lake --table access
        -- stdout
        logs.access
          commits     2, the newest at [moment]
          live        65 rows in 1 file ([size]) in 1 partition
          newest      event 2026-11-20 00:59:23.000, delivery 2026-11-20 00:46:33
          landing     2 objects ([size]) to compact, the oldest delivered 2026-11-20 05:00:00
          waiting     nothing
          rejected    7 records (9.72 %)
          merging     nothing to do
          catalog     says what the ledger says
          all listed  [moment]
        -- exit code 0
        ");
    sandbox.run("compact --lake lake --table access").exits(1);
    assert_snapshot!(still(&sandbox.shown("status --lake lake")), @r"
        $ firelake status --lake lake
        -- stdout
        logs.access
          commits     4, the newest at [moment]
          live        66 rows in 1 file ([size]) in 1 partition
          newest      event 2026-11-20 00:59:23.000, delivery 2026-11-20 06:00:00
          landing     nothing to compact
          waiting     1 object
          rejected    7 records (9.59 %)
          merging     nothing to do
          catalog     says what the ledger says
          all listed  [moment]
          waits: file://[dir]/landing/2026/11/20/05/x.zip since [moment]: it is compressed with bzip2, which this firelake does not read
        -- exit code 1
        ");
    let json = sandbox.shown("status --lake lake --json");
    let sized = crate::support::redact::numbers_after(&json, "\"bytes\":");
    assert_snapshot!(still(&sized), @r#"
        $ firelake status --lake lake --json
        -- stdout
        {"database":"logs","table":"access","commits":4,"committed_at":"[moment]","files":1,"bytes":[size],"rows":66,"partitions":1,"newest_event":"2026-11-20T00:59:23.000","newest_delivery":"2026-11-20T06:00:00Z","lag":{"objects":0,"bytes":0,"oldest_delivery":null,"objects_settling":0},"objects_waiting":1,"waiting":[{"url":"file://[dir]/landing/2026/11/20/05/x.zip","reason":"it is compressed with bzip2, which this firelake does not read","since":"[moment]"}],"records_rejected":7,"rejected_share":0.0958904109589041,"rows_repaired":0,"partitions_to_merge":0,"folders_condemned":0,"publishing_pending":false,"full_listing_at":"[moment]","problems":[]}
        -- exit code 1
        "#);
    sandbox.run("status --lake lake --table nowhere").fails(2, &["there is no table logs.nowhere in"]);
    sandbox.run("status --lake lake --database other").fails(2, &["there is no table in the database other"]);
}

/// A landing folder that is away is no reason to say nothing.
#[test]
fn status_without_its_landing_folder() {
    let sandbox = compacted();
    std::fs::rename(sandbox.path("landing"), sandbox.path("away")).unwrap();
    assert_snapshot!(still(&sandbox.shown("status --lake lake")), @r"
        $ firelake status --lake lake
        -- stdout
        logs.access
          commits     2, the newest at [moment]
          live        65 rows in 1 file ([size]) in 1 partition
          newest      event 2026-11-20 00:59:23.000, delivery 2026-11-20 00:46:33
          landing     could not be listed
          waiting     nothing
          rejected    7 records (9.72 %)
          merging     nothing to do
          catalog     says what the ledger says
          all listed  [moment]
          problem: the landing folder file://[dir]/landing does not exist, or is a link now
        -- exit code 1
        ");
}

#[test]
fn history() {
    let sandbox = with_waiting();
    assert_snapshot!(still(&sandbox.shown("history --lake lake --table access")), @r"
        $ firelake history --lake lake --table access
        -- stdout
        logs.access
               1  [moment]  4 objects with 72 records: 65 rows and 7 rejected, in 2 files; by [writer]
               0  [moment]  created; by [writer]
        -- exit code 0
        ");
    assert_snapshot!(still(&sandbox.shown("history --lake lake --limit 1 --json")).split(",\"writer\"").next().unwrap(), @r#"
        $ firelake history --lake lake --limit 1 --json
        -- stdout
        {"database":"logs","table":"access","commit":1,"at":"[moment]","action":"add","objects":4,"records":72,"rows":65,"rejected":7,"repaired":0,"files":2,"removed":0,"waiting":0
        "#);
    let object = sandbox.files("landing").remove(0);
    let object = object.strip_prefix(sandbox.path("")).unwrap().to_str().unwrap().to_owned();
    assert_snapshot!(still(&sandbox.shown(&format!("history --lake lake --table access --object {object}"))), @r"
        $ firelake history --lake lake --table access --object landing/2026/11/20/00/web-access-1-2026-11-20-00-00-33-dd1fc7b2-d998-43b6-8cf7-e63bb57efff1.gz
        -- stdout
        file://[dir]/landing/2026/11/20/00/web-access-1-2026-11-20-00-00-33-[uuid].gz: compacted by commit 1 at [moment]: 14 records ([size]), 2 rejected, delivered 2026-11-20 00:00:33
          rows in data/[uuid]/dt=2026-11-20/[uuid]-00000.parquet (65 rows, of 4 objects; live)
          rejected records in rejected/[uuid]/dt=2026-11-20/[uuid]-00001.parquet (7 rows, of 3 objects; live)
        -- exit code 0
        ");
    let file = sandbox.files("lake/logs/access/rejected").remove(0);
    let name = file.file_name().unwrap().to_str().unwrap();
    assert_snapshot!(still(&sandbox.redacted(&sandbox.shown(&format!("history --lake lake --file {name}")))), @r"
        $ firelake history --lake lake --file [uuid]-00001.parquet
        -- stdout
        rejected/[uuid]/dt=2026-11-20/[uuid]-00001.parquet: live, added by commit 1 at [moment], attempt [uuid]
          7 rows ([size]) of 3 objects
          made of file://[dir]/landing/2026/11/20/00/web-access-1-2026-11-20-00-00-33-[uuid].gz
          made of file://[dir]/landing/2026/11/20/00/web-access-1-2026-11-20-00-15-40-[uuid].gz
          made of file://[dir]/landing/2026/11/20/00/web-access-1-2026-11-20-00-30-55-[uuid].gz
        -- exit code 0
        ");
    assert_snapshot!(sandbox.shown("history --lake lake --object landing/2026/11/20/06/new"), @r"
        $ firelake history --lake lake --object landing/2026/11/20/06/new
        -- stdout
        file://[dir]/landing/2026/11/20/06/new: landed ([size]), delivered 2026-11-20 06:00:00, not yet compacted: a run takes it once it lists that far back
        -- exit code 0
        ");
    assert_snapshot!(sandbox.shown("history --lake lake --object landing/nobody --json"), @r#"
        $ firelake history --lake lake --object landing/nobody --json
        -- stdout
        {"database":"logs","table":"access","object":"file://[dir]/landing/nobody","state":"unknown"}
        -- exit code 0
        "#);
    sandbox.run("history --lake lake --file x.parquet").fails(2, &["no commit of logs.access names a file x.parquet"]);
}

#[test]
fn verify_of_a_clean_table() {
    let sandbox = compacted();
    assert_snapshot!(sandbox.shown("verify --lake lake --table access"), @r"
        $ firelake verify --lake lake --table access
        -- stdout
        logs.access: clean: 2 commits, 2 files, 65 rows
        -- exit code 0
        ");
    assert_snapshot!(sandbox.shown("verify --lake lake --deep"), @r"
        $ firelake verify --lake lake --deep
        -- stdout
        logs.access: clean: 2 commits, 2 files, 65 rows; 72 records read again and compared
        -- exit code 0
        ");
    assert_snapshot!(sandbox.shown("verify --lake lake --deep --json"), @r#"
        $ firelake verify --lake lake --deep --json
        -- stdout
        {"database":"logs","table":"access","clean":true,"failed":0,"unchecked":0,"notes":0,"commits":2,"files":2,"rows":65,"records_compared":72}
        -- exit code 0
        "#);
    sandbox.run("verify --lake lake --table nowhere").fails(2, &["there is no table logs.nowhere in"]);
}

#[test]
fn verify_of_a_damaged_table() {
    let sandbox = compacted();
    let file = sandbox.files("lake/logs/access/rejected").remove(0);
    std::fs::remove_file(file).unwrap();
    assert_snapshot!(sandbox.shown("verify --lake lake"), @r"
        $ firelake verify --lake lake
        -- stdout
        logs.access: failed: file://[dir]/lake/logs/access/rejected/[uuid]/dt=2026-11-20/[uuid]-00001.parquet: it is live, and it is not there; restore this file from a backup or an older version; firelake history --file says which inputs it is made of
        logs.access: failed: logs.access_rejected dt=2026-11-20 in the file catalog: its folder lacks [uuid]-00001.parquet; readers of the catalog count other rows than the ledger has: put the folder right; a published copy has the live files' names and bytes
        logs.access: 2 failed: 2 commits, 2 files, 65 rows
        -- exit code 3
        ");
    let commit = sandbox.path("lake/logs/access/_ledger/00000000000000000001.json");
    let text = std::fs::read_to_string(&commit).unwrap();
    std::fs::write(&commit, text.replace("\"records\"", "\"rekords\"")).unwrap();
    assert_snapshot!(checksums(&sandbox.shown("verify --lake lake")), @r"
        $ firelake verify --lake lake
        -- stdout
        logs.access: failed: file://[dir]/lake/logs/access/_ledger/00000000000000000001.json: this commit is damaged: its checksum is [crc], it should be [crc]; restore this object from a backup or an older version
        logs.access: not checked: file://[dir]/landing: in no commit that could be read: 4 objects; whether they are compacted shows once the ledger is whole
        logs.access: not checked: logs.access in the file catalog: it cannot be compared with a ledger that is not whole; repair the ledger, and verify again
        logs.access: 1 failed, 2 not checked: 1 commit, 0 files, 0 rows
        -- exit code 3
        ");
    assert_snapshot!(checksums(&sandbox.shown("verify --lake lake --json")), @r#"
        $ firelake verify --lake lake --json
        -- stdout
        {"database":"logs","table":"access","verdict":"failed","check":"ledger","at":"file://[dir]/lake/logs/access/_ledger/00000000000000000001.json","told":"this commit is damaged: its checksum is [crc], it should be [crc]","hint":"restore this object from a backup or an older version"}
        {"database":"logs","table":"access","verdict":"unchecked","check":"landing","at":"file://[dir]/landing","told":"in no commit that could be read: 4 objects","hint":"whether they are compacted shows once the ledger is whole"}
        {"database":"logs","table":"access","verdict":"unchecked","check":"catalog","at":"logs.access in the file catalog","told":"it cannot be compared with a ledger that is not whole","hint":"repair the ledger, and verify again"}
        {"database":"logs","table":"access","clean":false,"failed":1,"unchecked":2,"notes":0,"commits":1,"files":0,"rows":0,"records_compared":null}
        -- exit code 3
        "#);
}

fn checksums(text: &str) -> String {
    let hex = |word: &str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = |word: &str| match word.trim_end_matches([',', ';', '"']) {
        found if hex(found) => word.replace(found, "[crc]"),
        _ => word.to_owned(),
    };
    text.split_inclusive([' ', ',', ';']).map(word).collect()
}

/// What could not be checked is not called clean, and not called failed.
#[test]
fn verify_of_what_cannot_be_checked() {
    let sandbox = compacted();
    std::fs::rename(sandbox.path("landing"), sandbox.path("away")).unwrap();
    assert_snapshot!(sandbox.shown("verify --lake lake"), @r"
        $ firelake verify --lake lake
        -- stdout
        logs.access: not checked: file://[dir]/landing: the landing folder does not exist; put it back, or mount it there
        logs.access: 1 not checked: 2 commits, 2 files, 65 rows
        -- exit code 1
        ");
}

/// Tables of the configuration, each with its own line; one that fails does not stop the next.
#[test]
fn every_table_of_the_configuration() {
    let sandbox = compacted();
    sandbox.write("firelake.toml", "lake = \"lake\"\n[table.access]\nlanding = [\"landing\"]\n[table.b]\n");
    assert_snapshot!(sandbox.shown("verify"), @r#"
        $ firelake verify
        -- stdout
        logs.access: clean: 2 commits, 2 files, 65 rows
        -- stderr
        error: table b failed
        caused by: there is no table logs.b in [dir]/lake
        hint: firelake query --lake [dir]/lake --database logs "SHOW TABLES" lists what there is
        -- exit code 2
        "#);
    sandbox.run("history --object x").fails(2, &["which table?", "access, b"]);
}

/// Its rows went by the delivery time, which was its time of change then: reading it again goes by what the commit says.
#[test]
fn a_touched_object_without_a_time_is_still_what_it_was() {
    let sandbox = Sandbox::new();
    sandbox.write("landing/plain", "{\"client\":\"a\"}");
    let touch = |seconds| {
        let file = std::fs::File::options().write(true).open(sandbox.path("landing/plain")).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
    };
    touch(1_577_836_800);
    sandbox.ok("compact --lake lake --landing landing --schema combined_apache --table access");
    assert!(sandbox.files("lake/logs/access/data")[0].to_str().unwrap().contains("dt=2020-01-01"));
    touch(1_700_000_000);
    let verified = sandbox.ok("verify --lake lake --deep").stdout;
    assert_eq!(verified, "logs.access: clean: 2 commits, 1 file, 1 row; 1 record read again and compared\n");
}
