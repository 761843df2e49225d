//! A place in a query's text, as errors show it.

use super::Bound;

/// A line and a column in the SQL, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    /// The place of a byte of `text`.
    pub(super) fn of(text: &str, offset: usize) -> Place {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_begin = before.rfind('\n').map_or(0, |at| at + 1);
        Place { line: before.matches('\n').count() + 1, column: before[line_begin..].chars().count() + 1 }
    }

    /// The byte of `text` that the place means; `None` where it lies outside.
    pub(super) fn offset(self, text: &str) -> Option<usize> {
        let line_begin = match self.line.checked_sub(1)? {
            0 => 0,
            before => text.match_indices('\n').nth(before - 1)?.0 + 1,
        };
        let line = text[line_begin..].lines().next().unwrap_or_default();
        let within = line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(self.column.checked_sub(1)?)?;
        Some(line_begin + within)
    }
}

/// What is wrong with a query, and where: quotes the line of SQL with a caret below the place.
pub(super) fn told(query: &Bound, place: Option<Place>, what: &str) -> String {
    match place.and_then(|place| Some((place, excerpt(query.text(), place)?))) {
        Some((place, excerpt)) => {
            format!("{}, line {}, column {}: {what}\n{excerpt}", query.origin, place.line, place.column)
        }
        None => format!("{}: {what}", query.origin),
    }
}

/// The line of SQL and a caret below the place.
fn excerpt(sql: &str, place: Place) -> Option<String> {
    let line = sql.lines().nth(place.line.checked_sub(1)?)?;
    let before = line.chars().take(place.column.checked_sub(1)?);
    // tabs stay tabs, so that the caret stands where the terminal shows the place
    let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    Some(format!("  {line}\n  {indent}^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_below_the_place() {
        assert_eq!(excerpt("a\n\tb cd", Place { line: 2, column: 4 }).unwrap(), "  \tb cd\n  \t  ^");
        assert_eq!(excerpt("a", Place { line: 0, column: 1 }), None);
        assert_eq!(excerpt("a", Place { line: 3, column: 1 }), None);
    }

    #[test]
    fn places_and_offsets_are_the_same_thing() {
        let text = "a\né 😀x\n\nz";
        for (offset, _) in text.char_indices() {
            assert_eq!(Place::of(text, offset).offset(text), Some(offset), "{offset}");
        }
        assert_eq!(Place::of(text, text.find('x').unwrap()), Place { line: 2, column: 4 });
        assert_eq!(Place { line: 9, column: 1 }.offset(text), None);
        assert_eq!(Place { line: 1, column: 9 }.offset(text), None);
    }
}
