//! Every type word of Glue's that Parquet can hold, as an Arrow type: for tables that are not firelake's.

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use std::sync::Arc;

/// The Arrow type of a type word such as `array<struct<a:int,b:varchar(10)>>`.
///
/// `varchar` and `char` are text; a `timestamp` has milliseconds and no zone, as Athena's has.
///
/// # Errors
/// What is not understood, in words.
pub(super) fn arrow_type(word: &str) -> Result<DataType, String> {
    let word = word.trim().to_ascii_lowercase();
    let (name, arguments) = match word.split_once(['<', '(']) {
        Some((name, rest)) => (name.trim(), Some(closed(&word, rest)?)),
        None => (word.as_str(), None),
    };
    Ok(match (name, arguments) {
        ("string" | "varchar" | "char", _) => DataType::Utf8,
        ("tinyint", None) => DataType::Int8,
        ("smallint", None) => DataType::Int16,
        ("int" | "integer", None) => DataType::Int32,
        ("bigint", None) => DataType::Int64,
        ("float" | "real", None) => DataType::Float32,
        ("double", None) => DataType::Float64,
        ("boolean", None) => DataType::Boolean,
        ("date", None) => DataType::Date32,
        ("timestamp", None) => DataType::Timestamp(TimeUnit::Millisecond, None),
        ("binary", None) => DataType::Binary,
        ("decimal", None) => DataType::Decimal128(10, 0),
        ("decimal", Some(arguments)) => decimal(arguments)?,
        ("array", Some(element)) => DataType::List(Arc::new(Field::new("element", arrow_type(element)?, true))),
        ("map", Some(arguments)) => map(arguments)?,
        ("struct", Some(arguments)) => structure(arguments)?,
        _ => return Err(format!("there is no type {word}")),
    })
}

/// What stands between the brackets.
fn closed<'a>(word: &str, rest: &'a str) -> Result<&'a str, String> {
    rest.trim_end().strip_suffix(['>', ')']).ok_or_else(|| format!("{word} has no closing bracket"))
}

fn decimal(arguments: &str) -> Result<DataType, String> {
    let wrong = || format!("decimal({arguments}) has no precision and scale");
    let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
    let (precision, scale): (u8, i8) =
        (precision.trim().parse().map_err(|_| wrong())?, scale.trim().parse().map_err(|_| wrong())?);
    match (1..=38).contains(&precision) && (0..=38).contains(&scale) && scale.unsigned_abs() <= precision {
        true => Ok(DataType::Decimal128(precision, scale)),
        false => Err(wrong()),
    }
}

fn map(arguments: &str) -> Result<DataType, String> {
    let [key, value] = parts(arguments)[..] else { return Err(format!("map<{arguments}> has no key and value")) };
    let entry =
        Fields::from(vec![Field::new("key", arrow_type(key)?, false), Field::new("value", arrow_type(value)?, true)]);
    Ok(DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(entry), false)), false))
}

fn structure(arguments: &str) -> Result<DataType, String> {
    let field = |part: &&str| match part.split_once(':') {
        Some((name, word)) => Ok(Field::new(name.trim(), arrow_type(word)?, true)),
        None => Err(format!("the field {part} has no type")),
    };
    let fields = parts(arguments).iter().map(field).collect::<Result<Vec<_>, String>>()?;
    Ok(DataType::Struct(fields.into()))
}

/// The parts between commas that are in no inner bracket.
fn parts(arguments: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0_i32, 0, Vec::new());
    for (at, byte) in arguments.bytes().enumerate() {
        match byte {
            b'<' | b'(' => depth += 1,
            b'>' | b')' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&arguments[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&arguments[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_by_example() {
        for (word, expected) in [
            ("smallint", "Int16"),
            ("varchar(10)", "Utf8"),
            ("decimal(10,2)", "Decimal128(10, 2)"),
            ("array<decimal(10,2)>", "List(Decimal128(10, 2), field: 'element')"),
            (
                "struct<a:int,b:array<struct<c:string>>>",
                r#"Struct("a": Int32, "b": List(Struct("c": Utf8), field: 'element'))"#,
            ),
            ("map<string,int>", r#"Map("key_value": non-null Struct("key": non-null Utf8, "value": Int32), unsorted)"#),
        ] {
            assert_eq!(arrow_type(word).unwrap().to_string(), expected, "{word}");
        }
        for word in ["uniontype<int,string>", "array<", "decimal(50,2)", "map<int>", "struct<a>", "array<int", ""] {
            assert!(arrow_type(word).is_err(), "{word}");
        }
    }
}
