//! Which field each column takes. Names alone decide among a record's own fields, so that is found once a shape; for what
//! lies inside of objects each record is looked at.

use super::parse::{FieldSpan, Fields, unescape};
use super::record::{Place, Record};
use std::collections::HashMap;

/// Where a column's value may come from: a field of the record, or what lies inside of one.
#[derive(Debug, Clone)]
pub(super) struct Source {
    field: usize,
    /// Names from object to object, in lower case; none for the field itself.
    path: Vec<String>,
}

/// What a column takes of records of one shape.
enum Take {
    Nothing,
    Field(Place),
    /// The first of these that the record has.
    First(Vec<(Place, Vec<String>)>),
}

/// What each column takes of records of the shape that was seen last.
#[derive(Default)]
pub(super) struct Plan {
    shape: Option<u64>,
    fields: usize,
    takes: Vec<Take>,
}

impl Plan {
    #[inline]
    pub(super) fn fits(&self, fields: &Fields) -> bool {
        self.shape.is_some() && self.shape == fields.shape() && self.fields == fields.items.len()
    }

    /// Plans for records with these fields; `columns` gives each column's sources in their order.
    pub(super) fn make<'a>(
        &mut self,
        columns: impl Iterator<Item = &'a [Source]>,
        sources: &mut Sources,
        buffer: &[u8],
        fields: &Fields,
    ) {
        self.shape = fields.shape();
        self.fields = fields.items.len();
        sources.assign(buffer, fields);
        self.takes.clear();
        self.takes.extend(columns.map(|from| sources.take(from)));
    }

    /// The value of the record that a column takes.
    #[inline]
    pub(super) fn place(&self, column: usize, record: &mut Record<'_>) -> Option<Place> {
        match &self.takes[column] {
            Take::Nothing => None,
            Take::Field(place) => Some(*place),
            Take::First(places) => places.iter().find_map(|(place, path)| record.find(*place, path)),
        }
    }
}

/// The record's fields that columns ask for. A field is found by the name that stood at its place in the record before:
/// producers write one shape over and over.
#[derive(Default)]
pub(super) struct Sources {
    by_name: HashMap<Vec<u8>, usize>,
    /// By place in the record: the name as it stood there, and its field.
    predicted: Vec<(Vec<u8>, Option<usize>)>,
    /// By field: its place in this record, the first where it comes twice.
    present: Vec<Option<Place>>,
    scratch: Vec<u8>,
}

impl Sources {
    /// The sources that a name of `from` means: the field of this name, and for one with dots what lies inside of objects.
    pub(super) fn named(&mut self, name: &str) -> Vec<Source> {
        let lower = name.to_lowercase();
        let mut sources = vec![Source { field: self.field(&lower), path: Vec::new() }];
        let mut parts = lower.split('.').map(str::to_owned);
        if let (Some(first), path @ [_, ..]) = (parts.next(), &parts.collect::<Vec<_>>()[..]) {
            sources.push(Source { field: self.field(&first), path: path.to_vec() });
        }
        sources
    }

    fn field(&mut self, lower: &str) -> usize {
        let next = self.present.len();
        let field = *self.by_name.entry(lower.as_bytes().to_vec()).or_insert(next);
        if field == next {
            self.present.push(None);
        }
        field
    }

    fn assign(&mut self, buffer: &[u8], fields: &Fields) {
        self.present.fill(None);
        for (at, span) in fields.items.iter().enumerate() {
            if let Some(field) = self.field_of(buffer, at, span) {
                self.present[field].get_or_insert(at);
            }
        }
    }

    #[inline]
    fn field_of(&mut self, buffer: &[u8], at: usize, span: &FieldSpan) -> Option<usize> {
        let name = &buffer[span.key.clone()];
        match self.predicted.get(at) {
            Some((predicted, field)) if predicted == name => *field,
            _ => self.learn(at, name, span.key_escaped),
        }
    }

    #[cold]
    fn learn(&mut self, at: usize, name: &[u8], escaped: bool) -> Option<usize> {
        self.scratch.clear();
        match escaped {
            true => unescape(name, &mut self.scratch),
            false => self.scratch.extend_from_slice(name),
        }
        let lower = String::from_utf8_lossy(&self.scratch).to_lowercase();
        let field = self.by_name.get(lower.as_bytes()).copied();
        const REMEMBERED: usize = 256; // records with more fields than any log format has are looked up one by one
        if at < REMEMBERED {
            if self.predicted.len() <= at {
                self.predicted.resize_with(at + 1, Default::default);
            }
            self.predicted[at] = (name.to_vec(), field);
        }
        field
    }

    /// What a column with these sources takes: whatever comes after a field of the record's own is never asked for.
    fn take(&self, from: &[Source]) -> Take {
        let mut places = Vec::new();
        for source in from {
            match (self.present[source.field], &source.path[..]) {
                (None, _) => {}
                (Some(place), []) if places.is_empty() => return Take::Field(place),
                (Some(place), path) => places.push((place, path.to_vec())),
            }
        }
        if places.is_empty() { Take::Nothing } else { Take::First(places) }
    }
}
