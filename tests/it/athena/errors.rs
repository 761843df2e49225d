//! What goes wrong with a query, a workgroup or a flag, and how it is told.

use super::Account;
use serde_json::json;

fn asked(account: &Account) -> String {
    format!("query --engine athena --output-location s3://{}/results/", account.bucket)
}

#[test]
fn an_error_of_the_sql_stands_at_its_place_in_the_users_text() {
    let account = Account::new();
    let sandbox = account.sandbox();
    let asked = asked(&account);
    sandbox.write(
        "q.sql",
        "-- Nothing\n-- param: long string = 'a long one'\nSELECT :long AS a,\n  :long AS b FROM nowhere",
    );
    let told = sandbox.run(&format!("{asked} -f q.sql")).exits(1);
    let told = told.says(&[
        "line 4, column 19: ",
        "\n    :long AS b FROM nowhere\n                    ^",
        "hint: check --database",
    ]);
    assert!(told.stdout.is_empty(), "{told:?}");
    sandbox.run(&format!("{asked} \"SELECT nope AS x\"")).exits(1).says(&["nope"]);
    sandbox.run(&format!("{asked} \"SELECT 1 FROM FROM x\"")).exits(1).says(&["the query, line 1, column "]);
}

#[test]
fn what_is_no_question_is_not_sent() {
    let account = Account::new();
    let sandbox = account.sandbox();
    sandbox.run(&format!("{} \"DROP TABLE access\"", asked(&account))).fails(1, &["queries only read"]);
    sandbox.run(&format!("{} \"SELECT 1; DROP TABLE access\"", asked(&account))).fails(1, &["a second statement"]);
    assert!(account.queries().is_empty());
}

#[test]
fn a_workgroup_that_is_not_there_and_results_without_a_place() {
    let account = Account::new();
    let sandbox = account.sandbox();
    let missing = ["there is no Athena workgroup nobodys", "WorkGroup nobodys is not found", "pass --workgroup"];
    sandbox.run(&format!("{} --workgroup nobodys \"SELECT 1\"", asked(&account))).fails(2, &missing);
    let nowhere = ["the workgroup primary does not say where results go", "pass --output-location"];
    sandbox.run("query --engine athena \"SELECT 1\"").fails(2, &nowhere);
    let gone = ["Athena cannot write the result to s3://no-such-bucket-anywhere/", "the bucket must exist"];
    sandbox.run("query --engine athena --output-location s3://no-such-bucket-anywhere/x/ \"SELECT 1\"").fails(2, &gone);
    let odd = ["Athena cannot write results to results/", "s3://bucket/folder/"];
    sandbox.run("query --engine athena --output-location results/ \"SELECT 1\"").fails(2, &odd);
}

#[test]
fn flags_of_the_other_engine_are_refused() {
    let account = Account::new();
    let sandbox = account.sandbox();
    sandbox
        .run("query --lake lake --workgroup x \"SELECT 1\"")
        .fails(2, &["--workgroup is for the athena engine only", "pass --engine athena"]);
    sandbox
        .run(&format!("{} --reference hosts=hosts.csv \"SELECT 1\"", asked(&account)))
        .fails(2, &["--reference is for the local engine only"]);
    sandbox.run("query --engine presto \"SELECT 1\"").exits(2).says(&["local, athena"]);
}

#[test]
fn the_configuration_says_it_all() {
    let account = Account::new();
    account.call("CreateWorkGroup", &json!({"Name": "analysts", "Configuration": {"ResultConfiguration": {}}}));
    let sandbox = account.sandbox();
    let text = format!(
        "[query]\nengine = \"athena\"\nworkgroup = \"analysts\"\noutput_location = \"s3://{}/r/\"\n",
        account.bucket
    );
    sandbox.write("firelake.toml", text);
    let told = sandbox.ok("query \"SELECT 1 AS one\"");
    assert!(told.stdout.contains("│ one │"), "{told:?}");
    let told = told.says(&["1 row, ", " s queued, ", " s run, 0 bytes scanned, $0.000048 (query "]);
    assert_eq!(told.stderr.lines().count(), 1, "{told:?}");
}
