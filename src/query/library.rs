//! Named queries: the shipped ones, embedded from `queries/`, and those of a user's folder, which win.

use super::suggest::nearest;
use super::text::QueryText;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

const SHIPPED: [(&str, &str); 10] = [
    ("application_windows", include_str!("../../queries/application_windows.sql")),
    ("client_windows", include_str!("../../queries/client_windows.sql")),
    ("errors_per_hour", include_str!("../../queries/errors_per_hour.sql")),
    ("flow_rejected_ports", include_str!("../../queries/flow_rejected_ports.sql")),
    ("flow_top_talkers", include_str!("../../queries/flow_top_talkers.sql")),
    ("slowest_operations", include_str!("../../queries/slowest_operations.sql")),
    ("status_per_minute", include_str!("../../queries/status_per_minute.sql")),
    ("systems_and_agents", include_str!("../../queries/systems_and_agents.sql")),
    ("top_urls", include_str!("../../queries/top_urls.sql")),
    ("waf_blocks_by_rule", include_str!("../../queries/waf_blocks_by_rule.sql")),
];

/// Where names are looked up.
#[derive(Debug, Clone, Default)]
pub struct Library {
    folder: Option<PathBuf>,
}

impl Library {
    /// The shipped queries, and `NAME.sql` files of `folder`; a folder that is not there has none.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Library { folder }
    }

    /// Reads what a person passed to `query`: a bare word is a name, anything else is SQL.
    ///
    /// # Errors
    /// Usage for an unknown name (the hint lists those there are) or a header that is wrong.
    pub fn resolve(&self, argument: &str) -> Result<QueryText> {
        match is_query_name(argument) {
            true => self.find(argument),
            false => QueryText::parse("the query", argument),
        }
    }

    /// The named query.
    pub fn find(&self, name: &str) -> Result<QueryText> {
        let texts = self.texts()?;
        let text = texts.get(name).ok_or_else(|| unknown(name, texts.keys().map(String::as_str)))?;
        QueryText::parse(&format!("query {name}"), text)
    }

    /// Every name, in order, with its query: `queries` lists their descriptions.
    pub fn all(&self) -> Result<Vec<(String, QueryText)>> {
        let texts = self.texts()?.into_iter();
        texts.map(|(name, text)| QueryText::parse(&format!("query {name}"), &text).map(|query| (name, query))).collect()
    }

    fn texts(&self) -> Result<BTreeMap<String, String>> {
        let mut texts: BTreeMap<String, String> =
            SHIPPED.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        for path in self.files()? {
            let name = path.file_stem().and_then(|stem| stem.to_str());
            if let Some(name) = name.filter(|name| is_query_name(name)) {
                let text = std::fs::read_to_string(&path).map_err(|e| unreadable(&path, e))?;
                texts.insert(name.to_owned(), text);
            }
        }
        Ok(texts)
    }

    fn files(&self) -> Result<Vec<PathBuf>> {
        let Some(folder) = &self.folder else {
            return Ok(Vec::new());
        };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(folder, error)),
        };
        let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut paths = paths.map_err(|e| unreadable(folder, e))?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
        Ok(paths)
    }
}

/// Whether a text can be a query's name: one word of lower case letters, digits and `_`.
pub fn is_query_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn unreadable(path: &std::path::Path, error: std::io::Error) -> Error {
    Error::usage(format!("cannot read {}", path.display())).caused_by(error)
}

fn unknown<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Error {
    let all = names.clone().collect::<Vec<_>>().join(", ");
    let hint = match nearest(name, names) {
        Some(near) => format!("did you mean {near}? The queries are {all}"),
        None => format!("the queries are {all}; anything but a single word is taken for SQL"),
    };
    Error::usage(format!("there is no query named {name}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_query_has_a_description_and_needs_no_parameter() {
        for (name, query) in Library::default().all().unwrap() {
            assert!(query.description.len() > 10, "{name}");
            query.bind(&[], chrono::DateTime::UNIX_EPOCH).unwrap();
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Library::default().resolve("client_window").unwrap_err();
        assert_eq!(error.message(), "there is no query named client_window");
        assert!(
            error.hint_text().unwrap().starts_with("did you mean client_windows? The queries are application_windows")
        );
        assert_eq!(Library::default().resolve("SELECT 1").unwrap().origin, "the query");
    }

    #[test]
    fn a_users_folder_adds_queries_and_wins() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine.sql"), "-- Mine\nSELECT 1").unwrap();
        std::fs::write(dir.path().join("client_windows.sql"), "-- Other\nSELECT 2").unwrap();
        std::fs::write(dir.path().join("notes.txt"), "x").unwrap();
        let library = Library::new(Some(dir.path().to_owned()));
        assert_eq!(library.find("mine").unwrap().description, "Mine");
        assert_eq!(library.find("client_windows").unwrap().description, "Other");
        assert_eq!(library.all().unwrap().len(), SHIPPED.len() + 1);
        assert_eq!(Library::new(Some(dir.path().join("none"))).all().unwrap().len(), SHIPPED.len());
    }
}
