//! `firelake catalog`: what the catalog says, what publishing would change, what others changed.

use super::common::{LakeArgs, catalog, counted, print};
use super::compact::worse;
use crate::catalog::{Drift, Finding};
use crate::config::CatalogKind;
use crate::error::{Error, Result};
use crate::jobs::catalog::{CatalogJob, ListedTable, ShownTable};
use clap::Subcommand;
use serde_json::{Value, json};

/// `catalog plan --exit-code` found something to change, and `catalog drift` found drift.
const DIFFERS: u8 = 3;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the database's tables in the catalog, also those that firelake did not make
    #[command(after_help = "Example:\n  firelake catalog list --lake lake")]
    List(Common),
    /// Print what the catalog says of one table: columns, keys, parameters, partitions
    #[command(after_help = "Example:\n  firelake catalog show --lake lake --table access")]
    Show(Common),
    /// Print what apply would change (+ new, ~ moved or redefined, - gone), and change nothing
    #[command(after_help = "Examples:\n  firelake catalog plan --lake lake --table access\n  \
                            firelake catalog plan --lake s3://my-lake --catalog glue --exit-code")]
    Plan {
        #[command(flatten)]
        common: Common,
        /// Exit with 3 where there is something to change
        #[arg(long)]
        exit_code: bool,
    },
    /// Make the catalog say what the ledger says, of all partitions; compact does it of what changed
    #[command(after_help = "Partitions that firelake did not make are left alone.\n\nExample:\n  \
                            firelake catalog apply --lake lake --table access")]
    Apply(Common),
    /// Print what others changed in the catalog, and exit with 3 where they did
    #[command(after_help = "apply repairs it, but for partitions that firelake did not make.\n\nExample:\n  \
                            firelake catalog drift --lake s3://my-lake --catalog glue --json")]
    Drift(Common),
}

#[derive(clap::Args)]
struct Common {
    #[command(flatten)]
    lake: LakeArgs,
    /// The table [default: every table of the database that has a ledger in the lake]
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Which catalog: file (in the lake itself) or glue (AWS Glue) [default: file]
    #[arg(long, value_name = "KIND")]
    catalog: Option<CatalogKind>,
    /// Print JSON, an object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<u8> {
    match args.command {
        Command::List(common) => list(&common).await,
        Command::Show(common) => show(&common).await,
        Command::Plan { common, exit_code } => plan(&common, exit_code).await,
        Command::Apply(common) => apply(&common).await,
        Command::Drift(common) => drift(&common).await,
    }
}

impl Common {
    async fn job(&self) -> Result<CatalogJob> {
        let config = self.lake.config()?;
        let stores = self.lake.stores(&config);
        let lake = self.lake.lake(&config, &stores).await?;
        let catalog = catalog(self.catalog.unwrap_or(config.catalog), &lake, &stores).await?;
        Ok(CatalogJob { database: self.lake.database(&config), catalog, lake })
    }

    /// The job, and the tables that it is for.
    async fn tables(&self) -> Result<(CatalogJob, Vec<String>)> {
        let job = self.job().await?;
        let tables = match &self.table {
            Some(table) => vec![table.clone()],
            None => job.tables().await?,
        };
        if tables.is_empty() {
            let (database, kind) = (&job.database, job.catalog.name());
            let told = format!("no table of {database} in {} is published to the catalog {kind:?}", job.lake);
            return Err(Error::usage(told).hint("check --lake, --database and --catalog"));
        }
        Ok((job, tables))
    }
}

async fn list(args: &Common) -> Result<u8> {
    let mut listed = args.job().await?.list().await?;
    listed.retain(|table| args.table.as_ref().is_none_or(|wanted| *wanted == table.table));
    for table in &listed {
        match args.json {
            true => print(json_line(table)?)?,
            false => print(listed_line(table))?,
        }
    }
    if listed.is_empty() {
        eprintln!("the catalog has no such table: check --database, --table, --catalog, and the AWS account");
    }
    Ok(0)
}

fn listed_line(table: &ListedTable) -> String {
    let ListedTable { table: name, location, .. } = table;
    match (table.commit, table.partitions) {
        (Some(commit), Some(partitions)) => {
            format!("{name}\t{}\tcommit {commit}\t{location}", counted(partitions, "partition"))
        }
        _ if table.reference => format!("{name}\treference table\t\t{location}"),
        _ => format!("{name}\tnot firelake's\t\t{location}"),
    }
}

async fn show(args: &Common) -> Result<u8> {
    let job = args.job().await?;
    let Some(name) = &args.table else {
        return Err(Error::usage("which table?").hint("pass --table; firelake catalog list names them"));
    };
    let shown = job.show(name).await?;
    match args.json {
        true => print(shown_json(&job.database, name, &shown))?,
        false => shown_lines(&job.database, name, &shown).iter().try_for_each(print)?,
    }
    Ok(0)
}

