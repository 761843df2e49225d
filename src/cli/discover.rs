//! `firelake discover`: a schema proposed for what has landed; with `--against` or `--table`, what a schema does not know of it.

use super::common::{LakeArgs, bytes, count, counted, print, schema};
use super::compact::max_record;
use super::progress;
use crate::config::{Config, Size};
use crate::discover::{Counts, Difference, Fit, Landed, Proposal, ProposedColumn};
use crate::error::{Error, Result};
use crate::jobs::discover::{DiscoverJob, Discovered, Sample, of_table};
use crate::landing::compression::MAX_DECOMPRESSED;
use crate::storage::Stores;
use crate::table::{TableId, TableSchema};
use futures::future::try_join_all;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
#[command(after_help = "A schema for what has landed, and a table of it:\n  \
firelake discover --landing s3://my-landing/orders/ --out orders.toml\n  \
firelake compact --landing s3://my-landing/orders/ --schema ./orders.toml --lake s3://my-lake\n\n\
What changed since, and the schema with what is new at its end:\n  \
firelake discover --lake s3://my-lake --table orders --out evolved.toml\n\n\
A sample cannot know what it did not see. compact loses none of that: what a schema does not know is in the column extra.")]
pub(super) struct Args {
    #[command(flatten)]
    lake: LakeArgs,
    /// A landing prefix: a folder, or its URL. May be repeated [default: those of the table]
    #[arg(long, value_name = "URL")]
    landing: Vec<String>,
    /// Say what this schema, a shipped one or a file, does not know of what landed
    #[arg(long, value_name = "NAME|FILE")]
    against: Option<String>,
    /// The same for the schema of a table that there is
    #[arg(long, value_name = "NAME", conflicts_with = "against")]
    table: Option<String>,
    /// Read so much of the records without their compression, spread over up to 1,000 objects from the oldest to the newest
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    sample: Size,
    /// Read all of it
    #[arg(long, conflicts_with = "sample")]
    all: bool,
    /// Write the schema into this file; with --against or --table the one that knows what is new
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "out")]
    force: bool,
    /// Put no values of the data into the comments
    #[arg(long)]
    no_examples: bool,
    /// Exit with 3 where the schema does not know something
    #[arg(long)]
    exit_code: bool,
    /// Print a JSON object of what was found
    #[arg(long)]
    json: bool,
    /// Longer records are damaged [default: 16MiB]
    #[arg(long, value_name = "SIZE", hide_short_help = true)]
    max_record: Option<Size>,
    /// Leave out an object that holds more bytes than this without its compression [default: 4GiB]
    #[arg(long, value_name = "SIZE", hide_short_help = true)]
    max_decompressed: Option<Size>,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    args.check_out()?;
    let config = args.lake.config()?;
    let stores = args.lake.stores(&config);
    let (against, landing) = args.asked(&config, &stores).await?;
    let named = landing.join(" ");
    let (bar, watch) = progress::bar();
    let job = DiscoverJob {
        landing: try_join_all(landing.iter().map(|text| stores.open_landing(text))).await?,
        sample: if args.all { Sample::All } else { Sample::Bytes(args.sample.0) },
        against: against.clone(),
        max_record: max_record(args.max_record),
        max_decompressed: args.max_decompressed.map_or(MAX_DECOMPRESSED, |size| size.0),
        watch,
    };
    let outcome = job.run().await;
    bar.finish_and_clear();
    let found = outcome?;
    tell_read(&found);
    match against {
        None => args.propose(&found, &named),
        Some(schema) => args.compare(found, &schema),
    }
}

impl Args {
    /// The schema to compare with, and the landing prefixes.
    async fn asked(&self, config: &Config, stores: &Stores) -> Result<(Option<TableSchema>, Vec<String>)> {
        let against = self.against.as_ref().map(|text| schema(text)).transpose()?;
        let of_config = self.table.as_ref().and_then(|name| config.table.get(name));
        let (against, pinned) = match &self.table {
            None => (against, Vec::new()),
            Some(name) => {
                let lake = self.lake.lake(config, stores).await?;
                let (schema, pinned) = of_table(&lake, &TableId::new(&self.lake.database(config), name)?).await?;
                (Some(schema), pinned)
            }
        };
        let of_config = of_config.map(|table| table.landing.clone()).unwrap_or_default();
        let landing = [self.landing.clone(), pinned, of_config].into_iter().find(|landing| !landing.is_empty());
        let landing = landing.ok_or_else(|| {
            Error::usage("which landing prefix?").hint("pass --landing with a folder or an s3: URL, or --table")
        })?;
        Ok((against, landing))
    }

