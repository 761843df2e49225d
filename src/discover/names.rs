//! Names of fields to names of columns: lower case, words apart by `_`, each once.

use std::collections::HashSet;

/// The longest that Glue takes.
const LONGEST: usize = 128;

/// Words that SQL wants in quotes wherever a column is called so.
const RESERVED: [&str; 54] = [
    "alter",
    "and",
    "as",
    "between",
    "by",
    "case",
    "cast",
    "constraint",
    "create",
    "cross",
    "delete",
    "describe",
    "distinct",
    "drop",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "extract",
    "false",
    "for",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "join",
    "left",
    "like",
    "natural",
    "not",
    "null",
    "on",
    "or",
    "order",
    "outer",
    "right",
    "select",
    "table",
    "then",
    "true",
    "union",
    "unnest",
    "using",
    "values",
    "when",
    "where",
    "with",
];

/// A field's name in lower case with its words apart: `userAgent`, `User-Agent` and `user agent` are `user_agent`.
pub(super) fn snake(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        let next_is_lower = rest.peek().is_some_and(|next| next.is_ascii_lowercase());
        let begins = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && next_is_lower));
        let apart = !c.is_ascii_alphanumeric();
        if (begins || apart) && !words.is_empty() && !words.ends_with('_') {
            words.push('_');
        }
        if !apart {
            words.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.truncate(LONGEST - 8);
    words.trim_end_matches('_').to_owned()
}

/// Whether a struct can have a field of this name, given in lower case: there is no `from` in a type.
pub(super) fn is_struct_field(lower: &str) -> bool {
    (1..=255).contains(&lower.len()) && lower.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Gives each column a name of its own.
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// With these in use.
    pub(super) fn new<'a>(taken: impl IntoIterator<Item = &'a str>) -> Self {
        Names { taken: taken.into_iter().map(str::to_owned).collect() }
    }

    /// A name like the one that is wanted, and why it is another one, if it is.
    pub(super) fn give(&mut self, wanted: &str) -> (String, Option<String>) {
        let snake = snake(wanted);
        let (plain, why) = match &snake[..] {
            "" => ("field".to_owned(), Some("its name has no letter that a column can have".to_owned())),
            digit if digit.starts_with(|c: char| c.is_ascii_digit()) => (format!("f_{digit}"), None),
            word if RESERVED.contains(&word) => (format!("{word}_"), Some(format!("{word} is a word of SQL"))),
            _ => (snake, None),
        };
        if self.taken.insert(plain.clone()) {
            return (plain, why);
        }
        let mut number = 2;
        while !self.taken.insert(format!("{plain}_{number}")) {
            number += 1;
        }
        (format!("{plain}_{number}"), Some(format!("{plain} is the name of something else")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_example() {
        for (name, expected) in [
            ("userAgent", "user_agent"),
            ("User-Agent", "user_agent"),
            ("HTTP_Status_code", "http_status_code"),
            ("clientIP", "client_ip"),
            ("HTTPMethod", "http_method"),
            ("@timestamp", "timestamp"),
            ("a.b c", "a_b_c"),
            ("x__y_", "x_y"),
            ("ja3Fingerprint", "ja3_fingerprint"),
            ("Ip", "ip"),
            ("größe", "gr_e"),
            ("日本", ""),
        ] {
            assert_eq!(snake(name), expected, "{name}");
        }
        assert!(snake(&"A".repeat(500)).len() <= LONGEST);
    }

    #[test]
    fn each_name_is_given_once() {
        let mut names = Names::new(["extra", "dt"]);
        let mut give = |wanted: &str| names.give(wanted).0;
        assert_eq!(["a-b", "a.b", "aB"].map(&mut give), ["a_b", "a_b_2", "a_b_3"]);
        assert_eq!(
            ["extra", "dt", "order", "", "日本", "1st"].map(&mut give),
            ["extra_2", "dt_2", "order_", "field", "field_2", "f_1st"]
        );
    }
}
