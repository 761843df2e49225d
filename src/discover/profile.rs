//! What records hold, field by field and at every depth, in one pass and in bounded memory.
//!
//! Names are compared without case, as a schema's are. An object may have any number of names, as maps by an id have: beyond
//! a bound their values are counted together.

use super::scalars::Scalars;
use super::times::{Formats, Times};
use crate::decode::parse::{FieldSpan, Kind, parse_object, unescape};
use crate::decode::{element, members};
use crate::error::Result;
use std::collections::HashMap;

/// Names of one object that are told apart.
const MOST_FIELDS: usize = 1_000;
/// Fields of all objects together: each costs about a kilobyte.
const MOST_OF_ALL: usize = 20_000;
/// A longer name is no column's.
pub(super) const LONGEST_NAME: usize = 255;
/// Types nest no deeper.
pub(super) const DEEPEST: usize = 15;

/// What looking at a record needs besides the record.
pub(super) struct Look {
    formats: Formats,
    /// Delivery of the object, milliseconds UTC; none where only the store's clock says it.
    pub(super) delivered: Option<i64>,
    /// Fields that may still be told apart.
    left: usize,
    open: Vec<u8>,
    scratch: Vec<u8>,
    inside: crate::decode::parse::Fields,
}

impl Look {
    pub(super) fn new() -> Result<Self> {
        Ok(Look {
            formats: Formats::compile()?,
            delivered: None,
            left: MOST_OF_ALL,
            open: Vec::new(),
            scratch: Vec::new(),
            inside: Default::default(),
        })
    }
}

/// The values that a field had, an array's elements had, or an object's members had.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// All of them.
    pub(super) seen: u64,
    /// JSON null.
    pub(super) nulls: u64,
    /// Single values.
    pub(super) scalars: Scalars,
    /// Those as times.
    pub(super) times: Times,
    /// Values that nest deeper than types do.
    pub(super) too_deep: u64,
    /// Objects.
    pub(super) objects: Option<Box<Object>>,
    /// How many arrays there were, and what was in them.
    pub(super) arrays: u64,
    pub(super) elements: Option<Box<Values>>,
}

/// The members of objects.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// Objects.
    pub(super) seen: u64,
    /// Their members.
    pub(super) members: u64,
    /// In the order in which they first came.
    pub(super) fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    /// By place: the name as it stood there last, and its field.
    predicted: Vec<(Vec<u8>, usize)>,
    /// Members beyond those that are told apart.
    pub(super) rest: Option<Box<Values>>,
}

/// A member's name and its values.
#[derive(Debug)]
pub(super) struct Field {
    /// As it was first written.
    pub(super) name: String,
    /// How names are compared.
    pub(super) lower: String,
    /// It was also written in another case.
    pub(super) other_case: bool,
    /// The last object that had it.
    last: u64,
    /// The first value in each object.
    pub(super) values: Values,
    /// Others in the same object, by the same name or by one that differs in case. They count where names are data, as in maps.
    pub(super) more: Option<Box<Values>>,
}

impl Object {
    /// Counts one object by its members.
    pub(super) fn observe(&mut self, look: &mut Look, bytes: &[u8], members: &[FieldSpan], levels: usize) {
        self.seen += 1;
        self.members += members.len() as u64;
        for (at, span) in members.iter().enumerate() {
            match self.field(look, at, bytes, span) {
                Some(place) => {
                    let field = &mut self.fields[place];
                    let again = std::mem::replace(&mut field.last, self.seen) == self.seen;
                    let values = if again { field.more.get_or_insert_default() } else { &mut field.values };
                    values.observe(look, bytes, span, levels);
                }
                None => self.rest.get_or_insert_default().observe(look, bytes, span, levels),
            }
        }
    }

    /// The field of a member; a new one where there is room.
    fn field(&mut self, look: &mut Look, at: usize, bytes: &[u8], span: &FieldSpan) -> Option<usize> {
        let key = &bytes[span.key.clone()];
        match self.predicted.get(at) {
            Some((name, place)) if name == key => Some(*place),
            _ => self.named(look, at, key, span.key_escaped),
        }
    }

    fn named(&mut self, look: &mut Look, at: usize, key: &[u8], escaped: bool) -> Option<usize> {
        if key.len() > LONGEST_NAME {
            return None;
        }
        look.scratch.clear();
        match escaped {
            true => unescape(key, &mut look.scratch),
            false => look.scratch.extend_from_slice(key),
        }
        let name = String::from_utf8_lossy(&look.scratch).into_owned();
        let lower = name.to_lowercase();
        let place = match self.by_name.get(&lower) {
            Some(place) => *place,
            None => self.add(look, name.clone(), lower)?,
        };
        self.fields[place].other_case |= self.fields[place].name != name;
        if at < MOST_FIELDS {
            self.predicted.resize_with(self.predicted.len().max(at + 1), || (b"\"".to_vec(), 0)); // no name is a quote
            self.predicted[at] = (key.to_vec(), place);
        }
        Some(place)
    }

    fn add(&mut self, look: &mut Look, name: String, lower: String) -> Option<usize> {
        if self.fields.len() == MOST_FIELDS || look.left == 0 {
            return None;
        }
        look.left -= 1;
        let place = self.fields.len();
        self.by_name.insert(lower.clone(), place);
        self.fields.push(Field { name, lower, other_case: false, last: 0, values: Values::default(), more: None });
        Some(place)
    }

