//! A profile to the columns of a schema file.

mod columns;

use super::Landed;
use super::event::{Candidate, choose};
use super::infer::{Inferred, infer};
use super::profile::{LONGEST_NAME, Object, Values};
use super::scalars::visible;
use crate::table::{Format, HiveType};
use columns::name_all;
use serde::Serialize;

/// Columns of one table: Glue takes no more than so many kilobytes of them.
const MOST_COLUMNS: usize = 800;
/// Levels that a name with dots may reach.
const DEEPEST_FROM: usize = 16;
/// Parquet a day from which on hours are worth their folders.
const HOURLY: f64 = 5e9;
/// Bytes of Parquet that become of a byte of JSON, roughly: 0.05 to 0.1 for logs.
const PARQUET_OF_JSON: f64 = 0.08;

/// A proposed schema.
#[derive(Debug)]
pub struct Proposal {
    pub(super) format: Format,
    pub(super) columns: Vec<Column>,
    pub(super) hourly: bool,
    /// Estimated bytes of Parquet a day.
    pub(super) parquet_a_day: Option<f64>,
    /// What a person should know of the whole.
    pub(super) notes: Vec<String>,
}

/// A proposed column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) of: HiveType,
    /// Where it is not the column's own name.
    pub(super) from: Option<String>,
    pub(super) null: Vec<&'static str>,
    pub(super) formats: Vec<&'static str>,
    /// Its times carry no offset, or not all of them.
    pub(super) local: bool,
    /// In place of `from`.
    pub(super) expr: Option<String>,
    pub(super) event_time: bool,
    pub(super) notes: Vec<String>,
    /// What its values look like: with examples, and without.
    pub(super) about: [String; 2],
}

/// A proposed column, for programs.
#[derive(Debug, Clone, Serialize)]
pub struct ProposedColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub hive_type: String,
    /// The field that it takes, where that is not its name.
    pub from: Option<String>,
    /// SQL in place of a field.
    pub expr: Option<String>,
    /// Texts that mean NULL.
    pub null: Vec<&'static str>,
    /// How its times are read.
    pub formats: Vec<&'static str>,
    /// Whether it is the event time.
    pub event_time: bool,
    /// What its values look like.
    pub about: String,
    /// What a person should know of it.
    pub notes: Vec<String>,
}

/// A column on its way.
struct Draft<'v> {
    path: Vec<String>,
    values: &'v Values,
    inferred: Inferred,
    notes: Vec<String>,
    present: u64,
}

impl Draft<'_> {
    fn is_time(&self) -> bool {
        self.inferred.of == HiveType::Timestamp || self.inferred.computed.is_some()
    }
}

impl Proposal {
    /// What is proposed for records with these members.
    pub(super) fn new(format: Format, root: &Object, landed: &Landed) -> Self {
        let mut notes = Vec::new();
        let mut drafts = drafts(format, root, &mut notes);
        let event = match format {
            Format::Json => event_time(root, &mut drafts),
            Format::CloudwatchLogs => {
                drafts.iter().position(|draft| is_of_cloudwatch(draft, "timestamp") && draft.is_time())
            }
        };

        if event.is_none() {
            notes.push("no field is the event time for certain: partitions come from the delivery time".into());
        }
        let columns = name_all(format, drafts, event, root.seen, &[]);
        let parquet_a_day = landed.json_a_day().map(|json| json * PARQUET_OF_JSON);
        Proposal { format, columns, hourly: parquet_a_day.is_some_and(|a_day| a_day > HOURLY), parquet_a_day, notes }
    }

    /// The columns, for programs; without `examples` no value of the data is in them.
    pub fn columns(&self, examples: bool) -> Vec<ProposedColumn> {
        let column = |column: &Column| ProposedColumn {
            name: column.name.clone(),
            hive_type: column.of.to_string(),
            from: column.from.clone(),
            expr: column.expr.clone(),
            null: column.null.clone(),
            formats: column.formats.clone(),
            event_time: column.event_time,
            about: column.about[usize::from(!examples)].clone(),
            notes: column.notes.clone(),
        };
        self.columns.iter().map(column).collect()
    }

    pub(super) fn event_time(&self) -> Option<&Column> {
        self.columns.iter().find(|column| column.event_time)
    }
}