    /// Refuses before anything is read what could not be written then.
    fn check_out(&self) -> Result<()> {
        match self.out.as_ref().filter(|path| path.exists() && !self.force) {
            Some(path) => Err(Error::usage(format!("{} is there already", path.display()))
                .hint("choose another --out, or pass --force to write over it")),
            None => Ok(()),
        }
    }

    fn write(&self, path: &Path, text: &str) -> Result<()> {
        let cannot = |e| Error::storage(format!("cannot write {}", path.display())).caused_by(e);
        let mut options = std::fs::OpenOptions::new();
        let options = if self.force { options.create(true).truncate(true) } else { options.create_new(true) };
        options.write(true).open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(cannot)
    }

    fn propose(&self, found: &Discovered, landing: &str) -> Result<u8> {
        let proposal = found.discovery.propose(&found.landed)?;
        let (shipped, counts) = (found.discovery.shipped()?, found.discovery.counts());
        let above = above(&found.landed, &counts, shipped.as_ref());
        let text = proposal.text(&format!("What lands below {landing}"), &above, !self.no_examples);
        TableSchema::parse("proposed", "that was proposed", &text)
            .map_err(|e| Error::internal("the proposed schema is wrong; please report this").caused_by(e))?;
        tell_proposal(&proposal, shipped.as_ref());
        if let Some(path) = &self.out {
            self.write(path, &text)?;
            eprintln!("wrote {}", path.display());
            eprintln!("next: firelake compact --landing {landing} --schema {} --lake LAKE", as_schema(path));
        }
        match (self.json, &self.out) {
            (true, _) => print_json(&Profile::new(found, counts, shipped, &proposal, text, !self.no_examples))?,
            (false, None) => print(text.trim_end())?,
            (false, Some(_)) => {}
        }
        Ok(0)
    }

    fn compare(&self, mut found: Discovered, schema: &TableSchema) -> Result<u8> {
        let difference = found.discovery.compare(!self.no_examples)?;
        match self.json {
            true => {
                let counts = found.discovery.counts();
                print_json(&Compared {
                    landed: &found.landed,
                    counts,
                    unreadable: &found.unreadable,
                    difference: &difference,
                })?;
            }
            false => print(report(&difference, self.table.as_deref().unwrap_or(&schema.name)).trim_end())?,
        }
        match (&self.out, &difference.evolved) {
            (Some(path), Some(text)) => {
                self.write(path, text)?;
                eprintln!("wrote {}", path.display());
                if let Some(table) = &self.table {
                    eprintln!("next: firelake compact --table {table} --schema {}", as_schema(path));
                }
            }
            (Some(path), None) => eprintln!("{} was not written: the schema gets nothing new", path.display()),
            (None, _) => {}
        }
        Ok(if self.exit_code && !difference.is_none() { 3 } else { 0 })
    }
}

/// A path that `--schema` takes for a file.
fn as_schema(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(['/', '.']) { text } else { format!("./{text}") }
}

/// What was found, for programs.
#[derive(Serialize)]
struct Profile<'a> {
    landed: &'a Landed,
    #[serde(flatten)]
    counts: Counts,
    unreadable: &'a [(String, String)],
    shipped: Option<Fit>,
    columns: Vec<ProposedColumn>,
    schema: String,
}

impl<'a> Profile<'a> {
    fn new(
        found: &'a Discovered,
        counts: Counts,
        shipped: Option<Fit>,
        proposal: &Proposal,
        schema: String,
        examples: bool,
    ) -> Self {
        let columns = proposal.columns(examples);
        Profile { landed: &found.landed, counts, unreadable: &found.unreadable, shipped, columns, schema }
    }
}

#[derive(Serialize)]
struct Compared<'a> {
    landed: &'a Landed,
    #[serde(flatten)]
    counts: Counts,
    unreadable: &'a [(String, String)],
    #[serde(flatten)]
    difference: &'a Difference,
}

fn print_json(value: &impl Serialize) -> Result<()> {
    print(serde_json::to_string(value).map_err(|e| Error::internal("cannot write JSON").caused_by(e))?)
}

/// How much of how much was read.
fn read(landed: &Landed, counts: &Counts) -> String {
    let all = if landed.is_all() { "all of".to_owned() } else { format!("{} of", count(landed.objects_read)) };
    let part =
        if landed.objects_cut > 0 { format!(", {} of them in part", count(landed.objects_cut)) } else { String::new() };
    format!(
        "{} in {all} {}{part} ({} of JSON; {} landed)",
        counted(counts.records, "record"),
        counted(landed.objects, "object"),
        bytes(landed.json_bytes),
        bytes(landed.bytes)
    )
}

