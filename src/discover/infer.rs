//! Values to a type: what a person who had read all of them would write. Where that is not clear it is `string`, which
//! takes everything.

mod nested;

use super::names::snake;
use super::profile::Values;
use super::scalars::Scalars;
use super::times::{Epoch, KNOWN};
use crate::table::HiveType;
use nested::{of_array, of_object};
use std::collections::BTreeSet;

/// Of so many values one may not fit: it is in `extra`, and a type for all the others is worth that.
const ONE_MISFIT_IN: u64 = 1_000;
/// Whole numbers beyond this grow out of an `int` one day.
const WIDE: i64 = 100_000_000;

/// What a field should be.
#[derive(Debug, Clone)]
pub(super) struct Inferred {
    pub(super) of: HiveType,
    /// Whether any value told.
    pub(super) known: bool,
    /// Of times and dates, as schema files have them, in order.
    pub(super) formats: Vec<&'static str>,
    /// Texts that mean NULL.
    pub(super) null: BTreeSet<&'static str>,
    /// Such texts that mean themselves, somewhere inside.
    kept: BTreeSet<&'static str>,
    /// Values that do not fit.
    pub(super) misfits: u64,
    /// Some of its times carry no offset.
    pub(super) local: bool,
    /// A time since 1970 in a unit that no format reads: to be computed.
    pub(super) computed: Option<Epoch>,
    /// What a person should know.
    pub(super) notes: Vec<String>,
}

impl Inferred {
    fn new(of: HiveType) -> Self {
        Inferred {
            of,
            known: true,
            formats: Vec::new(),
            null: BTreeSet::new(),
            kept: BTreeSet::new(),
            misfits: 0,
            local: false,
            computed: None,
            notes: Vec::new(),
        }
    }

    fn text(scalars: &Scalars) -> Self {
        Inferred { kept: scalars.null_words().collect(), ..Inferred::new(HiveType::String) }
    }

    /// The same values as text, which all of them fit.
    pub(super) fn into_text(self) -> Self {
        Inferred { known: self.known, ..Inferred::new(HiveType::String) }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Takes over what belongs to the column as a whole.
    fn holding(mut self, inside: &Inferred, name: &str) -> Self {
        self.null.extend(&inside.null);
        self.kept.extend(&inside.kept);
        self.local |= inside.local;
        self.misfits += inside.misfits;
        let new: Vec<_> = inside.formats.iter().filter(|format| !self.formats.contains(format)).copied().collect();
        self.formats.extend(new);
        let of = |note: &String| if name.is_empty() { note.clone() } else { format!("{name}: {note}") };
        self.notes.extend(inside.notes.iter().map(of));
        self
    }
}

/// A member that the struct around it cannot have, for its name: a column of its own.
#[derive(Debug)]
pub(super) struct Stray<'v> {
    /// Names from the record on.
    pub(super) path: Vec<String>,
    pub(super) values: &'v Values,
}

/// What is asked of values.
#[derive(Clone)]
struct Ask<'a> {
    /// The field's name in lower case, words apart.
    name: String,
    /// Inside of another value: its column's texts for NULL and its formats are the same for all that is inside.
    nested: bool,
    /// Where a column can reach it: names from the record on. Not inside of arrays and maps.
    path: Option<Vec<String>>,
    /// Texts that must not mean NULL.
    forbidden: &'a BTreeSet<&'static str>,
}

impl Ask<'_> {
    fn inside(&self, name: &str) -> Self {
        let reach = |path: &Vec<String>| [&path[..], &[name.to_owned()]].concat();
        let path = self.path.as_ref().filter(|_| !name.contains('.')).map(reach);
        Ask { name: snake(name), nested: true, path, forbidden: self.forbidden }
    }

    fn unreachable(&self) -> Self {
        Ask { nested: true, path: None, ..self.clone() }
    }
}

/// What the values at `path` should be, and what needs a column of its own.
pub(super) fn infer<'v>(path: &[String], values: &'v Values) -> (Inferred, Vec<Stray<'v>>) {
    let mut forbidden = BTreeSet::new();
    loop {
        let mut strays = Vec::new();
        let name = snake(path.last().map_or("", String::as_str));
        let reach = path.iter().all(|name| !name.contains('.')).then(|| path.to_vec());
        let ask = Ask { name, nested: false, path: reach, forbidden: &forbidden };
        let found = of_values(&ask, values, &mut strays);
        // A text cannot mean NULL in one place of a column and itself in another.
        let clash: Vec<_> = found.null.intersection(&found.kept).copied().collect();
        if clash.is_empty() {
            return (found, strays);
        }
        forbidden.extend(clash);
    }
}