fn shown_lines(database: &str, name: &str, ShownTable { table, partitions }: &ShownTable) -> Vec<String> {
    let mut lines = vec![format!("table\t{database}.{name}"), format!("location\t{}", table.location)];
    if !table.description.is_empty() {
        lines.push(format!("description\t{}", table.description));
    }
    for column in &table.columns {
        let comment = column.comment.as_ref().map(|comment| format!("\t{comment}")).unwrap_or_default();
        lines.push(format!("column\t{}\t{}{comment}", column.name, column.hive_type));
    }
    lines.extend(table.partition_keys.iter().map(|key| format!("key\t{key}\tstring")));
    lines.extend(table.parameters.iter().map(|(key, value)| format!("parameter\t{key}\t{value}")));
    lines.extend(table.odd.iter().map(|odd| format!("odd\t{odd}")));
    let partition = |(partition, entry): (_, &crate::catalog::PartitionEntry)| {
        format!("partition\t{partition}\tcommit {}\t{}", entry.commit, entry.location)
    };
    lines.extend(partitions.iter().map(partition));
    lines
}

fn shown_json(database: &str, name: &str, ShownTable { table, partitions }: &ShownTable) -> Value {
    json!({
        "database": database,
        "table": name,
        "description": table.description,
        "location": table.location,
        "columns": table.columns,
        "partition_keys": table.partition_keys,
        "parameters": table.parameters,
        "odd": table.odd,
        "partitions": partitions,
    })
}

async fn plan(args: &Common, exit_code: bool) -> Result<u8> {
    let (job, tables) = args.tables().await?;
    let mut code = 0;
    for table in &tables {
        let planned = planned(&job, table).await.and_then(|lines| {
            tell_changes(args, &job, table, &lines, "no changes")?;
            Ok(if exit_code && !lines.is_empty() { DIFFERS } else { 0 })
        });
        code = after(code, planned);
    }
    Ok(code)
}

/// The code so far and that of one more table: an error is told, and the next table is done all the same.
fn after(code: u8, outcome: Result<u8>) -> u8 {
    let this = outcome.unwrap_or_else(|error| {
        super::tell(&error);
        error.kind().exit_code()
    });
    worse(code, this)
}

/// The lines of what is to change, of both of a table's catalog tables.
async fn planned(job: &CatalogJob, table: &str) -> Result<Vec<String>> {
    let changes = job.plan(table).await?;
    Ok(changes.iter().flat_map(|changes| changes.to_string().lines().map(str::to_owned).collect::<Vec<_>>()).collect())
}

async fn apply(args: &Common) -> Result<u8> {
    let (job, tables) = args.tables().await?;
    let mut code = 0;
    for table in &tables {
        code = after(code, apply_table(args, &job, table).await);
    }
    Ok(code)
}

async fn apply_table(args: &Common, job: &CatalogJob, table: &str) -> Result<u8> {
    let lines = planned(job, table).await?;
    let published = job.apply(table).await?;
    tell_changes(args, job, table, &lines, "nothing to change")?;
    if published.changed && !args.json {
        let copied = counted(published.copied_files, "file");
        eprintln!("{}.{table}: published as of commit {}; {copied} copied", job.database, published.commit);
    }
    Ok(0)
}

fn tell_changes(args: &Common, job: &CatalogJob, table: &str, lines: &[String], none: &str) -> Result<()> {
    match args.json {
        true => print(json!({ "database": job.database, "table": table, "changes": lines })),
        false if lines.is_empty() => {
            eprintln!("{}.{table}: {none}", job.database);
            Ok(())
        }
        false => lines.iter().try_for_each(print),
    }
}

async fn drift(args: &Common) -> Result<u8> {
    let (job, tables) = args.tables().await?;
    let (mut code, mut found) = (0, Vec::new());
    for table in &tables {
        let findings = job.drift(table).await;
        let told = findings.and_then(|findings| tell_findings(args, &job, table, &findings).map(|()| findings));
        code = after(
            code,
            told.map(|findings| {
                let differs = findings.iter().any(|finding| finding.drift.is_foreign());
                found.extend(findings);
                if differs { DIFFERS } else { 0 }
            }),
        );
    }
    tell_what_to_do(&found);
    Ok(code)
}

fn tell_findings(args: &Common, job: &CatalogJob, table: &str, findings: &[Finding]) -> Result<()> {
    if findings.is_empty() && !args.json {
        eprintln!("{}.{table}: no drift", job.database);
    }
    findings.iter().try_for_each(|finding| match args.json {
        true => print(json_line(finding)?),
        false => print(finding),
    })
}

fn tell_what_to_do(found: &[Finding]) {
    if found.iter().any(|finding| finding.drift.is_foreign() && finding.drift.is_repaired()) {
        eprintln!("hint: firelake catalog apply makes the catalog say what the ledger says");
    }
    if found.iter().any(|finding| finding.drift == Drift::Unknown) {
        eprintln!("hint: partitions that firelake did not make stay until somebody drops them in the catalog");
    }
}

fn json_line(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal("cannot write JSON").caused_by(e))
}