    /// Whether a name with dots is that of a field inside of objects.
    pub(super) fn lies_inside(&self, name: &str) -> bool {
        let Some((path, last)) = name.rsplit_once('.') else { return false };
        let mut object = self;
        for part in path.split('.') {
            match object.get(part).and_then(|field| field.values.objects.as_deref()) {
                Some(inside) => object = inside,
                None => return false,
            }
        }
        object.get(last).is_some()
    }

    /// The field of this name, compared without case.
    pub(super) fn get(&self, name: &str) -> Option<&Field> {
        self.by_name.get(&name.to_lowercase()).map(|place| &self.fields[*place])
    }
}

impl Values {
    /// Counts one value; `levels` is how deep values may still nest.
    pub(super) fn observe(&mut self, look: &mut Look, bytes: &[u8], span: &FieldSpan, levels: usize) {
        self.seen += 1;
        let raw = &bytes[span.value.clone()];
        match span.kind {
            Kind::Null => self.nulls += 1,
            Kind::Nested if levels == 0 => self.too_deep += 1,
            Kind::Nested if raw[0] == b'{' => self.object(look, bytes, span, levels - 1),
            Kind::Nested => self.array(look, bytes, span, levels - 1),
            Kind::Plain => self.scalar(look, &raw[1..raw.len() - 1], true),
            Kind::Escaped => {
                let mut text = std::mem::take(&mut look.scratch);
                text.clear();
                unescape(&raw[1..raw.len() - 1], &mut text);
                self.scalar(look, &text, true);
                look.scratch = text;
            }
            Kind::Number | Kind::True | Kind::False => self.scalar(look, raw, false),
        }
    }

    fn scalar(&mut self, look: &mut Look, text: &[u8], quoted: bool) {
        let text = String::from_utf8_lossy(text);
        let all_objects = self.scalars.objects == self.scalars.count;
        if !self.scalars.observe(&text, quoted) {
            return;
        }
        self.times.observe(&look.formats, &text, look.delivered);
        if quoted && all_objects && text.starts_with('{') {
            let whole = parse_object(text.as_bytes(), 0, &mut look.inside) == Ok(text.trim_end().len());
            self.scalars.objects += u64::from(whole);
        }
    }

    fn object(&mut self, look: &mut Look, bytes: &[u8], span: &FieldSpan, levels: usize) {
        let mut inside = Vec::new();
        let _whole = members(bytes, span.value.clone(), &mut look.open, &mut inside);
        self.objects.get_or_insert_default().observe(look, bytes, &inside, levels);
    }

    fn array(&mut self, look: &mut Look, bytes: &[u8], span: &FieldSpan, levels: usize) {
        self.arrays += 1;
        let elements = self.elements.get_or_insert_default();
        let mut after = None;
        while let Some(Some(next)) = element(bytes, &span.value, after, &mut look.open) {
            after = Some(next.value.end);
            elements.observe(look, bytes, &next, levels);
        }
    }

    /// Objects among them.
    pub(super) fn objects_seen(&self) -> u64 {
        self.objects.as_ref().map_or(0, |objects| objects.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::parse::Fields;

    pub(super) fn object(records: &[&str]) -> Object {
        let (mut look, mut object, mut fields) = (Look::new().unwrap(), Object::default(), Fields::default());
        for record in records {
            parse_object(record.as_bytes(), 0, &mut fields).unwrap();
            object.observe(&mut look, record.as_bytes(), &fields.items, DEEPEST);
        }
        object
    }

    #[test]
    fn fields_are_one_whatever_their_case_and_place() {
        let found = object(&[r#"{"a":1,"B":"x"}"#, r#"{"b":null,"A":2,"a":[1,{"c":true}]}"#, r#"{"\u0061":"-"}"#]);
        let shown: Vec<_> =
            found.fields.iter().map(|f| (&f.name[..], f.values.seen, f.more.is_some(), f.other_case)).collect();
        assert_eq!(shown, [("a", 3, true, true), ("B", 2, false, true)]);
        let field = found.get("A").unwrap();
        let a = &field.values;
        assert_eq!((a.seen, a.arrays, a.scalars.whole, a.scalars.all()), (3, 0, 2, 3));
        let elements = field.more.as_ref().unwrap().elements.as_ref().unwrap();
        assert_eq!((elements.seen, elements.objects_seen()), (2, 1));
        assert_eq!(found.get("b").unwrap().values.nulls, 1);
    }

    /// A map by an id of each user, without end.
    #[test]
    fn names_without_end_cost_no_more() {
        let records: Vec<String> = (0..3 * MOST_FIELDS).map(|n| format!("{{\"m\":{{\"k{n}\":{n}}}}}")).collect();
        let found = object(&records.iter().map(String::as_str).collect::<Vec<_>>());
        let inside = found.get("m").unwrap().values.objects.as_ref().unwrap();
        assert_eq!((inside.fields.len(), inside.rest.as_ref().unwrap().seen), (MOST_FIELDS, 2 * MOST_FIELDS as u64));
    }

    #[test]
    fn depth_without_end_is_counted_and_not_followed() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let found = object(&[&deep]);
        let mut values = &found.fields[0].values;
        let mut levels = 0;
        while let Some(next) = &values.elements {
            (values, levels) = (next, levels + 1);
        }
        assert_eq!((values.too_deep, levels), (1, DEEPEST));
    }
}