/// How many of `all` must fit.
pub(super) fn enough(all: u64) -> u64 {
    all - all / ONE_MISFIT_IN
}

fn of_values<'v>(ask: &Ask<'_>, values: &'v Values, strays: &mut Vec<Stray<'v>>) -> Inferred {
    let scalars = &values.scalars;
    let objects = values.objects_seen();
    let all = objects + values.arrays + scalars.count + values.too_deep;
    if all == 0 {
        return never(ask, scalars);
    }
    let most = enough(all);
    if scalars.count >= most {
        let found = of_scalars(ask, values);
        return Inferred { misfits: found.misfits + others(&found, all - scalars.count), ..found };
    }
    let is_null = scalars.null_words().all(|word| !ask.forbidden.contains(word));
    let nested = match (&values.objects, &values.elements) {
        (Some(object), _) if objects >= most && is_null => of_object(ask, object, strays),
        (_, Some(elements)) if values.arrays >= most && is_null => of_array(ask, elements, strays),
        _ => return Inferred::text(scalars).note(mixed(values, objects)),
    };
    match nested.of {
        HiveType::String => nested.holding(&Inferred::text(scalars), ""),
        _ => Inferred {
            misfits: nested.misfits + (all - objects.max(values.arrays)),
            null: nested.null.into_iter().chain(scalars.null_words()).collect(),
            ..nested
        },
    }
}

/// Values of other kinds fit text, and nothing else.
fn others(found: &Inferred, count: u64) -> u64 {
    if found.of == HiveType::String { 0 } else { count }
}

fn never(ask: &Ask<'_>, scalars: &Scalars) -> Inferred {
    let mut found = Inferred { known: false, ..Inferred::text(scalars) };
    if !ask.nested && scalars.null_words().eq(["-"]) {
        (found.null, found.kept) = (["-"].into(), BTreeSet::new());
    }
    found
}

fn mixed(values: &Values, objects: u64) -> String {
    if values.too_deep > 0 {
        return "it nests too deep for a type, so it is JSON text".into();
    }
    let kinds = [(objects, "objects"), (values.arrays, "arrays"), (values.scalars.count, "single values")];
    let seen: Vec<String> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    match seen.len() {
        1 => "a text in place of it may mean NULL or itself, so it is JSON text".into(),
        _ => format!("mixed ({}), so it is text", seen.join(", ")),
    }
}

fn of_scalars(ask: &Ask<'_>, values: &Values) -> Inferred {
    let scalars = &values.scalars;
    let null_is_free = scalars.null_words().all(|word| !ask.forbidden.contains(word));
    let typed = null_is_free.then(|| of_time(ask, values).or_else(|| of_number(ask, values))).flatten();
    match typed {
        Some(typed) => Inferred { null: scalars.null_words().collect(), ..typed },
        None => of_text(ask, values),
    }
}

fn of_text(ask: &Ask<'_>, values: &Values) -> Inferred {
    let scalars = &values.scalars;
    let mut found = Inferred::text(scalars);
    let says_nothing = scalars.longest > 1 && !scalars.signs;
    if !ask.nested && says_nothing && scalars.null_words().any(|word| word == "-") {
        found.kept.remove("-");
        found.null.insert("-");
    }
    let numbers = scalars.whole + scalars.fraction;
    if scalars.objects == scalars.count {
        found = found.note("each is a JSON object inside of a string, and stays one: SQL takes it apart");
    } else if values.times.unread >= enough(scalars.count) {
        found = found.note("a time as people write it, which no format reads");
    } else if numbers * 2 > scalars.count && numbers < scalars.count && scalars.odd == 0 {
        found = found.note(format!("{} of its {} values are numbers, the others are not", numbers, scalars.count));
    }
    found
}

