//! What a schema does not know of the records that land now. They are decoded with it as `compact` does; whatever is left
//! over in `extra` is a new field, or a value that does not fit, and is profiled as records are.

use super::infer::infer;
use super::profile::{DEEPEST, Field, Look, Object};
use super::propose::{Column as Proposed, more};
use super::scalars::visible;
use super::{render, told};
use crate::decode::parse::{Fields, parse_object};
use crate::decode::{Decoded, Decoder};
use crate::error::Result;
use crate::table::{Column, ColumnSource, Evolution, HiveType, TableSchema};
use arrow::array::AsArray;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// Bytes of records that are decoded at a time.
const PORTION: usize = 1 << 20;

/// What the records have and the schema does not, and the reverse.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Difference {
    /// Records that became rows.
    pub rows: u64,
    /// Records that could not be decoded.
    pub rejected: u64,
    /// Fields that no column takes.
    pub new: Vec<NewField>,
    /// Values that do not fit their column.
    pub misfits: Vec<Misfit>,
    /// Columns whose fields are in no record.
    pub gone: Vec<ColumnSeen>,
    /// The schema with what it may get: wider types, and the new columns at its end. None where nothing may.
    pub evolved: Option<String>,
    /// Why it cannot have that.
    pub refused: Option<String>,
}

/// A column that is proposed for what no column takes.
#[derive(Debug, Clone, Serialize)]
pub struct NewField {
    /// The column's name.
    pub column: String,
    /// Its type.
    pub hive_type: String,
    /// Where its values come from; none: its name.
    pub from: Option<String>,
    /// What they look like.
    pub about: String,
    /// It as TOML, to stand at the end of the schema file.
    pub toml: String,
}

/// Values that a column looked at and could not take.
#[derive(Debug, Clone, Serialize)]
pub struct Misfit {
    /// The column.
    pub column: String,
    /// Its type.
    pub hive_type: String,
    /// The field that has them.
    pub field: String,
    /// How many records have one.
    pub values: u64,
    /// Of so many.
    pub records: u64,
    /// What they look like.
    pub about: String,
    /// The type that would take them, where the column may become that.
    pub becomes: Option<String>,
    /// What can be done.
    pub advice: String,
}

/// A column, and the fields that it takes.
#[derive(Debug, Clone, Serialize)]
pub struct ColumnSeen {
    /// The column.
    pub column: String,
    /// Its fields.
    pub from: Vec<String>,
}

impl Difference {
    /// Whether the schema knows all that there is, and all that it knows is there.
    pub fn is_none(&self) -> bool {
        self.new.is_empty() && self.misfits.is_empty() && self.gone.is_empty()
    }
}

/// Decodes records with a schema, and profiles what is left over.
pub(super) struct Against {
    schema: TableSchema,
    decoder: Decoder,
    buffer: Vec<u8>,
    delivered: DateTime<Utc>,
    rest: Rest,
    rows: u64,
    rejected: u64,
}

/// What no column took.
struct Rest {
    object: Object,
    look: Look,
    fields: Fields,
}

impl Rest {
    fn push(&mut self, extra: &str) {
        if parse_object(extra.as_bytes(), 0, &mut self.fields) == Ok(extra.len()) {
            self.object.observe(&mut self.look, extra.as_bytes(), &self.fields.items, DEEPEST);
        }
    }
}

impl Against {
    pub(super) fn new(schema: TableSchema) -> Result<Self> {
        Ok(Against {
            decoder: Decoder::new(&schema)?,
            schema,
            buffer: Vec::new(),
            delivered: DateTime::UNIX_EPOCH,
            rest: Rest { object: Object::default(), look: Look::new()?, fields: Fields::default() },
            rows: 0,
            rejected: 0,
        })
    }

    pub(super) fn schema(&self) -> &TableSchema {
        &self.schema
    }

    /// Takes one record, strict JSON.
    pub(super) fn push(&mut self, record: &[u8], delivered: DateTime<Utc>) -> Result<()> {
        if self.buffer.len() > PORTION || self.delivered != delivered {
            self.flush()?;
        }
        self.delivered = delivered;
        self.buffer.extend_from_slice(record);
        self.buffer.push(b'\n');
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let Against { schema, decoder, buffer, delivered, rest, .. } = self;
        rest.look.delivered = Some(delivered.timestamp_millis());
        let counts = decoder.decode(&mut &buffer[..], *delivered, &mut |decoded| {
            if let Decoded::Rows(rows) = decoded {
                let extra = rows.batch.column(schema.columns.len()).as_string::<i32>();
                extra.iter().flatten().for_each(|extra| rest.push(extra));
            }
            Ok(())
        })?;
        self.rows += counts.records - counts.rejected;
        self.rejected += counts.rejected;
        self.buffer.clear();
        Ok(())
    }

