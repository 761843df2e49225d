//! Hive's type words, as Glue and Athena write them, and the Arrow types that firelake uses for them.

mod words;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A column's type in Glue's own words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HiveType {
    /// UTF-8 text.
    String,
    /// 64-bit signed.
    Bigint,
    /// 32-bit signed. Glue's word is `int`, never `integer`.
    Int,
    /// 16-bit signed.
    Smallint,
    /// 8-bit signed.
    Tinyint,
    /// 64-bit IEEE 754.
    Double,
    /// 32-bit IEEE 754.
    Float,
    /// true or false.
    Boolean,
    /// A calendar day.
    Date,
    /// UTC, milliseconds: the precision of Athena's `timestamp`.
    Timestamp,
    /// Exact: precision (1 to 38) and scale.
    Decimal(u8, i8),
    /// Bytes.
    Binary,
    /// Values of one type, in order.
    Array(Box<HiveType>),
    /// Values of one type by name: the keys are strings, as those of a JSON object are.
    Map(Box<HiveType>),
    /// Fields with a name and a type each, at least one. New ones may be added last only.
    Struct(Vec<(String, HiveType)>),
}

/// Nesting deeper than this is no table any more.
const DEEPEST: usize = 16;

impl HiveType {
    /// The Arrow type on both engines and in files. `timestamp` has no zone and means UTC. The names inside of lists and maps
    /// are those that the Parquet format wants.
    pub fn to_arrow(&self) -> DataType {
        match self {
            HiveType::String => DataType::Utf8,
            HiveType::Bigint => DataType::Int64,
            HiveType::Int => DataType::Int32,
            HiveType::Smallint => DataType::Int16,
            HiveType::Tinyint => DataType::Int8,
            HiveType::Double => DataType::Float64,
            HiveType::Float => DataType::Float32,
            HiveType::Boolean => DataType::Boolean,
            HiveType::Date => DataType::Date32,
            HiveType::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            HiveType::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            HiveType::Binary => DataType::Binary,
            HiveType::Array(element) => DataType::List(Arc::new(Field::new("element", element.to_arrow(), true))),
            HiveType::Map(value) => {
                let entry = vec![Field::new("key", DataType::Utf8, false), Field::new("value", value.to_arrow(), true)];
                DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(entry.into()), false)), false)
            }
            HiveType::Struct(fields) => {
                DataType::Struct(fields.iter().map(|(name, of)| Field::new(name, of.to_arrow(), true)).collect())
            }
        }
    }

    /// The type that [`to_arrow`](Self::to_arrow) makes this Arrow type of; `None` for one that it never makes.
    pub fn of_arrow(data_type: &DataType) -> Option<HiveType> {
        Some(match data_type {
            DataType::Utf8 => HiveType::String,
            DataType::Int64 => HiveType::Bigint,
            DataType::Int32 => HiveType::Int,
            DataType::Int16 => HiveType::Smallint,
            DataType::Int8 => HiveType::Tinyint,
            DataType::Float64 => HiveType::Double,
            DataType::Float32 => HiveType::Float,
            DataType::Boolean => HiveType::Boolean,
            DataType::Date32 => HiveType::Date,
            DataType::Timestamp(_, None) => HiveType::Timestamp,
            DataType::Decimal128(precision, scale) => HiveType::Decimal(*precision, *scale),
            DataType::Binary => HiveType::Binary,
            DataType::List(element) => HiveType::Array(Box::new(Self::of_arrow(element.data_type())?)),
            DataType::Map(entry, _) => match entry.data_type() {
                DataType::Struct(fields) => HiveType::Map(Box::new(Self::of_entry(fields)?)),
                _ => return None,
            },
            DataType::Struct(fields) => {
                let field = |field: &Arc<Field>| Some((field.name().clone(), Self::of_arrow(field.data_type())?));
                HiveType::Struct(fields.iter().map(field).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    fn of_entry(fields: &Fields) -> Option<HiveType> {
        match &fields[..] {
            [key, value] if *key.data_type() == DataType::Utf8 => Self::of_arrow(value.data_type()),
            _ => None,
        }
    }

    /// Whether values of it have values inside.
    pub fn is_nested(&self) -> bool {
        matches!(self, HiveType::Array(_) | HiveType::Map(_) | HiveType::Struct(_))
    }

    /// Whether it, or a type inside of it, is a time or a date: text that a format reads.
    pub fn has_times(&self) -> bool {
        match self {
            HiveType::Timestamp | HiveType::Date => true,
            HiveType::Array(inner) | HiveType::Map(inner) => inner.has_times(),
            HiveType::Struct(fields) => fields.iter().any(|(_, of)| of.has_times()),
            _ => false,
        }
    }
}

impl fmt::Display for HiveType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            HiveType::String => "string",
            HiveType::Bigint => "bigint",
            HiveType::Int => "int",
            HiveType::Smallint => "smallint",
            HiveType::Tinyint => "tinyint",
            HiveType::Double => "double",
            HiveType::Float => "float",
            HiveType::Boolean => "boolean",
            HiveType::Date => "date",
            HiveType::Timestamp => "timestamp",
            HiveType::Binary => "binary",
            HiveType::Decimal(precision, scale) => return write!(f, "decimal({precision},{scale})"),
            HiveType::Array(element) => return write!(f, "array<{element}>"),
            HiveType::Map(value) => return write!(f, "map<string,{value}>"),
            HiveType::Struct(fields) => {
                for (at, (name, of)) in fields.iter().enumerate() {
                    write!(f, "{}{name}:{of}", if at == 0 { "struct<" } else { "," })?;
                }
                ">"
            }
        };
        f.write_str(word)
    }
}

impl FromStr for HiveType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        words::parse(text, DEEPEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 16] = [
        "string",
        "bigint",
        "int",
        "smallint",
        "tinyint",
        "double",
        "float",
        "boolean",
        "date",
        "timestamp",
        "decimal(10,2)",
        "binary",
        "array<string>",
        "map<string,array<decimal(10,2)>>",
        "struct<a:int,b:struct<c_1:map<string,timestamp>,d:array<array<double>>>>",
        "array<struct<name:string,value:string>>",
    ];

    #[test]
    fn words_go_there_and_back() {
        for word in WORDS {
            let parsed = word.parse::<HiveType>().unwrap();
            assert_eq!(parsed.to_string(), word);
            assert_eq!(HiveType::of_arrow(&parsed.to_arrow()), Some(parsed));
        }
        let spaced = "struct< a : int , b : map< string , array<date> > >".parse::<HiveType>().unwrap();
        assert_eq!(spaced.to_string(), "struct<a:int,b:map<string,array<date>>>");
        assert!(spaced.has_times() && spaced.is_nested());
    }
}
