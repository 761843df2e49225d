//! The command line: one file a subcommand. The only place that prints, reads the environment or the clock, or exits.

mod catalog;
mod change;
mod common;
mod compact;
mod demo;
mod discover;
mod engine;
mod expire;
mod files;
mod gc;
mod generate;
mod history;
mod merge;
mod progress;
mod queries;
mod query;
mod rebuild;
mod redrive;
mod report;
mod resume;
mod rollback;
mod signals;
mod status;
mod tables;
mod verify;

use crate::error::{Error, Result};
use clap::{Parser, Subcommand};
use engine::Engines;
use signals::Signals;
use std::process::ExitCode;

/// Firehose in, Parquet lake out, SQL anywhere.
#[derive(Parser)]
#[command(name = "firelake", version, about, max_term_width = 110, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed, or some objects are waiting; 2 wrong usage or configuration; \
3 an expectation or a check of verify does not hold, more rejected records than --max-rejected, drift in the catalog, or what \
discover --exit-code found changed; 4 over the scan budget; \
75 try again later; 130 stopped by Ctrl-C.\n\n\
A first look, with no AWS and no data of yours: firelake demo";

#[derive(Subcommand)]
enum Command {
    /// Propose a schema for what has landed, or say what changed in it
    Discover(discover::Args),
    /// Turn landed JSON objects into Parquet, each record exactly once, and publish
    Compact(compact::Args),
    /// Make few files of the many small ones that partitions collect; compact does that, too
    Merge(merge::Args),
    /// Ask the lake a question in SQL, or by the name of a query
    Query(query::Args),
    /// List the named queries, or print the text of one
    Queries(queries::Args),
    /// Run queries and check what they expect of their answers, for CI
    Report(report::Args),
    /// Print a table's live files, for programs that read Parquet themselves
    Files(files::Args),
    /// How tables stand: what is in them, what has landed and is not, what waits
    Status(status::Args),
    /// What happened to a table: its commits, where an object's records went, where a file came from
    History(history::Args),
    /// Check that a table is whole: ledger, files, landing zone, catalog
    Verify(verify::Args),
    /// Go back to what a table was after an earlier commit, and hold it there
    Rollback(rollback::Args),
    /// End the hold of a rollback: compact takes again what it took out
    Resume(resume::Args),
    /// Read again what landed in some hours, and replace what was made of it
    Rebuild(rebuild::Args),
    /// Decode rejected records once more, and open what Firehose could not deliver
    Redrive(redrive::Args),
    /// Take out the partitions that are older than a span
    Expire(expire::Args),
    /// Condemn what is out of use, and delete what was condemned long enough ago
    Gc(gc::Args),
    /// What the catalog says, what publishing would change, and what others changed
    Catalog(catalog::Args),
    /// Write a made-up access log as Firehose would deliver it
    Generate(generate::Args),
    /// Generate, compact and query a small lake, and say what to try next
    Demo(demo::Args),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Error::internal("cannot start the runtime").caused_by(error)),
    };
    let signals = Signals::listen();
    let outcome = runtime.block_on(async {
        let engines = Engines::default();
        let outcome = tokio::select! {
            outcome = run(cli.command, &engines) => outcome,
            error = signals.stopped() => Err(error),
        };
        engines.close().await.iter().for_each(|note| eprintln!("{}", harmless(note)));
        outcome
    });
    runtime.shutdown_background();
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) if crate::output::reader_is_gone(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn run(command: Command, engines: &Engines) -> Result<u8> {
    match command {
        Command::Discover(args) => discover::run(args).await,
        Command::Compact(args) => compact::run(args).await,
        Command::Merge(args) => merge::run(args).await,
        Command::Query(args) => query::run(args, engines).await,
        Command::Queries(args) => queries::run(args),
        Command::Report(args) => report::run(args, engines).await,
        Command::Files(args) => files::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::History(args) => history::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Rollback(args) => rollback::run(args).await,
        Command::Resume(args) => resume::run(args).await,
        Command::Rebuild(args) => rebuild::run(args).await,
        Command::Redrive(args) => redrive::run(args).await,
        Command::Expire(args) => expire::run(args).await,
        Command::Gc(args) => gc::run(args).await,
        Command::Catalog(args) => catalog::run(args).await,
        Command::Generate(args) => generate::run(args).await,
        Command::Demo(args) => demo::run(args).await,
    }
}

fn fail(error: &Error) -> ExitCode {
    tell(error);
    ExitCode::from(error.kind().exit_code())
}

/// Tells an error as DESIGN promises: what and where, what led to it, what to do next.
fn tell(error: &Error) {
    let mut lines = error.chain().into_iter();
    eprintln!("error: {}", harmless(&lines.next().unwrap_or_default()));
    lines.for_each(|cause| eprintln!("caused by: {}", harmless(&cause)));
    if let Some(hint) = error.hint_text() {
        eprintln!("hint: {}", harmless(hint));
    }
}

/// Messages quote what a log holds: its control characters must not drive the terminal.
fn harmless(text: &str) -> String {
    let drives = |c: char| c.is_control() && c != '\n' && c != '\t';
    text.chars().map(|c| if drives(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}