/// Comments at the top of the file.
fn above(landed: &Landed, counts: &Counts, shipped: Option<&Fit>) -> Vec<String> {
    let mut above = vec![format!("Proposed by firelake discover from {}.", read(landed, counts))];
    if !landed.is_all() {
        above
            .push("A sample cannot know what it did not see: what no column takes is kept in the column extra.".into());
    }
    above.extend(shipped.map(fits));
    above
}

fn fits(fit: &Fit) -> String {
    format!("the shipped schema {} fits these records, too: {} of {} fields", fit.schema, fit.fields, fit.of)
}

fn tell_read(found: &Discovered) {
    const SHOWN: usize = 5;
    let counts = found.discovery.counts();
    eprintln!("read {}", read(&found.landed, &counts));
    for (what, number) in [
        ("envelope of CloudWatch Logs opened", counts.envelopes),
        ("record of the other kind left out: no table takes records in envelopes and others", counts.other_records),
        ("record that Firehose could not deliver left out: firelake redrive opens it", counts.failed_records),
    ] {
        if number > 0 {
            let (noun, rest) = what.split_once(' ').unwrap_or((what, ""));
            eprintln!("  {} {rest}", counted(number, noun));
        }
    }
    if counts.damaged > 0 {
        eprintln!(
            "warning: {} no record can be made of; compact keeps them as rejected records",
            counted(counts.damaged, "piece")
        );
        for (reason, (number, object, at)) in counts.reasons.iter().take(SHOWN) {
            eprintln!("  {}: {reason}, first at byte {at} of {}", count(*number), super::harmless(object));
        }
    }
    if !found.unreadable.is_empty() {
        eprintln!("warning: {} could not be read, or not to the end", counted(found.unreadable.len() as u64, "object"));
        for (url, reason) in found.unreadable.iter().take(SHOWN) {
            eprintln!("  {}: {}", super::harmless(url), super::harmless(reason));
        }
        if found.unreadable.len() > SHOWN {
            eprintln!("  … and {} more", count((found.unreadable.len() - SHOWN) as u64));
        }
    }
    if !found.landed.is_all() {
        eprintln!(
            "  a sample cannot know what it did not see; --all reads everything. compact keeps what a schema does not know in extra"
        );
    }
}

fn tell_proposal(proposal: &Proposal, shipped: Option<&Fit>) {
    let columns = proposal.columns(false);
    match columns.iter().find(|column| column.event_time) {
        Some(column) => {
            let from = column.from.as_ref().map(|from| format!(", from {from:?}")).unwrap_or_default();
            let why = column.notes.iter().find_map(|note| note.strip_prefix("the event time: "));
            eprintln!("event time: {}{from}: {}", column.name, why.unwrap_or("as CloudWatch has it"));
            let notes = column.notes.iter().filter(|note| !note.starts_with("the event time: "));
            notes.for_each(|note| eprintln!("  check before the table is made: {note}"));
        }
        None => eprintln!("event time: none for certain; rows go by their delivery time"),
    }
    if let Some(fit) = shipped {
        eprintln!("hint: {}; --schema {} needs no file", fits(fit), fit.schema);
    }
}

/// What changed, for people.
fn report(difference: &Difference, schema: &str) -> String {
    let mut text = format!("{schema} and {}: ", counted(difference.rows, "record"));
    if difference.is_none() {
        return text + "no difference";
    }
    text += &format!(
        "{}, {} with values that do not fit, {} in no record\n",
        counted(difference.new.len() as u64, "new field"),
        counted(difference.misfits.len() as u64, "column"),
        counted(difference.gone.len() as u64, "column")
    );
    if !difference.new.is_empty() {
        text += "\nNew; as columns, to stand at the end of the schema file:\n";
        difference.new.iter().for_each(|new| text += &format!("\n{}", new.toml));
    }
    if !difference.misfits.is_empty() {
        text += "\nValues that do not fit their column; compact keeps them in extra:\n";
    }
    for misfit in &difference.misfits {
        let about = if misfit.about.is_empty() { String::new() } else { format!(", {}", misfit.about) };
        let share = format!("{} of {}", count(misfit.values), counted(misfit.records, "record"));
        text += &format!("  {} {}: {share}{about}\n    {}\n", misfit.column, misfit.hive_type, misfit.advice);
    }
    if !difference.gone.is_empty() {
        text += "\nColumns whose fields are in no record that was read:\n";
    }
    for gone in &difference.gone {
        text += &format!("  {} (from {})\n", gone.column, gone.from.join(", "));
    }
    if let Some(refused) = &difference.refused {
        text += &format!("\nThe table cannot get all of this: {refused}\n");
    }
    text
}