fn is_of_cloudwatch(draft: &Draft<'_>, name: &str) -> bool {
    matches!(&draft.path[..], [first, second] if first == "cloudwatch" && second == name)
}

/// Of a field that comes again.
const TWICE: &str = "some records have it twice, names compared without case: the second is in extra";

fn drafts<'v>(format: Format, root: &'v Object, notes: &mut Vec<String>) -> Vec<Draft<'v>> {
    let mut found = Vec::new();
    let of_cloudwatch = |name: &str| format == Format::CloudwatchLogs && name == "cloudwatch";
    for field in &root.fields {
        match (&field.values.objects, of_cloudwatch(&field.name)) {
            (Some(envelope), true) => {
                for field in &envelope.fields {
                    draft(vec!["cloudwatch".into(), field.name.clone()], &field.values, field.values.seen, &mut found);
                }
            }
            _ => {
                draft(vec![field.name.clone()], &field.values, field.values.seen, &mut found);
                let Some(own) = found.iter_mut().find(|draft| draft.path == [field.name.clone()]) else { continue };
                own.notes.extend(field.other_case.then(|| "also written in another case".into()));
                own.notes.extend(field.more.is_some().then(|| TWICE.into()));
            }
        }
    }
    found.retain(|draft| reachable(draft, root, notes));
    for draft in found.iter_mut().filter(|draft| draft.path.len() == 1 && root.lies_inside(&draft.path[0])) {
        // In records without it, the name reaches what lies inside of the other field.
        draft.inferred = draft.inferred.clone().into_text();
        draft.notes.push("its name also reaches into another field, so it is text".into());
    }
    if root.rest.is_some() || found.len() > MOST_COLUMNS {
        notes.push(format!("more than {MOST_COLUMNS} fields: those in the fewest records stay in extra"));
        let mut order: Vec<u64> = found.iter().map(|draft| draft.present).collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        let least = order.get(MOST_COLUMNS).copied().unwrap_or(0);
        found.retain(|draft| draft.present > least);
    }
    found
}

/// A column, and those of its members that it cannot have.
fn draft<'v>(path: Vec<String>, values: &'v Values, present: u64, found: &mut Vec<Draft<'v>>) {
    let (inferred, strays) = infer(&path, values);
    found.push(Draft { path, values, inferred, notes: Vec::new(), present });
    for stray in strays {
        draft(stray.path, stray.values, stray.values.seen, found);
    }
}

/// Whether `from` can name it.
fn reachable(draft: &Draft<'_>, root: &Object, notes: &mut Vec<String>) -> bool {
    let from = draft.path.join(".");
    let wrong = from.split('.').count() > DEEPEST_FROM
        || draft.path.iter().any(|name| name.len() > LONGEST_NAME)
        || (draft.path.len() > 1 && root.get(&from).is_some());
    if wrong {
        notes.push(format!("{:?} stays in extra: no column can name it", visible(&from)));
    }
    !wrong
}

/// The place of the event time among the drafts; one that lies inside of an object gets a column of its own, the first.
fn event_time<'v>(root: &'v Object, drafts: &mut Vec<Draft<'v>>) -> Option<usize> {
    let (chosen, why) = choose(Candidate::all(root), root.seen)?;
    let place = match drafts.iter().position(|draft| draft.path == chosen.path) {
        Some(place) => place,
        None => {
            let present = chosen.values.seen;
            let Candidate { path, values, inferred } = chosen;
            drafts.insert(0, Draft { path, values, inferred, notes: Vec::new(), present });
            0
        }
    };
    let chosen = drafts[place].is_time(); // a name that also reaches elsewhere made text of it
    chosen.then(|| drafts[place].notes.insert(0, why)).map(|()| place)
}

/// Columns for the fields that `is_new`, to stand behind those that there are.
pub(super) fn more(
    format: Format,
    root: &Object,
    is_new: &dyn Fn(&super::profile::Field) -> bool,
    records: u64,
    taken: &[&str],
) -> Vec<Column> {
    let mut found = drafts(format, root, &mut Vec::new());
    found.retain(|draft| root.get(&draft.path[0]).is_some_and(is_new));
    name_all(format, found, None, records, taken)
}
