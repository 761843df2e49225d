//! The values of one record that columns look at: its fields, and what was opened inside of them; and what is left over.

use super::inside::{element, members};
use super::parse::{FieldSpan, unescape};
use std::ops::Range;

/// A value of the record: its fields come first, in their order.
pub(super) type Place = usize;

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    /// A column has it, whole.
    taken: bool,
    /// A column looked at it, and it did not fit.
    misfit: bool,
    /// The places of what is inside of it, once somebody looked.
    inside: Option<(usize, usize)>,
}

/// How much of a value no column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    Part,
    Whole,
}

/// Room for a record's values, used again for each.
#[derive(Default)]
pub(super) struct Room {
    inner: Vec<FieldSpan>,
    marks: Vec<Mark>,
    open: Vec<u8>,
    name: Vec<u8>,
}

/// A record that columns are filled from.
pub(super) struct Record<'a> {
    pub(super) buffer: &'a [u8],
    fields: &'a [FieldSpan],
    room: &'a mut Room,
}

impl<'a> Record<'a> {
    pub(super) fn new(buffer: &'a [u8], fields: &'a [FieldSpan], room: &'a mut Room) -> Self {
        room.inner.clear();
        room.marks.clear();
        room.marks.resize(fields.len(), Mark::default());
        Record { buffer, fields, room }
    }

    #[inline]
    pub(super) fn span(&self, place: Place) -> &FieldSpan {
        match self.fields.get(place) {
            Some(field) => field,
            None => &self.room.inner[place - self.fields.len()],
        }
    }

    /// A column looked at the value, and has it where it fits.
    #[inline]
    pub(super) fn mark(&mut self, place: Place, fits: bool) {
        let mark = &mut self.room.marks[place];
        mark.taken = true;
        mark.misfit |= !fits;
    }

    /// The members of an object; `None` for any other value.
    pub(super) fn members(&mut self, place: Place) -> Option<Range<Place>> {
        if let Some((from, to)) = self.room.marks[place].inside {
            return Some(from..to);
        }
        let (value, from) = (self.span(place).value.clone(), self.room.marks.len());
        if members(self.buffer, value, &mut self.room.open, &mut self.room.inner).is_none() {
            self.forget(from);
            return None;
        }
        let to = self.fields.len() + self.room.inner.len();
        self.room.marks.resize(to, Mark::default());
        self.room.marks[place].inside = Some((from, to));
        Some(from..to)
    }

    /// Shows the elements of an array one by one, so that no more than one is held; gives whether columns have all of each.
    /// `None` for a value that is no array.
    pub(super) fn each_element(&mut self, place: Place, mut show: impl FnMut(&mut Self, Place)) -> Option<bool> {
        let (array, at) = (self.span(place).value.clone(), self.room.marks.len());
        let (mut used_up, mut after) = (true, None);
        while let Some(element) = element(self.buffer, &array, after, &mut self.room.open)? {
            after = Some(element.value.end);
            self.room.inner.push(element);
            self.room.marks.push(Mark::default());
            show(self, at);
            used_up &= self.rest(at) == Rest::Nothing;
            self.forget(at);
        }
        Some(used_up)
    }

    /// Values from this place on were looked at in passing.
    fn forget(&mut self, from: Place) {
        self.room.inner.truncate(from - self.fields.len());
        self.room.marks.truncate(from);
    }

    /// The value that lies inside of `place` under these names, each the first of its name; names are lower case.
    pub(super) fn find(&mut self, place: Place, path: &[String]) -> Option<Place> {
        path.iter().try_fold(place, |place, name| self.members(place)?.find(|member| self.is_named(*member, name)))
    }

    /// Whether a member has this name, without case; `lower` is lower case.
    pub(super) fn is_named(&mut self, place: Place, lower: &str) -> bool {
        let FieldSpan { key, key_escaped, .. } = self.span(place).clone();
        let key = &self.buffer[key];
        if !key_escaped && (key.is_ascii() || key == lower.as_bytes()) {
            return key.eq_ignore_ascii_case(lower.as_bytes());
        }
        String::from_utf8_lossy(self.unescaped(place)).to_lowercase() == lower
    }

    /// A member's name as it is meant.
    pub(super) fn unescaped(&mut self, place: Place) -> &[u8] {
        let FieldSpan { key, key_escaped, .. } = self.span(place).clone();
        if !key_escaped {
            return &self.buffer[key];
        }
        self.room.name.clear();
        unescape(&self.buffer[key], &mut self.room.name);
        &self.room.name
    }

    fn rest(&self, place: Place) -> Rest {
        match self.room.marks[place] {
            Mark { misfit: true, .. } => Rest::Whole,
            Mark { taken: true, .. } => Rest::Nothing,
            Mark { inside: None, .. } => Rest::Whole,
            Mark { inside: Some((from, to)), .. } => {
                let mut rests = (from..to).map(|member| self.rest(member));
                match rests.next() {
                    Some(first @ (Rest::Nothing | Rest::Whole)) if rests.all(|rest| rest == first) => first,
                    Some(_) => Rest::Part,
                    None => Rest::Whole,
                }
            }
        }
    }

    /// Writes the record's fields that no column has, as a JSON object; nothing where there are none.
    pub(super) fn push_rest(&self, out: &mut Vec<u8>) {
        self.push_members(0..self.fields.len(), out);
    }

    fn push_members(&self, members: Range<Place>, out: &mut Vec<u8>) {
        let begin = out.len();
        for member in members {
            let rest = self.rest(member);
            if rest == Rest::Nothing {
                continue;
            }
            let span = self.span(member);
            out.push(if out.len() == begin { b'{' } else { b',' });
            out.extend_from_slice(&self.buffer[span.key.start - 1..span.key.end + 1]);
            out.push(b':');
            match (rest, self.room.marks[member].inside) {
                (Rest::Part, Some((from, to))) => self.push_members(from..to, out),
                _ => out.extend_from_slice(&self.buffer[span.value.clone()]),
            }
        }
        if out.len() > begin {
            out.push(b'}');
        }
    }
}
