//! What a changed schema file asks of a table that has files already: what may be done, and why the rest may not.
//!
//! Allowed is what every reader of the old files reads as meant, by name and without a doubt: a column more at the end, a
//! field of a struct more at its end, and the wider of two types where each value of the one is one of the other.

use super::schema::{Column, TableSchema};
use super::types::HiveType;
use std::fmt;

/// What becomes of a table with another schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evolution {
    /// Only texts for people differ, if anything.
    Same,
    /// The table can become the new one, by these steps.
    Changes(Vec<Change>),
    /// It cannot.
    Refused {
        /// What differs.
        reason: String,
        /// What can be done in its place.
        way_out: &'static str,
    },
}

/// One step to another schema. Columns inside of others are named with dots; `[]` is an array's element, `{}` a map's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A column, or a struct's field, that was not there: NULL in the files there are.
    Add {
        /// Its name, from the column on.
        path: String,
        /// Its type.
        hive_type: HiveType,
    },
    /// The type grows; files that there are keep the narrow one.
    Promote {
        /// Its name, from the column on.
        path: String,
        /// The type that it has.
        from: HiveType,
        /// The type that it gets.
        to: HiveType,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Add { path, hive_type } => write!(f, "{path} {hive_type} is new"),
            Change::Promote { path, from, to } => write!(f, "{path} becomes {to}, was {from}"),
        }
    }
}

const NEW_TABLE: &str = "compact into a table of another name, with --table, from the beginning of the landing zone";
const AT_THE_END: &str =
    "put what is new behind all that is there: columns last in the file, fields last in their struct";
const NEW_COLUMN: &str = "leave the column as it is, and add one of another name at the end";

