//! `firelake generate`: a made-up access log, laid out as Firehose would.

use super::common::{AwsArgs, bytes, counted, print};
use crate::config::{Config, Share};
use crate::error::{Error, Result};
use crate::jobs::generate::{Compression, Delimiter, GenerateFormat, GenerateOptions, Generated, generate, hosts_csv};
use chrono::{DateTime, Utc};
use std::path::PathBuf;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The landing prefix to write below: a folder, or its URL
    #[arg(long, value_name = "URL")]
    landing: String,
    /// Also write a CSV of hosts, to join with as a reference table
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
    /// The first event time, RFC 3339
    #[arg(long, value_name = "TIME", default_value = "2026-11-20T00:00:00Z")]
    start: DateTime<Utc>,
    /// Hours of event time
    #[arg(long, value_name = "N", default_value_t = 24)]
    hours: u32,
    /// Records a second, on average
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    rate: f64,
    /// How a record is written: combined_apache or apache_json
    #[arg(long, default_value = "combined_apache")]
    format: GenerateFormat,
    /// How an object is compressed: gzip or none
    #[arg(long, default_value = "gzip")]
    compression: Compression,
    /// What stands after each record: newline or none
    #[arg(long, default_value = "newline")]
    delimiter: Delimiter,
    /// Share of records that are delivered hours late
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    late: Share,
    /// Share of records that cannot be decoded
    #[arg(long, value_name = "SHARE", default_value = "0.1%")]
    broken: Share,
    /// The same seed and options give the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Seconds of arrivals that one object takes (1 to 900)
    #[arg(long, value_name = "N", default_value_t = 300)]
    buffer_seconds: u32,
    /// Print a JSON object of what was written
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    aws: AwsArgs,
}

impl Args {
    fn options(&self) -> GenerateOptions {
        GenerateOptions {
            start: self.start,
            hours: self.hours,
            rate: self.rate,
            format: self.format,
            compression: self.compression,
            delimiter: self.delimiter,
            late: self.late.0,
            broken: self.broken.0,
            seed: self.seed,
            buffer_seconds: self.buffer_seconds,
            ..Default::default()
        }
    }
}

pub(super) async fn run(args: Args) -> Result<u8> {
    let landing = args.aws.stores(&Config::default()).open(&args.landing).await?;
    let generated = generate(&args.options(), &landing).await?;
    if let Some(path) = &args.hosts {
        write_hosts(path)?;
    }
    match args.json {
        true => {
            print(serde_json::to_string(&generated).map_err(|e| Error::internal("cannot write JSON").caused_by(e))?)?
        }
        false => eprintln!("{} in {}", sentence(&generated), args.landing),
    }
    Ok(0)
}

/// Writes the CSV of hosts that the made-up clients belong to.
pub(super) fn write_hosts(path: &std::path::Path) -> Result<()> {
    std::fs::write(path, hosts_csv())
        .map_err(|e| Error::storage(format!("cannot write {}", path.display())).caused_by(e))
}

/// What was generated, in a sentence.
pub(super) fn sentence(g: &Generated) -> String {
    let there =
        if g.already_there == 0 { String::new() } else { format!(", {} of them there already", g.already_there) };
    format!(
        "{} in {} ({}{there}); {} late, {} broken",
        counted(g.records, "record"),
        counted(g.objects, "object"),
        bytes(g.bytes),
        counted(g.late, "record"),
        counted(g.broken, "record"),
    )
}
