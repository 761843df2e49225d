//! The rules, as DESIGN and the map in `src/lib.rs` state them. Each violation names its file and line.

use super::code::Source;

/// The modules; each imports only from those above it.
const ORDER: [&str; 17] = [
    "error", "sabotage", "config", "storage", "table", "landing", "decode", "discover", "ledger", "compact", "catalog",
    "query", "output", "report", "jobs", "cli", "main",
];

/// Arrows that the order allows and the house does not.
const APART: [(&str, &str); 5] = [
    ("output", "query"),
    // What is guessed of the data is for a person to look at: nothing that runs by itself goes by it.
    ("ledger", "discover"),
    ("compact", "discover"),
    ("catalog", "discover"),
    ("query", "discover"),
];

/// A word in the code, and the only places where it may stand: beginnings of paths.
struct Room {
    words: &'static [&'static str],
    places: &'static [&'static str],
    told: &'static str,
}

const OUTSIDE: Room = Room {
    words: &[
        "println!",
        "eprintln!",
        "print!",
        "eprint!",
        "dbg!",
        "std::env",
        "Utc::now",
        "Local::now",
        "SystemTime::now",
        "process::exit",
        "process::abort",
        "io::stdout",
        "io::stderr",
        "io::stdin",
    ],
    places: &["src/cli/", "src/main.rs"],
    told: "only in src/cli/ and src/main.rs",
};

const DATAFUSION: Room = Room {
    words: &["datafusion"],
    places: &["src/query/local/", "src/query/local.rs", "src/decode/expr.rs"],
    told: "only in src/query/local* and src/decode/expr.rs",
};

const AWS: Room = Room {
    words: &["aws_"],
    places: &["src/catalog/glue", "src/query/athena", "src/storage.rs", "src/storage/"],
    told: "only in src/catalog/glue*, src/query/athena* and src/storage*",
};

/// Files that compute and do nothing else.
const PURE: [&str; 5] = ["src/table/", "src/decode/", "src/discover/", "src/compact/plan.rs", "src/ledger/conflict.rs"];
const IMPURE: [&str; 6] = ["async", "tokio", "object_store", "std::fs", "std::net", "File::open"];

/// What is wrong in the sources.
pub fn violations(sources: &[Source]) -> Vec<String> {
    let tests: Vec<&String> = sources.iter().flat_map(|source| &source.test_modules).collect();
    let is_test =
        |path: &str| tests.iter().any(|test| path == format!("{test}.rs") || path.starts_with(&format!("{test}/")));
    let product = sources.iter().filter(|source| !is_test(&source.path));
    product.flat_map(|source| [imports(source), rooms(source), purity(source)].concat()).collect()
}

fn told(source: &Source, at: usize, what: &str) -> String {
    format!("{}:{}: {what}", source.path, source.line_of(at))
}

fn imports(source: &Source) -> Vec<String> {
    let from = source.module()[0].to_owned();
    if from == "lib" {
        return Vec::new();
    }
    if !ORDER.contains(&from.as_str()) {
        return vec![told(source, 0, &format!("{from} is not in the list of modules"))];
    }
    let named = imported(source).into_iter().filter(|(_, to)| *to != from);
    named.filter_map(|(at, to)| Some(told(source, at, &forbidden(&from, &to)?))).collect()
}

fn forbidden(from: &str, to: &str) -> Option<String> {
    let place = |name: &str| ORDER.iter().position(|known| *known == name);
    match (place(to), place(from)) {
        (None, _) => Some(format!("{to} is not in the list of modules")),
        (Some(to_place), Some(from_place)) if to_place > from_place => {
            Some(format!("{from} imports {to}, which is not above it"))
        }
        _ if APART.contains(&(from, to)) => Some(format!("{from} imports {to}; the two must not know each other")),
        _ => None,
    }
}

/// The modules of the crate that the code names, and where.
fn imported(source: &Source) -> Vec<(usize, String)> {
    let roots = ["crate::".to_owned(), "super::".repeat(source.module().len())];
    let mut found = Vec::new();
    for root in &roots {
        for at in places(&source.code, root) {
            // `super::super::` holds `super::`: only a whole chain counts
            if !source.code[..at].ends_with("::") {
                found.extend(heads(&source.code, at + root.len()));
            }
        }
    }
    found.sort();
    found
}

/// The first names of a path or of a group of paths: `a::b`, `{a::b, c::{d}}`.
fn heads(code: &str, at: usize) -> Vec<(usize, String)> {
    if !code[at..].starts_with('{') {
        return word(code, at).into_iter().collect();
    }
    let (mut depth, mut found) = (0, Vec::new());
    for (offset, c) in code[at..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(c, '{' | ',') {
            let next = at + offset + 1;
            found.extend(word(code, next + code[next..].len() - code[next..].trim_start().len()));
        }
    }
    found
}

fn word(code: &str, at: usize) -> Option<(usize, String)> {
    let word: String = code[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    // macros and items of the crate's root begin otherwise
    word.starts_with(|c: char| c.is_ascii_lowercase()).then_some((at, word))
}

/// Where `wanted` stands as a word of its own.
fn places(code: &str, wanted: &str) -> Vec<usize> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = |at: usize| !code[..at].ends_with(is_word);
    let ends = |at: usize| wanted.ends_with(['!', '_', ':']) || !code[at + wanted.len()..].starts_with(is_word);
    code.match_indices(wanted).map(|(at, _)| at).filter(|at| begins(*at) && ends(*at)).collect()
}

fn rooms(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for room in [OUTSIDE, DATAFUSION, AWS] {
        if room.places.iter().any(|place| source.path.starts_with(place)) {
            continue;
        }
        for found in room.words.iter().flat_map(|word| used(source, word).into_iter().map(move |at| (at, word))) {
            wrong.push(told(source, found.0, &format!("{}: {}", found.1, room.told)));
        }
    }
    wrong
}

fn purity(source: &Source) -> Vec<String> {
    if !PURE.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let found = IMPURE.iter().flat_map(|word| used(source, word).into_iter().map(move |at| (at, word)));
    found.map(|(at, word)| told(source, at, &format!("{word}: this file is pure, no async and no I/O"))).collect()
}

/// Where a word is used, also as a member of `use std::{…}`.
fn used(source: &Source, word: &str) -> Vec<usize> {
    let mut found = places(&source.code, word);
    if let Some(member) = word.strip_prefix("std::") {
        let groups = places(&source.code, "std::").into_iter().map(|at| at + "std::".len());
        let groups = groups.filter(|at| source.code[*at..].starts_with('{'));
        found
            .extend(groups.flat_map(|at| heads(&source.code, at)).filter(|(_, head)| head == member).map(|(at, _)| at));
    }
    found
}
