//! What differs from run to run, taken out of what the program prints.

use super::process::{Outcome, Sandbox};

impl Sandbox {
    /// The command, what it printed and its exit code.
    pub fn shown(&self, line: &str) -> String {
        let Outcome { code, stdout, stderr, .. } = self.run(line);
        let part = |title: &str, text: &str| match text.is_empty() {
            true => String::new(),
            false => format!("{title}\n{}", self.redacted(text)),
        };
        let printed = format!("$ firelake {line}\n{}{}", part("-- stdout", &stdout), part("-- stderr", &stderr));
        let lines: Vec<&str> = printed.trim_end().lines().map(str::trim_end).collect();
        format!("{}\n-- exit code {code}", lines.join("\n"))
    }

    pub fn redacted(&self, text: &str) -> String {
        let text = text.replace(self.path("").to_str().unwrap().trim_end_matches('/'), "[dir]");
        let text = uuids(&text.replace(env!("CARGO_BIN_EXE_firelake"), "firelake"));
        let text = numbers_before(&text, &[" s"], "[time]");
        let text = numbers_before(&text, &[" B", " KiB", " MiB"], "[size]");
        ["\"bytes_read\":", "\"bytes_written\":"].iter().fold(text, |text, key| numbers_after(&text, key))
    }
}

fn uuids(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (taken, left) = match rest.get(..36).filter(|word| is_uuid(word)) {
            Some(_) => ("[uuid]", &rest[36..]),
            None => rest.split_at(first.len_utf8()),
        };
        out.push_str(taken);
        rest = left;
    }
    out
}

fn is_uuid(word: &str) -> bool {
    word.char_indices().all(|(at, c)| match at {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    })
}

/// Puts `name` in the place of a number that stands before one of the `units`, and drops the unit.
fn numbers_before(text: &str, units: &[&str], name: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let length = rest[at..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len() - at);
        let (number, after) = rest[at..].split_at(length);
        out.push_str(&rest[..at]);
        let unit = units.iter().find_map(|unit| after.strip_prefix(*unit));
        match unit.filter(|left| !left.starts_with(|c: char| c.is_alphanumeric())) {
            Some(left) => {
                out.push_str(name);
                rest = left;
            }
            None => {
                out.push_str(number);
                rest = after;
            }
        }
    }
    out + rest
}

/// A number behind `key`; nothing is always 0.
pub fn numbers_after(text: &str, key: &str) -> String {
    let mut parts = text.split(key);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let value = if rest.len() < part.len() && !part.starts_with("0,") {
            "[size]"
        } else {
            &part[..part.len() - rest.len()]
        };
        out + key + value + rest
    })
}

#[test]
fn what_differs_is_taken_out_and_nothing_else() {
    let sandbox = Sandbox::new();
    let text = format!(
        "{}/a/01a1fec8-eb0b-7546-9ea6-bdb7b2d24db6-00001.parquet\t9\n13 objects (8.66 KiB), 0.1 s\n1 row, 12.017 s é {{\"bytes_read\":12}} {{\"bytes_read\":0,",
        sandbox.path("").display()
    );
    let expected = "[dir]/a/[uuid]-00001.parquet\t9\n13 objects ([size]), [time]\n1 row, [time] é {\"bytes_read\":[size]} {\"bytes_read\":0,";
    assert_eq!(sandbox.redacted(&text.replace("//", "/")), expected);
}
