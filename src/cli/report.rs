//! `firelake report`: queries with expectations, for CI.

use super::common::{LakeArgs, print};
use super::engine::{EngineArgs, Engines};
use crate::error::{Error, Result};
use crate::output::reader_is_gone;
use crate::query::{Library, QueryText, assignment, is_query_name};
use crate::report::{Outcome, Question, Totals, json, junit, markdown, run as ask, text};
use chrono::Utc;
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
firelake report --lake lake checks\n  \
firelake report --lake lake checks/errors.sql client_windows --param from=2026-11-20\n  \
firelake report --lake lake checks --junit report.xml --markdown report.md\n\n\
A query says in its header what is expected of its answer, such as\n  \
-- expect: rows = 0\n  \
-- expect: max(requests) <= 1000\n  \
-- expect: client_ip is not null\n\n\
Exit codes: 0 all expectations hold; 1 a query broke; 2 wrong usage, and nothing was run; \
3 an expectation does not hold.")]
pub(super) struct Args {
    #[command(flatten)]
    lake: LakeArgs,
    /// Queries: files, folders (every *.sql below them), or names
    #[arg(value_name = "FILE|DIR|NAME", required = true)]
    queries_of: Vec<String>,
    /// A value for a parameter, in each query that has it. May be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// Write the report as Markdown, for a CI job's page
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the report as JUnit XML, a test case an expectation
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print a JSON object a query, and one with the totals
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(super) async fn run(args: Args, engines: &Engines) -> Result<u8> {
    let config = args.lake.config()?;
    let questions = args.questions(&args.engine.library(&config))?;
    let engine = args.engine.open(&args.lake, &config, engines).await?;
    // made before the first query: what cannot be written is told at once, and no older report is taken for this one
    let mut markdown_file = args.markdown.as_deref().map(create).transpose()?;
    let mut junit_file = args.junit.as_deref().map(create).transpose()?;

    let shown = Shown::new(&questions, args.json);
    let mut outcomes = Vec::new();
    for question in questions {
        shown.begin(&question.name);
        let started = Instant::now();
        let result = ask(engine.as_ref(), &question).await;
        let outcome = Outcome { question, result, took: started.elapsed() };
        shown.end(&outcome)?;
        outcomes.push(outcome);
    }
    shown.totals(&Totals::of(&outcomes))?;
    if let Some(output) = &mut markdown_file {
        output.write(&markdown::page(&outcomes)?)?;
    }
    if let Some(output) = &mut junit_file {
        output.write(&junit::file(&outcomes)?)?;
    }
    Totals::of(&outcomes).failure().map_or(Ok(0), Err)
}

impl Args {
    /// Every query, ready to run: what is wrong with one is told before the first of them runs.
    fn questions(&self, library: &Library) -> Result<Vec<Question>> {
        let given = self.params.iter().map(|param| assignment(param)).collect::<Result<Vec<_>>>()?;
        let mut queries: Vec<(String, QueryText)> = Vec::new();
        for named in &self.queries_of {
            for (name, query) in find(named, library)? {
                // a folder and a file in it name the file twice
                if !queries.iter().any(|(known, _)| *known == name) {
                    queries.push((name, query));
                }
            }
        }
        for (name, _) in &given {
            if !queries.iter().any(|(_, query)| query.takes(name)) {
                return Err(Error::usage(format!("no query of this report has a parameter {name}"))
                    .hint("a query declares it as -- param: name type = default"));
            }
        }
        let now = Utc::now();
        queries.iter().map(|(name, query)| Question::new(name, query, &given, now)).collect()
    }
}

/// The queries that an argument means: a path where there is one, else a name.
fn find(named: &str, library: &Library) -> Result<Vec<(String, QueryText)>> {
    let path = Path::new(named);
    if path.is_dir() {
        let files = files(path)?;
        return match files.is_empty() {
            true => Err(Error::usage(format!("there is no *.sql below the folder {named}"))
                .hint("a query is a file that ends in .sql; hidden files and folders are passed over")),
            false => files.iter().map(|file| read(file)).collect(),
        };
    }
    if path.exists() || !is_query_name(named) {
        return Ok(vec![read(path)?]);
    }
    let neither = |error: Error| error.context(format!("{named} is neither a file nor a folder nor a query's name"));
    Ok(vec![(named.to_owned(), library.find(named).map_err(neither)?)])
}

fn read(path: &Path) -> Result<(String, QueryText)> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| {
        Error::usage(format!("cannot read the query file {name}"))
            .caused_by(e)
            .hint("name a file, a folder of *.sql files, or a query that firelake queries lists")
    })?;
    let query = QueryText::parse(&name, &text)?;
    Ok((name, query))
}

/// Every `*.sql` below a folder, in order. Hidden entries are passed over, linked folders not entered.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |e| Error::usage(format!("cannot read the folder {}", folder.display())).caused_by(e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, is_hidden) = (entry.path(), entry.file_name().to_string_lossy().starts_with('.'));
        if is_hidden {
            continue;
        }
        if entry.file_type().map_err(unreadable)?.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A file that the report goes to.
struct Output<'a> {
    path: &'a Path,
    file: File,
}

fn create(path: &Path) -> Result<Output<'_>> {
    let file = File::create(path).map_err(|e| {
        Error::usage(format!("cannot write {}", path.display())).caused_by(e).hint("its folder must be there")
    })?;
    Ok(Output { path, file })
}

impl Output<'_> {
    fn write(&mut self, text: &str) -> Result<()> {
        let failed = |e| Error::storage(format!("cannot write {}", self.path.display())).caused_by(e);
        self.file.write_all(text.as_bytes()).map_err(failed)
    }
}

/// What is printed while queries run: outcomes on stdout, a spinner on a terminal's stderr.
struct Shown {
    json: bool,
    bar: ProgressBar,
    name_width: usize,
    width: Option<usize>,
}

impl Shown {
    fn new(questions: &[Question], json: bool) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(questions.len() as u64), target);
        if let Ok(style) = indicatif::ProgressStyle::with_template("{spinner} {msg} ({human_pos} of {human_len} done)")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        let names = questions.iter().map(|question| question.name.chars().count());
        Shown { json, bar, name_width: names.max().unwrap_or(0), width: super::common::terminal_width() }
    }

    fn begin(&self, name: &str) {
        self.bar.set_message(name.to_owned());
    }

    fn end(&self, outcome: &Outcome) -> Result<()> {
        let told = match self.json {
            true => json::outcome(outcome)?,
            false => text::outcome(outcome, self.name_width, self.width)?,
        };
        self.bar.inc(1);
        self.bar.suspend(|| self.print(told.trim_end()))
    }

    /// Where nobody reads on (`| head`), the queries still run: the exit code must not say that all is well.
    fn print(&self, text: &str) -> Result<()> {
        match print(text) {
            Err(error) if reader_is_gone(&error) => Ok(()),
            printed => printed,
        }
    }

    fn totals(&self, totals: &Totals) -> Result<()> {
        self.bar.finish_and_clear();
        match self.json {
            true => self.print(&json::totals(totals)?),
            false => self.print(&format!("\n{}", text::totals(totals))),
        }
    }
}