    /// What the schema does not know of all that was taken; `root` are the same records' fields.
    pub(super) fn finish(&mut self, root: &Object, examples: bool) -> Result<Difference> {
        self.flush()?;
        let gone = self.schema.columns.iter().filter_map(|column| gone(column, root)).collect();
        let (mut misfits, mut widened) = (Vec::new(), Vec::new());
        for field in &self.rest.object.fields {
            for column in self.schema.columns.iter().filter(|column| takes(column, &field.lower)) {
                let (misfit, becomes) = misfit(column, field, root.seen, examples);
                widened.extend(becomes.map(|of| (column.name.clone(), of)));
                misfits.push(misfit);
            }
        }
        let new = self.new_columns(root.seen);
        let (evolved, refused) = match new.is_empty() && widened.is_empty() {
            true => (None, None),
            false => self.evolved(&new, &widened, examples),
        };
        let new = new.iter().map(|column| new_field(column, examples)).collect();
        Ok(Difference { rows: self.rows, rejected: self.rejected, new, misfits, gone, evolved, refused })
    }

    fn new_columns(&self, records: u64) -> Vec<Proposed> {
        let names: Vec<&str> = self.schema.columns.iter().map(|column| &column.name[..]).collect();
        let keys: Vec<&str> = self.schema.partitions.iter().map(|key| &key.name[..]).collect();
        let is_new = |field: &Field| !self.schema.columns.iter().any(|column| takes(column, &field.lower));
        more(self.schema.format, &self.rest.object, &is_new, records, &[names, keys].concat())
    }

    /// The schema's text with the changes that a table may take, or why not.
    fn evolved(
        &self,
        new: &[Proposed],
        widened: &[(String, HiveType)],
        examples: bool,
    ) -> (Option<String>, Option<String>) {
        let mut text = self.schema.text.clone();
        for (column, of) in widened {
            text = with_type(&text, column, of).unwrap_or(text);
        }
        if !text.ends_with('\n') && !new.is_empty() {
            text.push('\n');
        }
        text += &render::columns(new, examples);
        match TableSchema::parse(&self.schema.name, "the evolved schema", &text)
            .map(|new| self.schema.evolution_to(&new))
        {
            Ok(Evolution::Changes(_)) => (Some(text), None),
            Ok(Evolution::Same) => {
                (None, Some("the schema file is written in a way that this cannot change: do it by hand".into()))
            }
            Ok(Evolution::Refused { reason, way_out }) => (None, Some(format!("{reason}: {way_out}"))),
            Err(error) => (None, Some(error.message().to_owned())),
        }
    }
}

fn new_field(column: &Proposed, examples: bool) -> NewField {
    NewField {
        column: column.name.clone(),
        hive_type: column.of.to_string(),
        from: column.from.clone(),
        about: column.about[usize::from(!examples)].clone(),
        toml: render::columns(std::slice::from_ref(column), examples).trim_start().to_owned(),
    }
}

fn sources(column: &Column) -> &[String] {
    match &column.source {
        ColumnSource::Fields { from, .. } => from,
        ColumnSource::Expr { .. } => &[],
    }
}

/// Whether a column takes a field of the record, by its name in lower case.
fn takes(column: &Column, lower: &str) -> bool {
    sources(column).iter().any(|name| name.to_lowercase() == lower)
}

fn gone(column: &Column, root: &Object) -> Option<ColumnSeen> {
    let from = sources(column);
    let is_there = from.iter().any(|name| root.get(name).is_some() || root.lies_inside(name));
    (!from.is_empty() && !is_there).then(|| ColumnSeen { column: column.name.clone(), from: from.to_vec() })
}

