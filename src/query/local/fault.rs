//! From DataFusion's errors to ours: what, where in the SQL, and what to do.

use crate::error::Error;
use crate::query::Bound;
use crate::query::place::{Place, told};
use crate::query::suggest::nearest;
use crate::storage::Fault;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use object_store::path::Path;

/// An error of parsing or planning: quotes the line of SQL, with a caret under the place where that is known.
pub(super) fn of_sql(error: DataFusionError, query: &Bound) -> Error {
    if let Some(ours) = ours(&error) {
        return ours;
    }
    let (what, written) = without_place(&message(&error));
    let place = span(&error).or(written);
    let (what, hint) = match misfit(&what) {
        Some((what, hint)) => (what, hint),
        None => (what.clone(), hint(&error, &what)),
    };
    let message = told(query, place, &what);
    match hint {
        Some(hint) => Error::query(message).hint(hint),
        None => Error::query(message),
    }
}

/// An error while rows come; `file` is the one that it came from, where that was found out, and `earlier` says that tables are
/// read as of an earlier commit.
pub(super) fn of_data(error: DataFusionError, file: Option<Path>, earlier: bool) -> Error {
    if let Some(ours) = ours(&error) {
        return ours;
    }
    let what = message(&error);
    let message = match file {
        Some(file) => format!("cannot read the data file {file}: {what}"),
        None if is_of_file(&error) => format!("cannot read a data file: {what}"),
        None => return Error::query(what),
    };
    let is_gone = what.contains("Object at location ") && what.contains(" not found");
    Error::storage(message).hint(if is_gone && earlier { DELETED } else { DAMAGED })
}

const DELETED: &str = "where gc has deleted files of that state, choose a later one with --as-of; else restore the file from a \
                       backup: the landed objects still hold its records";
const DAMAGED: &str = "restore the file from a backup; the landed objects still hold its records";

/// What firelake itself, or a service of AWS, said on the way: it says it better.
fn ours(error: &DataFusionError) -> Option<Error> {
    Error::carried_by(error).or_else(|| Fault::carried_by(error))
}

/// Whether a decoder failed without saying in which file.
pub(super) fn hides_its_file(error: &DataFusionError) -> bool {
    is_of_file(error) && !message(error).contains(NAMES_FILE)
}

/// What DataFusion says where a file's footer cannot be had; a name follows.
const NAMES_FILE: &str = "Failed to fetch metadata for file";

fn is_of_file(error: &DataFusionError) -> bool {
    let what = message(error);
    // A filter is evaluated while a file is read: what it cannot do is no fault of the file.
    if ["CastError", "ComputeError", "DivideByZero", "ArithmeticOverflow", "InvalidArgument"]
        .iter()
        .any(|of| what.contains(of))
    {
        return false;
    }
    matches!(error.find_root(), DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_))
        || what.contains(NAMES_FILE)
        || what.starts_with("Parquet error")
        || what.starts_with("Parquet argument error")
}

/// What an error says, without DataFusion's prefixes.
fn message(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::SQL(parser, _) => match parser.as_ref() {
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.clone(),
            ParserError::RecursionLimitExceeded => "the SQL is nested too deeply".into(),
        },
        DataFusionError::SchemaError(schema, _) => schema_message(schema),
        root => root.message().into_owned(),
    }
}

fn schema_message(error: &SchemaError) -> String {
    match error {
        SchemaError::FieldNotFound { field, .. } => format!("there is no column {}", field.flat_name()),
        SchemaError::AmbiguousReference { field } => {
            format!("column {} is in more than one table: write table.{}", field.name, field.name)
        }
        other => other.to_string(),
    }
}

fn hint(error: &DataFusionError, what: &str) -> Option<String> {
    if let DataFusionError::SchemaError(schema, _) = error.find_root()
        && let SchemaError::FieldNotFound { field, valid_fields } = schema.as_ref()
    {
        return Some(columns_hint(field, valid_fields));
    }
    if what.starts_with("Invalid function") {
        return Some("docs/query-file.md lists the functions that firelake adds to DataFusion's own".into());
    }
    let said = error.diagnostic()?.helps.first()?.message.clone();
    Some(said)
}

/// Arguments that a function does not take: what it says itself, or which arguments it would take.
fn misfit(what: &str) -> Option<(String, Option<String>)> {
    let (why, rest) = what.split_once("No function matches the given name and argument types '")?;
    if let Some((_, own)) = why.split_once("user-defined coercion failed with: Error during planning: ") {
        return Some((own.trim_end().trim_end_matches('.').to_owned(), None));
    }
    let (call, rest) = rest.split_once("'. ")?;
    let (_, candidates) = rest.split_once("Candidate functions:")?;
    let candidates: Vec<&str> = candidates.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let hint = format!("cast the arguments; there are {}", candidates.join(", "));
    Some((format!("no function fits {call}"), Some(hint)))
}

fn columns_hint(field: &Column, valid: &[Column]) -> String {
    let mut names: Vec<&str> = valid.iter().map(|column| column.name.as_str()).collect();
    names.dedup();
    let all = names.join(", ");
    match nearest(&field.name, names) {
        Some(near) => format!("did you mean {near}? The columns are {all}"),
        None => format!("the columns are {all}"),
    }
}

fn span(error: &DataFusionError) -> Option<Place> {
    let start = error.diagnostic()?.span?.start;
    Some(Place { line: usize::try_from(start.line).ok()?, column: usize::try_from(start.column).ok()? })
}

/// sqlparser writes the place at the end of its message: takes it off.
fn without_place(message: &str) -> (String, Option<Place>) {
    let parts = || {
        let (what, place) = message.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        let digits = column.find(|c: char| !c.is_ascii_digit()).unwrap_or(column.len());
        let place = Place { line: line.parse().ok()?, column: column[..digits].parse().ok()? };
        Some((what.trim_end().to_owned(), place))
    };
    match parts() {
        Some((what, place)) => (what, Some(place)),
        None => (message.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_taken_off() {
        let (what, place) = without_place("Expected: FROM, found: x at Line: 2, Column: 4");
        assert_eq!(what, "Expected: FROM, found: x");
        assert_eq!(place, Some(Place { line: 2, column: 4 }));
        assert_eq!(without_place("no place"), ("no place".into(), None));
    }
}
