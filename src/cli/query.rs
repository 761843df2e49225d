//! `firelake query`: SQL, a file of it, or a named query; the answer on stdout.

use super::common::LakeArgs;
use super::engine::{EngineArgs, Engines};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::output::{Format, Writer};
use crate::query::{Answer, Bound, Cost, Engine, QueryText, assignment};
use arrow::array::AsArray;
use chrono::Utc;
use futures::TryStreamExt;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
firelake query --lake lake \"SELECT status, count(*) AS n FROM access GROUP BY 1 ORDER BY 2 DESC\"\n  \
firelake query --lake lake client_windows --format csv\n  \
firelake query --lake lake \"SELECT * FROM access WHERE client_ip = :ip\" --param ip=203.0.113.7\n  \
firelake query --engine athena --workgroup analysts --timeout 10m client_windows\n\n\
firelake queries lists the named queries.")]
pub(super) struct Args {
    #[command(flatten)]
    lake: LakeArgs,
    /// SQL, or the name of a query
    #[arg(value_name = "SQL|NAME", required_unless_present = "file", conflicts_with = "file")]
    query: Option<String>,
    /// Read the query from a file (- for standard input)
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_name = "table|csv|json|ndjson", default_value = "table")]
    format: Format,
    /// A value for a parameter of the query. May be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(super) async fn run(args: Args, engines: &Engines) -> Result<u8> {
    let config = args.lake.config()?;
    let text = args.text(&config)?;
    let given = args.params.iter().map(|param| assignment(param)).collect::<Result<Vec<_>>>()?;
    let bound = text.bind(&given, Utc::now())?;
    let engine = args.engine.open(&args.lake, &config, engines).await?;
    let started = Instant::now();
    let (rows, cost) = answer(engine.as_ref(), &bound, args.format).await?;
    if args.format == Format::Table {
        eprint!("{}, {:.3} s", super::common::counted(rows, "row"), started.elapsed().as_secs_f64());
        eprintln!("{}", cost.map(|cost| format!(": {cost}")).unwrap_or_default());
    }
    Ok(0)
}

impl Args {
    fn text(&self, config: &Config) -> Result<QueryText> {
        match (&self.file, &self.query) {
            (Some(path), _) => {
                let unreadable =
                    |e| Error::usage(format!("cannot read the query file {}", path.display())).caused_by(e);
                let text = if path.as_os_str() == "-" {
                    std::io::read_to_string(std::io::stdin())
                } else {
                    std::fs::read_to_string(path)
                };
                QueryText::parse(&path.display().to_string(), &text.map_err(unreadable)?)
            }
            (None, Some(query)) => self.engine.library(config).resolve(query),
            (None, None) => Err(Error::usage("which query?")),
        }
    }
}

/// Runs a query and writes its answer to stdout as it comes; gives the number of rows, and what they cost.
async fn answer(engine: &dyn Engine, bound: &Bound, format: Format) -> Result<(u64, Option<Cost>)> {
    let mut answer = engine.run(bound).await?;
    let cost = answer.cost.take();
    let stdout = std::io::stdout();
    let width = super::common::terminal_width();
    let mut out = BufWriter::new(stdout.lock());
    if format == Format::Table && is_plan(&answer) {
        return Ok((plan(answer, &mut out).await?, cost));
    }
    let mut writer = Writer::begin(format, answer.schema.clone(), &mut out, width)?;
    while let Some(batch) = answer.batches.try_next().await? {
        writer.write(&batch)?;
    }
    Ok((writer.finish()?, cost))
}

/// Whether it is the answer to an EXPLAIN.
fn is_plan(answer: &Answer) -> bool {
    answer.schema.fields().iter().map(|field| field.name().as_str()).eq(["plan_type", "plan"])
}

/// A plan as it is meant to be read: line by line, uncut.
async fn plan(mut answer: Answer, out: &mut dyn Write) -> Result<u64> {
    let mut rows = 0;
    while let Some(batch) = answer.batches.try_next().await? {
        let (titles, plans) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
        for (title, plan) in titles.iter().zip(plans) {
            let (title, plan) = (title.unwrap_or_default(), plan.unwrap_or_default());
            writeln!(out, "{title}\n{}", indented(plan))
                .map_err(|e| Error::storage("cannot write the result").caused_by(e))?;
        }
        rows += batch.num_rows() as u64;
    }
    out.flush().map_err(|e| Error::storage("cannot write the result").caused_by(e))?;
    Ok(rows)
}

fn indented(plan: &str) -> String {
    plan.trim_end().lines().map(|line| format!("  {line}\n")).collect()
}