fn misfit(column: &Column, field: &Field, records: u64, examples: bool) -> (Misfit, Option<HiveType>) {
    let (inferred, _) = infer(std::slice::from_ref(&field.name), &field.values);
    let widened = widen(&column.hive_type, &inferred.of);
    let becomes = widened.clone().filter(|of| *of != column.hive_type);
    let advice = match (&becomes, widened) {
        (Some(of), _) => format!("the column may become {of}"),
        (None, Some(_)) if column.hive_type.has_times() && !inferred.formats.is_empty() => format!(
            "times in another format ({}): a table cannot change how a column is read, so add a column of another name",
            inferred.formats.join(", ")
        ),
        (None, Some(_)) => "they would fit: they come beside another field of the column, or twice in a record".into(),
        (None, None) => format!(
            "no wider type takes them all ({} would): add a column of another name, or leave them in extra",
            inferred.of
        ),
    };
    let misfit = Misfit {
        column: column.name.clone(),
        hive_type: column.hive_type.to_string(),
        field: visible(&field.name),
        values: field.values.seen,
        records,
        about: told::about(&field.values, &inferred, records, records, examples),
        becomes: becomes.as_ref().map(HiveType::to_string),
        advice,
    };
    (misfit, becomes)
}

/// The type that takes what the old one takes and what was seen, where a table may change to it.
fn widen(old: &HiveType, seen: &HiveType) -> Option<HiveType> {
    use HiveType::*;
    let width = |of: &HiveType| [Tinyint, Smallint, Int, Bigint].iter().position(|known| known == of);
    Some(match (old, seen) {
        _ if old == seen => old.clone(),
        (String, _) | (Timestamp, Date) | (Double, Int | Bigint) => old.clone(),
        (Float, Double) => Double,
        (Array(old), Array(seen)) => Array(Box::new(widen(old, seen)?)),
        (Map(old), Map(seen)) if !matches!(**old, Struct(_)) => Map(Box::new(widen(old, seen)?)),
        (Struct(old), Struct(seen)) => {
            let mut fields = old.clone();
            for (name, of) in seen {
                match fields.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => *known = widen(known, of)?,
                    None => fields.push((name.clone(), of.clone())),
                }
            }
            Struct(fields)
        }
        _ => match (width(old), width(seen)) {
            (Some(narrow), Some(wide)) => {
                if narrow < wide {
                    seen.clone()
                } else {
                    old.clone()
                }
            }
            _ => return None,
        },
    })
}

/// A schema's text with another type of one column, where that stands on a line of its own.
fn with_type(text: &str, column: &str, of: &HiveType) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let key = |line: &str, key: &str| line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
    let is_name = |line: &&str| key(line, "name") && line.split('"').nth(1) == Some(column);
    let name = lines.iter().position(is_name)?;
    let is_head = |line: &&str| line.trim_start().starts_with('[');
    let start = lines[..name].iter().rposition(is_head).filter(|at| lines[*at].trim().starts_with("[[column]]"))?;
    let end = lines[name..].iter().position(is_head).map_or(lines.len(), |at| name + at);
    let at = (start..end).find(|at| key(lines[*at], "type"))?;
    let comment = lines[at].split('"').nth(2).unwrap_or_default();
    let line = format!("type = \"{of}\"{comment}");
    let changed = lines.iter().enumerate().map(|(place, old)| if place == at { &line[..] } else { old });
    Some(changed.collect::<Vec<_>>().join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_widen_as_tables_may() {
        for (old, seen, expected) in [
            ("int", "bigint", Some("bigint")),
            ("bigint", "int", Some("bigint")),
            ("int", "double", None),
            ("int", "string", None),
            ("float", "double", Some("double")),
            ("struct<a:int>", "struct<b:string,a:bigint>", Some("struct<a:bigint,b:string>")),
            ("array<struct<a:int>>", "array<struct<b:int>>", Some("array<struct<a:int,b:int>>")),
            ("map<string,int>", "map<string,bigint>", Some("map<string,bigint>")),
            ("map<string,struct<a:int>>", "map<string,struct<b:int>>", None),
            ("array<int>", "map<string,int>", None),
        ] {
            let of = |word: &str| word.parse::<HiveType>().unwrap();
            assert_eq!(widen(&of(old), &of(seen)), expected.map(of), "{old} {seen}");
        }
    }

    #[test]
    fn a_type_is_changed_in_its_own_column() {
        let text = "[[column]]\ntype = \"int\"   # small\nname = \"a\"\n[[column]]\nname = \"b\"\ntype = \"int\"\n";
        let changed = with_type(text, "a", &HiveType::Bigint).unwrap();
        assert_eq!(changed, text.replacen("\"int\"", "\"bigint\"", 1));
        assert_eq!(with_type(text, "c", &HiveType::Bigint), None);
    }
}
