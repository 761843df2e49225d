//! What the command prints, and what it refuses.

use crate::support::process::Sandbox;
use insta::assert_snapshot;

fn orders() -> Sandbox {
    let sandbox = Sandbox::new();
    let records = r#"{"time":"2026-11-20T10:00:00","orderId":"17","amount":"12.50","paid":true,"items":["tea","cup"]}{"time":"2026-11-20T10:00:05","orderId":"18","amount":"-","paid":false,"coupon":"NOV"}"#;
    let name = "shop-1-2026-11-20-09-00-03-0f8fad5b-d9cb-469f-a165-70867728950e";
    sandbox.write(&format!("landing/2026/11/20/09/{name}"), records);
    sandbox
}

#[test]
fn a_proposal() {
    assert_snapshot!(orders().shown("discover --landing landing"), @r#"
        $ firelake discover --landing landing
        -- stdout
        # Proposed by firelake discover from 2 records in all of 1 object ([size] of JSON; [size] landed).

        description = "What lands below landing"

        [source]
        format = "json"

        # the event time: in all records, 60 minutes after the delivery
        # no offset in the times, which are about 1 h ahead of their delivery: check the zone; zone = "Etc/GMT-1" would make
        # them agree, a city's zone follows its summer time
        # 2026-11-20 10:00:00 to 2026-11-20 10:00:05; such as "2026-11-20T10:00:00"
        [[column]]
        name = "ts"
        type = "timestamp"
        from = ["time"]
        formats = ["iso8601"]
        zone = "UTC"
        event_time = true

        # one of "17", "18"
        [[column]]
        name = "order_id"
        type = "bigint"
        from = ["orderId"]

        # NULL in 50 %; always "12.50"
        [[column]]
        name = "amount"
        type = "double"
        null = ["-"]

        [[column]]
        name = "paid"
        type = "boolean"

        # in 50 % of the records
        [[column]]
        name = "items"
        type = "array<string>"

        # in 50 % of the records; always "NOV"
        [[column]]
        name = "coupon"
        type = "string"

        # very roughly 349 bytes of Parquet a day: days do up to about 5 GB
        [[partition]]
        name = "dt"
        transform = "day"

        [parquet]
        sort = ["ts"]
        -- stderr
        read 2 records in all of 1 object ([size] of JSON; [size] landed)
        event time: ts, from "time": in all records, 60 minutes after the delivery
          check before the table is made: no offset in the times, which are about 1 h ahead of their delivery: check the zone; zone = "Etc/GMT-1" would make them agree, a city's zone follows its summer time
        -- exit code 0
        "#);
}

#[test]
fn a_proposal_without_a_value_of_the_data() {
    let sandbox = orders();
    let told = sandbox.ok("discover --landing landing --no-examples").stdout;
    assert!(!told.contains("NOV") && told.contains("name = \"coupon\""), "{told}");
}

/// What a log holds is quoted in comments: it must neither end its line nor drive a terminal.
#[test]
fn hostile_content_stays_in_its_comment() {
    let sandbox = Sandbox::new();
    sandbox.write("landing/x", r#"{"a\n]\u001b[31m\"":"x\n[[column]]\u001b[2J\u202e","b":"'''\"\"\"\\"}"#);
    let told = sandbox.ok("discover --landing landing --out found.toml --json");
    let file = std::fs::read_to_string(sandbox.path("found.toml")).unwrap();
    for text in [&file, &told.stdout, &told.stderr] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
    assert_eq!(file.matches("\n[[column]]").count(), 2, "{file}");
    sandbox.ok("compact --lake lake --landing landing --schema found.toml --max-rejected 0");
}

#[test]
fn what_is_refused() {
    let sandbox = orders();
    sandbox.write("there.toml", "mine");
    sandbox.run("discover --landing landing --out there.toml").fails(2, &["there.toml is there already", "--force"]);
    assert_eq!(std::fs::read_to_string(sandbox.path("there.toml")).unwrap(), "mine");
    sandbox.ok("discover --landing landing --out there.toml --force");
    sandbox.run("discover").fails(2, &["which landing prefix?"]);
    sandbox.run("discover --landing nowhere").fails(2, &["nowhere does not exist"]);
    sandbox.run("discover --lake lake --table none").fails(2, &["there is no table logs.none"]);
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run("discover --landing empty").fails(2, &["nothing has landed"]);
    sandbox.write("text/x", "no json");
    sandbox.run("discover --landing text").fails(1, &["no record was found", "it is not a JSON object"]);
}

#[test]
fn of_a_bucket() {
    let (sandbox, bucket) = Sandbox::on_aws();
    for hour in ["09", "10"] {
        sandbox.put(&bucket, &format!("web/2026/11/20/{hour}/x"), b"{\"at\":\"2026-11-20T09:00:00Z\",\"n\":1}");
    }
    let told = sandbox.ok(&format!("discover --landing s3://{bucket}/web/ --out found.toml"));
    told.says(&[
        "read 2 records in all of 2 objects",
        "event time: ts, from \"at\"",
        "next: firelake compact --landing s3://",
    ]);
}
