//! `--max-rejected`: a check, told by exit code 3; what was read is committed all the same.

use super::{COMPACT, landed, unharmed};

/// The share of broken records: `small()` has about a tenth.
const OVER: &str = "--max-rejected 1%";
const UNDER: &str = "--max-rejected 0.5";

#[test]
fn too_many_rejects_are_told_and_committed() {
    let (sandbox, truth) = landed();
    let share = truth.broken() as f64 / truth.events.len() as f64;
    assert!((0.02..0.5).contains(&share), "{share}");
    let told = sandbox.run(&format!("{COMPACT} {OVER}")).exits(3);
    let share =
        format!("error: access: {:.2} % of the records were rejected, more than --max-rejected 1 %", share * 100.0);
    told.says(&[&share, "hint: ", "FROM access_rejected"]);
    unharmed(&sandbox, &truth, 2);
    // the next run has read nothing, so nothing was rejected
    sandbox.ok(&format!("{COMPACT} {OVER}"));
    unharmed(&sandbox, &truth, 2);
}

#[test]
fn a_share_that_is_not_exceeded() {
    let (sandbox, truth) = landed();
    let told = sandbox.ok(&format!("{COMPACT} {UNDER}"));
    assert!(!told.stderr.contains("error"), "{told:?}");
    unharmed(&sandbox, &truth, 2);
}

#[test]
fn the_share_of_firelake_toml_counts_and_the_flag_wins() {
    let (sandbox, _) = landed();
    let table = "schema = \"combined_apache\"\nlanding = [\"landing\"]\nmax_rejected = \"1%\"\n";
    sandbox.write("firelake.toml", format!("lake = \"lake\"\n[table.access]\n{table}[table.second]\n{table}"));
    sandbox.run("compact --table access").exits(3).says(&["more than --max-rejected 1 %"]);
    sandbox.ok(&format!("compact --table second {UNDER}"));
}

#[test]
fn waiting_objects_and_too_many_rejects_at_once() {
    let (sandbox, _) = landed();
    sandbox.write("landing/2026/11/20/00/cut.gz", [0x1f, 0x8b, 8, 0]);
    let both = ["1 object could not be read", "cut.gz", "of the records were rejected"];
    sandbox.run(&format!("{COMPACT} {OVER}")).exits(3).says(&both);
    sandbox.run(&format!("{COMPACT} {OVER}")).exits(1).says(&both[..2]);
}

#[test]
fn a_share_that_is_none() {
    let (sandbox, _) = landed();
    for share in ["many", "101%", "-1"] {
        sandbox.run(&format!("{COMPACT} --max-rejected={share}")).exits(2).says(&["is no share", "1% or 0.01"]);
    }
    assert!(!sandbox.path("lake").exists());
}
