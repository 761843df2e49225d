//! Hive's type words, as Glue and Athena write them, and the Arrow types that firelake uses for them.

use arrow::datatypes::{DataType, TimeUnit};
use std::fmt;
use std::str::FromStr;

/// A column's type in Glue's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HiveType {
    /// UTF-8 text.
    String,
    /// 64-bit signed.
    Bigint,
    /// 32-bit signed. Glue's word is `int`, never `integer`.
    Int,
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
}

impl HiveType {
    /// The Arrow type on both engines and in files. `timestamp` has no zone and means UTC.
    pub fn to_arrow(self) -> DataType {
        match self {
            HiveType::String => DataType::Utf8,
            HiveType::Bigint => DataType::Int64,
            HiveType::Int => DataType::Int32,
            HiveType::Double => DataType::Float64,
            HiveType::Float => DataType::Float32,
            HiveType::Boolean => DataType::Boolean,
            HiveType::Date => DataType::Date32,
            HiveType::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            HiveType::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
            HiveType::Binary => DataType::Binary,
        }
    }
}

impl fmt::Display for HiveType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HiveType::String => "string",
            HiveType::Bigint => "bigint",
            HiveType::Int => "int",
            HiveType::Double => "double",
            HiveType::Float => "float",
            HiveType::Boolean => "boolean",
            HiveType::Date => "date",
            HiveType::Timestamp => "timestamp",
            HiveType::Binary => "binary",
            HiveType::Decimal(precision, scale) => return write!(f, "decimal({precision},{scale})"),
        })
    }
}

impl FromStr for HiveType {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(match word {
            "string" => HiveType::String,
            "bigint" => HiveType::Bigint,
            "int" => HiveType::Int,
            "double" => HiveType::Double,
            "float" => HiveType::Float,
            "boolean" => HiveType::Boolean,
            "date" => HiveType::Date,
            "timestamp" => HiveType::Timestamp,
            "binary" => HiveType::Binary,
            _ => return decimal(word).ok_or_else(|| unknown(word)),
        })
    }
}

fn decimal(word: &str) -> Option<HiveType> {
    let (precision, scale) = word.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
    let (precision, scale): (u8, i8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    ((1..=38).contains(&precision) && (0..=precision as i8).contains(&scale))
        .then_some(HiveType::Decimal(precision, scale))
}

fn unknown(word: &str) -> String {
    let meant = match word.to_ascii_lowercase().as_str() {
        "integer" | "int32" => " (Glue's word is int)",
        "int64" | "long" => " (Glue's word is bigint)",
        "varchar" | "text" | "str" => " (Glue's word is string)",
        "bool" => " (Glue's word is boolean)",
        "datetime" => " (Glue's word is timestamp)",
        _ => "",
    };
    format!(
        "unknown type {word:?}{meant}; the types are string, bigint, int, double, float, boolean, date, timestamp, decimal(p,s), binary"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_there_and_back() {
        for word in
            ["string", "bigint", "int", "double", "float", "boolean", "date", "timestamp", "decimal(10,2)", "binary"]
        {
            assert_eq!(word.parse::<HiveType>().unwrap().to_string(), word);
        }
    }

    #[test]
    fn a_word_of_another_system_names_glues() {
        assert!("integer".parse::<HiveType>().unwrap_err().contains("Glue's word is int"));
        for wrong in ["decimal(39,2)", "decimal(5,6)", "decimal(x)", "Int", ""] {
            assert!(wrong.parse::<HiveType>().is_err(), "{wrong}");
        }
    }
}
