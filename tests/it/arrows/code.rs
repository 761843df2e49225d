//! A source file reduced to what is compiled into the product: no comments, no texts, no tests. Lines stay where they are.

use std::path::Path;

/// A file below `src/`.
pub struct Source {
    /// With slashes: `src/table/id.rs`.
    pub path: String,
    /// Its text with a space for each byte that does not count.
    pub code: String,
    /// The files that hold tests only, which it declares: `src/query/local/tests`.
    pub test_modules: Vec<String>,
}

impl Source {
    pub fn read(root: &Path, path: &Path) -> Source {
        let relative = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        Source::new(&relative, &std::fs::read_to_string(path).unwrap())
    }

    pub fn new(path: &str, text: &str) -> Source {
        let mut code = without_texts(text);
        let names = blank_tests(&mut code);
        let folder = folder_of(path);
        let test_modules = names.into_iter().map(|name| format!("{folder}{name}")).collect();
        Source { path: path.into(), code, test_modules }
    }

    /// The path of the module: `["table", "id"]`.
    pub fn module(&self) -> Vec<&str> {
        let path = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        path.split('/').collect()
    }

    pub fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

/// Where the modules that a file declares are.
fn folder_of(path: &str) -> String {
    match path.strip_suffix("mod.rs").or_else(|| path.strip_suffix("lib.rs")) {
        Some(folder) => folder.into(),
        None => format!("{}/", path.trim_end_matches(".rs")),
    }
}

fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// Blanks comments, string literals and character literals.
fn without_texts(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let length = text_length(&bytes[at..], at > 0 && is_word(bytes[at - 1]));
        blank(&mut bytes[at..at + length]);
        at += length.max(1);
    }
    String::from_utf8(bytes).unwrap()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The length of the comment or literal that begins here; 0 where there is none.
fn text_length(rest: &[u8], after_word: bool) -> usize {
    let until = |end: &[u8], from: usize| {
        let found = rest[from..].windows(end.len()).position(|window| window == end);
        found.map_or(rest.len(), |at| from + at + end.len())
    };
    match rest {
        [b'/', b'/', ..] => until(b"\n", 2).saturating_sub(1).max(2),
        [b'/', b'*', ..] => until(b"*/", 2),
        [b'"', ..] => quoted(rest),
        [b'r', b'"' | b'#', ..] if !after_word => {
            let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
            match rest.get(1 + hashes) {
                Some(b'"') => until(&[b"\"", &b"#".repeat(hashes)[..]].concat(), 2 + hashes),
                _ => 0,
            }
        }
        [b'\'', b'\\', _, ..] => until(b"'", 3),
        [b'\'', _, b'\'', ..] => 3,
        _ => 0,
    }
}

fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Blanks each item behind `#[cfg(test)]`, by rustfmt's indentation; gives the names of test modules that are other files.
fn blank_tests(code: &mut String) -> Vec<String> {
    let mut names = Vec::new();
    let lines: Vec<String> = code.lines().map(str::to_owned).collect();
    let mut kept: Vec<String> = lines.clone();
    let mut at = 0;
    while at < lines.len() {
        if lines[at].trim_start().starts_with("#[cfg(test)]") {
            let last = end_of_item(&lines, at);
            names.extend(module_file(&lines[last]));
            kept[at..=last].iter_mut().for_each(String::clear);
            at = last;
        }
        at += 1;
    }
    *code = kept.join("\n");
    names
}

/// The last line of the item behind the attribute in line `at`.
fn end_of_item(lines: &[String], at: usize) -> usize {
    let indent = lines[at].len() - lines[at].trim_start().len();
    let closes = |line: &String| {
        line.len() > indent && line[..indent].trim().is_empty() && line[indent..].starts_with(['}', ')'])
    };
    let first =
        (at + 1..lines.len()).find(|next| !lines[*next].trim_start().starts_with('#')).unwrap_or(lines.len() - 1);
    match lines[first].trim_end().ends_with([';', '}']) {
        true => first,
        false => (first..lines.len()).find(|line| closes(&lines[*line])).unwrap_or(lines.len() - 1),
    }
}

/// `tests` of `mod tests;`.
fn module_file(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("mod ")?;
    rest.trim_end().strip_suffix(';').map(str::to_owned)
}