type Refusal = (String, &'static str);

impl TableSchema {
    /// What becomes of a table with this schema where the schema file says `new`.
    pub fn evolution_to(&self, new: &TableSchema) -> Evolution {
        let mut changes = Vec::new();
        match self.steps_to(new, &mut changes) {
            Err((reason, way_out)) => Evolution::Refused { reason, way_out },
            Ok(()) if changes.is_empty() => Evolution::Same,
            Ok(()) => Evolution::Changes(changes),
        }
    }

    fn steps_to(&self, new: &TableSchema, changes: &mut Vec<Change>) -> Result<(), Refusal> {
        for (at, column) in self.columns.iter().enumerate() {
            column_to(column, self.columns.len(), new, at, changes)?;
        }
        for added in new.columns.iter().skip(self.columns.len()) {
            changes.push(Change::Add { path: added.name.clone(), hive_type: added.hive_type.clone() });
        }
        let laid_out = |what: &str| Err((what.to_owned(), NEW_TABLE));
        match () {
            () if self.partitions != new.partitions => laid_out("its partitions are others"),
            () if self.format != new.format => laid_out("its records land in another format"),
            () if self.event_time != new.event_time => laid_out("its event time is another column"),
            () if self.parquet != new.parquet => laid_out("its [parquet] settings are others"),
            () => Ok(()),
        }
    }
}

fn column_to(
    old: &Column,
    columns: usize,
    new: &TableSchema,
    at: usize,
    changes: &mut Vec<Change>,
) -> Result<(), Refusal> {
    let name = &old.name;
    let place = new.columns.iter().position(|column| column.name == *name);
    let Some(there) = place.map(|place| &new.columns[place]) else {
        return Err((format!("column {name} is missing: what is in the files would be out of reach"), NEW_TABLE));
    };
    if place != Some(at) {
        let between =
            new.columns.get(at).filter(|there| place > Some(at) && new.columns.len() > columns && there.name != *name);
        return Err(match between {
            Some(between) => (format!("column {} is new and stands before {name}", between.name), AT_THE_END),
            None => (format!("column {name} stands at another place"), AT_THE_END),
        });
    }
    if !old.source.same(&there.source) {
        let reason = format!(
            "column {name} comes from elsewhere or is read differently: old rows would say one thing, new ones another"
        );
        return Err((reason, NEW_COLUMN));
    }
    if new.parquet.bloom.contains(name) && is_stored_wider(&old.hive_type, &there.hive_type) {
        let reason = format!(
            "column {name} has a bloom filter and would become {}: readers look for the wide value in the filters of the \
             narrow one, and Trino silently leaves out rows that it does not find there",
            there.hive_type
        );
        return Err((reason, NEW_COLUMN));
    }
    type_to(name, &old.hive_type, &there.hive_type, changes)
}

/// Whether Parquet has the two types in different widths: what is made of a value's bytes is not the same then.
fn is_stored_wider(old: &HiveType, new: &HiveType) -> bool {
    old != new && matches!(new, HiveType::Bigint | HiveType::Double)
}

fn type_to(path: &str, old: &HiveType, new: &HiveType, changes: &mut Vec<Change>) -> Result<(), Refusal> {
    match (old, new) {
        _ if old == new => Ok(()),
        (HiveType::Array(old), HiveType::Array(new)) => type_to(&format!("{path}.[]"), old, new, changes),
        (HiveType::Map(old), HiveType::Map(new)) => {
            let before = changes.len();
            type_to(&format!("{path}.{{}}"), old, new, changes)?;
            match changes[before..].iter().find(|change| matches!(change, Change::Add { .. })) {
                Some(added) => Err((format!("{added}, inside of a map: not every engine fills that in"), NEW_COLUMN)),
                None => Ok(()),
            }
        }
        (HiveType::Struct(old), HiveType::Struct(new)) => fields_to(path, old, new, changes),
        _ if promotes(old, new) => {
            changes.push(Change::Promote { path: path.into(), from: old.clone(), to: new.clone() });
            Ok(())
        }
        _ => Err((format!("{path} is {old} and cannot become {new}"), NEW_COLUMN)),
    }
}

fn fields_to(
    path: &str,
    old: &[(String, HiveType)],
    new: &[(String, HiveType)],
    changes: &mut Vec<Change>,
) -> Result<(), Refusal> {
    for (at, (name, of)) in old.iter().enumerate() {
        match new.iter().position(|(there, _)| there == name) {
            None => return Err((format!("field {path}.{name} is missing"), NEW_COLUMN)),
            Some(place) if place != at => {
                return Err((format!("field {path}.{name} stands at another place"), AT_THE_END));
            }
            Some(place) => type_to(&format!("{path}.{name}"), of, &new[place].1, changes)?,
        }
    }
    let added = new.iter().skip(old.len());
    changes.extend(added.map(|(name, of)| Change::Add { path: format!("{path}.{name}"), hive_type: of.clone() }));
    Ok(())
}

/// Whether each value of the one type is a value of the other, for every reader of Parquet.
fn promotes(old: &HiveType, new: &HiveType) -> bool {
    use HiveType::*;
    let width = |of: &HiveType| [Tinyint, Smallint, Int, Bigint].iter().position(|known| known == of);
    match (width(old), width(new)) {
        (Some(old), Some(new)) => old < new,
        _ => matches!((old, new), (Float, Double)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(columns: &[(&str, &str)], more: &str) -> TableSchema {
        let columns = columns.iter().map(|(name, of)| format!("[[column]]\nname = \"{name}\"\ntype = \"{of}\"\n"));
        TableSchema::parse("t", "t", &format!("{}{more}", columns.collect::<String>())).unwrap()
    }

    /// The changes as text, or the reason.
    fn told(old: &[(&str, &str)], new: &[(&str, &str)]) -> String {
        match schema(old, "").evolution_to(&schema(new, "")) {
            Evolution::Same => "same".into(),
            Evolution::Changes(changes) => changes.iter().map(Change::to_string).collect::<Vec<_>>().join("; "),
            Evolution::Refused { reason, .. } => format!("no: {reason}"),
        }
    }

    #[test]
    fn evolutions_by_example() {
        let nested = "struct<a:int,b:array<struct<c:float>>,m:map<string,tinyint>>";
        for (old, new, expected) in [
            (&[("a", "int")][..], &[("a", "int")][..], "same"),
            (&[("a", "int")], &[("a", "int"), ("b", "date")], "b date is new"),
            (
                &[("a", "tinyint"), ("b", "float")],
                &[("a", "bigint"), ("b", "double")],
                "a becomes bigint, was tinyint; b becomes double, was float",
            ),
            (
                &[("s", nested)],
                &[
                    ("s", "struct<a:bigint,b:array<struct<c:double,d:string>>,m:map<string,smallint>,n:int>"),
                    ("z", "int"),
                ],
                "s.a becomes bigint, was int; s.b.[].c becomes double, was float; s.b.[].d string is new; \
                 s.m.{} becomes smallint, was tinyint; s.n int is new; z int is new",
            ),
            (&[("a", "bigint")], &[("a", "int")], "no: a is bigint and cannot become int"),
            (&[("a", "int")], &[("a", "double")], "no: a is int and cannot become double"),
            (&[("a", "int")], &[("a", "string")], "no: a is int and cannot become string"),
            (
                &[("a", "decimal(9,2)")],
                &[("a", "decimal(10,2)")],
                "no: a is decimal(9,2) and cannot become decimal(10,2)",
            ),
            (&[("a", "int"), ("b", "int")], &[("b", "int")], "no: column a is missing"),
            (&[("a", "int"), ("b", "int")], &[("b", "int"), ("a", "int")], "no: column a stands at another place"),
            (
                &[("a", "int"), ("b", "int")],
                &[("a", "int"), ("c", "int"), ("b", "int")],
                "no: column c is new and stands before b",
            ),
            (
                &[("s", "struct<a:int,b:int>")],
                &[("s", "struct<a:int,c:int,b:int>")],
                "no: field s.b stands at another place",
            ),
            (&[("s", "struct<a:int,b:int>")], &[("s", "struct<a:int>")], "no: field s.b is missing"),
            (
                &[("s", "map<string,struct<a:int>>")],
                &[("s", "map<string,struct<a:int,b:int>>")],
                "no: s.{}.b int is new, inside of a map",
            ),
            (
                &[("s", "array<int>")],
                &[("s", "map<string,int>")],
                "no: s is array<int> and cannot become map<string,int>",
            ),
        ] {
            let told = told(old, new);
            assert!(
                told == expected || expected.starts_with("no: ") && told.starts_with(expected),
                "{old:?} to {new:?}: {told}"
            );
        }
    }

    #[test]
    fn a_bloom_filter_keeps_the_width_that_it_was_made_of() {
        let of = |hive_type: &str| schema(&[("a", hive_type)], "[parquet]\nbloom = [\"a\"]");
        for (old, new, refused) in
            [("int", "bigint", true), ("float", "double", true), ("tinyint", "int", false), ("bigint", "bigint", false)]
        {
            let evolution = of(old).evolution_to(&of(new));
            assert_eq!(matches!(evolution, Evolution::Refused { .. }), refused, "{old} to {new}: {evolution:?}");
        }
    }

    #[test]
    fn what_lays_the_table_out_stays() {
        let old = schema(&[("a", "timestamp")], "");
        for more in [
            "[[partition]]\nname = \"m\"\ntransform = \"month\"",
            "event_time = true",
            "from = [\"x\"]",
            "[parquet]\nsort = [\"a\"]",
            "[source]\nformat = \"cloudwatch-logs\"",
        ] {
            let evolution = old.evolution_to(&schema(&[("a", "timestamp")], more));
            assert!(matches!(evolution, Evolution::Refused { .. }), "{more}: {evolution:?}");
        }
        assert_eq!(old.evolution_to(&schema(&[("a", "timestamp")], "comment = \"for people\"")), Evolution::Same);
    }

    #[test]
    fn what_only_people_read_makes_no_other_schema() {
        for name in crate::table::shipped_schemas() {
            let text = crate::table::shipped_schema(name).unwrap();
            let parse = |text: &str| TableSchema::parse(name, name, text).unwrap();
            assert_eq!(parse(text).evolution_to(&parse(&format!("# a comment\n{text}"))), Evolution::Same);
        }
    }
}
