//! Tables that somebody else defined: what a reader must know of them, as the catalog says it and unjudged.

/// A table, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignTable {
    /// Name and type word of each column, in order, without partition keys.
    pub columns: Vec<(String, String)>,
    /// Name and type word of each partition key, in order.
    pub keys: Vec<(String, String)>,
    /// Where its files are, if it has no partition keys. Views have no location.
    pub location: Option<String>,
    /// How they are to be read.
    pub layout: Layout,
}

/// A partition of such a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignPartition {
    /// The values of the keys, as text.
    pub values: Vec<String>,
    /// Where its files are.
    pub location: String,
    /// How they are to be read: a partition may differ from its table.
    pub layout: Layout,
}

/// What a table's files hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Parquet, columns matched by name.
    Parquet,
    /// What Athena reads by OpenCSVSerDe.
    Csv(CsvLayout),
    /// Anything else, in words that go into "… is X": `an Iceberg table`, `a view`, `JSON`.
    Other(String),
}

/// OpenCSVSerDe's settings. Records end with their line: a field cannot hold a line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvLayout {
    /// Between fields.
    pub separator: u8,
    /// Around fields.
    pub quote: u8,
    /// Before a quote or itself, inside a field.
    pub escape: u8,
    /// Lines at the beginning of each file that are no records.
    pub header_lines: usize,
}

impl Default for CsvLayout {
    /// OpenCSVSerDe's own defaults, and no header.
    fn default() -> Self {
        CsvLayout { separator: b',', quote: b'"', escape: b'\\', header_lines: 0 }
    }
}