fn of_time(ask: &Ask<'_>, values: &Values) -> Option<Inferred> {
    let (count, times) = (values.scalars.count, &values.times);
    let named = is_time_name(&ask.name);
    let formats = times.formats(enough(count), named);
    if formats.is_empty() {
        return named.then(|| times.epoch(enough(count))).flatten().and_then(|unit| of_epoch(ask, values, unit));
    }
    let open = times.is_ambiguous(&formats);
    if ask.nested
        && (open || formats.iter().any(|at| KNOWN[*at].format.contains('/') && !KNOWN[*at].format.contains("%b")))
    {
        return None; // the formats of a column are for all that is in it
    }
    let read: u64 = formats.iter().map(|at| times.first[*at]).sum();
    let local = |at: &usize| KNOWN[*at].offset == Some(false) || KNOWN[*at].offset.is_none() && times.local > 0;
    let days = formats.iter().all(|at| KNOWN[*at].day);
    let mut found = Inferred::new(if days { HiveType::Date } else { HiveType::Timestamp });
    found.formats = formats.iter().map(|at| KNOWN[*at].format).collect();
    found.local = !days && formats.iter().any(local);
    found.misfits = count.saturating_sub(read);
    Some(match open {
        true => found.note("nothing here tells whether the day or the month comes first: check it"),
        false => found,
    })
}

fn of_epoch(ask: &Ask<'_>, values: &Values, unit: Epoch) -> Option<Inferred> {
    let misfits = values.scalars.count - values.times.epochs[unit as usize];
    let format = match unit {
        Epoch::Seconds => "epoch_s",
        Epoch::Millis => "epoch_ms",
        Epoch::Micros | Epoch::Nanos => {
            let number = of_number(ask, values).filter(|found| found.of == HiveType::Bigint)?;
            let number = number.note(format!("{} since 1970", unit.word()));
            return Some(Inferred { computed: Some(unit), ..number });
        }
    };
    Some(Inferred { formats: vec![format], misfits, ..Inferred::new(HiveType::Timestamp) })
}

fn of_number(ask: &Ask<'_>, values: &Values) -> Option<Inferred> {
    let scalars = &values.scalars;
    let (count, numbers) = (scalars.count, scalars.whole + scalars.fraction);
    if scalars.boolean >= enough(count) {
        return Some(Inferred { misfits: count - scalars.boolean, ..Inferred::new(HiveType::Boolean) });
    }
    let is_label = scalars.quoted * 2 > scalars.all() && is_label(&ask.name);
    if numbers < enough(count) || is_label {
        return None;
    }
    let of = match scalars.fraction {
        0 => whole(&ask.name, scalars.range.unwrap_or_default()),
        _ => HiveType::Double,
    };
    let mut found = Inferred { misfits: count - numbers, ..Inferred::new(of) };
    if let Some(unit) = values.times.epoch(enough(count)).filter(|_| !is_time_name(&ask.name)) {
        found = found.note(format!("may be a time: {} since 1970", unit.word()));
    }
    Some(found)
}

/// `int`, or `bigint` where it is that large, or counts what grows.
fn whole(name: &str, (low, high): (i64, i64)) -> HiveType {
    const GROWS: [&str; 26] = [
        "bytes", "byte", "size", "length", "len", "count", "counter", "total", "sum", "id", "seq", "sequence",
        "offset", "packets", "duration", "elapsed", "millis", "ms", "us", "ns", "micros", "nanos", "number", "uptime",
        "requests", "hits",
    ];
    let grows = name.split('_').any(|word| GROWS.contains(&word)) || name.ends_with("bytes") || name.ends_with("size");
    match grows || low < -WIDE || high > WIDE {
        true => HiveType::Bigint,
        false => HiveType::Int,
    }
}

/// Whether a field of this name holds a time, if its values can be one.
pub(super) fn is_time_name(name: &str) -> bool {
    const WORDS: [&str; 24] = [
        "ts", "at", "when", "epoch", "created", "updated", "modified", "expires", "expiry", "start", "end", "started",
        "ended", "seen", "since", "until", "day", "clock", "received", "sent", "arrival", "iat", "exp", "nbf",
    ];
    let ends = ["time", "timestamp", "date", "datetime", "stamp", "millis"];
    name.split('_').any(|word| WORDS.contains(&word) || ends.iter().any(|end| word.ends_with(end)))
}

/// Whether digits in quotes under this name are a name themselves.
fn is_label(name: &str) -> bool {
    const WORDS: [&str; 24] = [
        "phone",
        "tel",
        "telephone",
        "mobile",
        "fax",
        "msisdn",
        "imei",
        "imsi",
        "zip",
        "zipcode",
        "postcode",
        "postal",
        "plz",
        "version",
        "ver",
        "hash",
        "token",
        "fingerprint",
        "serial",
        "account",
        "owner",
        "isbn",
        "ean",
        "sku",
    ];
    name.split('_').any(|word| WORDS.contains(&word))
}
