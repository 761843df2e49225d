//! Type words to types. What is wrong is told in the words of whoever writes a schema file.

use super::HiveType;
use crate::table::id::check_name;
use std::collections::HashSet;

/// Reads a type word that may nest `levels` deep.
pub(super) fn parse(text: &str, levels: usize) -> Result<HiveType, String> {
    let text = text.trim();
    match text.strip_suffix('>').and_then(|open| open.split_once('<')) {
        Some(_) if levels == 0 => Err("it nests deeper than 16 levels".into()),
        Some((word, inside)) => nested(text, word.trim(), inside, levels - 1),
        None => scalar(text),
    }
}

fn scalar(word: &str) -> Result<HiveType, String> {
    Ok(match word {
        "string" => HiveType::String,
        "bigint" => HiveType::Bigint,
        "int" => HiveType::Int,
        "smallint" => HiveType::Smallint,
        "tinyint" => HiveType::Tinyint,
        "double" => HiveType::Double,
        "float" => HiveType::Float,
        "boolean" => HiveType::Boolean,
        "date" => HiveType::Date,
        "timestamp" => HiveType::Timestamp,
        "binary" => HiveType::Binary,
        _ => return decimal(word).ok_or_else(|| unknown(word)),
    })
}

fn decimal(word: &str) -> Option<HiveType> {
    let (precision, scale) = word.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
    let (precision, scale): (u8, i8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    ((1..=38).contains(&precision) && (0..=precision as i8).contains(&scale))
        .then_some(HiveType::Decimal(precision, scale))
}

fn nested(text: &str, word: &str, inside: &str, levels: usize) -> Result<HiveType, String> {
    match (word, &parts(inside)[..]) {
        ("array", [element]) => Ok(HiveType::Array(Box::new(parse(element, levels)?))),
        ("map", [key, value]) if key.trim() == "string" => Ok(HiveType::Map(Box::new(parse(value, levels)?))),
        ("map", [key, _]) => Err(format!("a map's keys are string, as a JSON object's are, not {}", key.trim())),
        ("struct", fields) => structure(fields, levels),
        ("array" | "map", _) => Err(format!("{text:?} is neither array<type> nor map<string,type>")),
        _ => Err(unknown(text)),
    }
}

fn structure(fields: &[&str], levels: usize) -> Result<HiveType, String> {
    let mut names = HashSet::new();
    let field = |part: &&str| {
        let (name, of) = part.split_once(':').ok_or_else(|| format!("the struct's field {part:?} is not name:type"))?;
        let name = name.trim().to_owned();
        check_name("field", &name, 255).map_err(|e| e.message().to_owned())?;
        match names.insert(name.clone()) {
            true => Ok((name, parse(of, levels)?)),
            false => Err(format!("the struct has two fields named {name}")),
        }
    };
    fields.iter().map(field).collect::<Result<_, _>>().map(HiveType::Struct)
}

/// What stands between the commas that are in no inner bracket.
fn parts(inside: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    inside
        .split(|c| {
            match c {
                '<' | '(' => depth += 1,
                '>' | ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .collect()
}

fn unknown(word: &str) -> String {
    let meant = match word.to_ascii_lowercase().as_str() {
        "integer" | "int32" => " (Glue's word is int)",
        "int64" | "long" => " (Glue's word is bigint)",
        "varchar" | "text" | "str" => " (Glue's word is string)",
        "bool" => " (Glue's word is boolean)",
        "datetime" => " (Glue's word is timestamp)",
        "list" => " (Glue's word is array<type>)",
        "row" | "object" | "json" => " (Glue's word is struct<name:type,…>; string takes any JSON as text)",
        _ => "",
    };
    format!(
        "unknown type {word:?}{meant}; the types are string, bigint, int, smallint, tinyint, double, float, boolean, \
        date, timestamp, decimal(p,s), binary, array<type>, map<string,type>, struct<name:type,…>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_word_says_what_is_wrong() {
        let deep = |levels: usize| format!("{}int{}", "array<".repeat(levels), ">".repeat(levels));
        for (word, told) in [
            ("integer", "Glue's word is int"),
            ("decimal(39,2)", "unknown type"),
            ("decimal(5,6)", "unknown type"),
            ("Int", "unknown type"),
            ("", "unknown type"),
            ("array<>", "unknown type"),
            ("array<int", "unknown type"),
            ("array<int>>", "unknown type"),
            ("array<int,int>", "neither array<type>"),
            ("map<string>", "nor map<string,type>"),
            ("map<int,string>", "keys are string"),
            ("struct<>", "is not name:type"),
            ("struct<a>", "is not name:type"),
            ("struct<a:int,a:int>", "two fields named a"),
            ("struct<A:int>", "field name \"A\""),
            ("struct<a:row>", "Glue's word is struct"),
            ("uniontype<int>", "unknown type"),
            (&deep(17), "deeper than 16"),
        ] {
            let error = parse(word, 16).unwrap_err();
            assert!(error.contains(told), "{word}: {error}");
        }
        assert!(parse(&deep(16), 16).is_ok());
    }
}
