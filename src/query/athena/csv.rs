//! Athena's result file: CSV in which NULL is nothing at all and every value stands in quotes, the empty string as `""`.

/// What the text holds, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A value; `None` is NULL.
    Field(Option<&'a [u8]>),
    /// The end of a row.
    Row,
}

/// Splits text that comes in chunks cut anywhere.
#[derive(Debug, Default)]
pub(super) struct Tokenizer {
    state: State,
    field: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between rows.
    #[default]
    RowBegin,
    /// After a comma.
    FieldBegin,
    /// In a value without quotes.
    Bare,
    Quoted,
    /// After a quote inside of quotes: the value's end, or the first of two.
    QuoteInQuoted,
}

impl Tokenizer {
    /// Takes the next chunk and gives what is complete.
    pub(super) fn feed<E>(&mut self, bytes: &[u8], mut give: impl FnMut(Item<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.state == State::Quoted {
                let length = memchr::memchr(b'"', &bytes[at..]).unwrap_or(bytes.len() - at);
                self.field.extend_from_slice(&bytes[at..at + length]);
                at += length;
                if at < bytes.len() {
                    self.state = State::QuoteInQuoted;
                    at += 1;
                }
                continue;
            }
            self.step(*byte, &mut give)?;
            at += 1;
        }
        Ok(())
    }

    /// A byte outside of quotes.
    fn step<E>(&mut self, byte: u8, give: &mut impl FnMut(Item<'_>) -> Result<(), E>) -> Result<(), E> {
        match (byte, self.state) {
            (b'"', State::RowBegin | State::FieldBegin) => self.state = State::Quoted,
            (b'"', State::QuoteInQuoted) => {
                self.field.push(b'"');
                self.state = State::Quoted;
            }
            (b',', _) => {
                self.end_field(give)?;
                self.state = State::FieldBegin;
            }
            (b'\n', _) => {
                self.end_field(give)?;
                give(Item::Row)?;
                self.state = State::RowBegin;
            }
            (byte, _) => {
                self.field.push(byte);
                self.state = State::Bare;
            }
        }
        Ok(())
    }

    fn end_field<E>(&mut self, give: &mut impl FnMut(Item<'_>) -> Result<(), E>) -> Result<(), E> {
        let is_null = matches!(self.state, State::RowBegin | State::FieldBegin);
        give(Item::Field((!is_null).then_some(&self.field)))?;
        self.field.clear();
        Ok(())
    }

    /// The end of the text; gives a last row that no line end closed. `false` where the text ends inside of quotes.
    pub(super) fn finish<E>(&mut self, mut give: impl FnMut(Item<'_>) -> Result<(), E>) -> Result<bool, E> {
        match self.state {
            State::RowBegin => Ok(true),
            State::Quoted => Ok(false),
            _ => self.step(b'\n', &mut give).map(|()| true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    type Rows = Vec<Vec<Option<String>>>;

    fn read(chunks: &[&[u8]]) -> (Rows, bool) {
        let (mut rows, mut row) = (Rows::new(), Vec::new());
        let mut take = |item: Item<'_>| -> Result<(), Infallible> {
            match item {
                Item::Field(field) => row.push(field.map(|field| String::from_utf8(field.to_vec()).unwrap())),
                Item::Row => rows.push(std::mem::take(&mut row)),
            }
            Ok(())
        };
        let mut tokenizer = Tokenizer::default();
        for chunk in chunks {
            let Ok(()) = tokenizer.feed(chunk, &mut take);
        }
        let Ok(whole) = tokenizer.finish(&mut take);
        (rows, whole)
    }

    fn written(rows: &Rows) -> String {
        let field = |field: &Option<String>| match field {
            Some(text) => format!("\"{}\"", text.replace('"', "\"\"")),
            None => String::new(),
        };
        rows.iter().map(|row| row.iter().map(field).collect::<Vec<_>>().join(",") + "\n").collect()
    }

    #[test]
    fn null_is_nothing_and_the_empty_string_is_not() {
        let some = |text: &str| Some(text.to_owned());
        let (rows, whole) = read(&[b"\"a\",,\"\"\n\n\"x\"\"y,\n\",2\n,"]);
        assert_eq!(
            rows,
            [vec![some("a"), None, some("")], vec![None], vec![some("x\"y,\n"), some("2")], vec![None, None],]
        );
        assert!(whole);
        assert!(!read(&[b"\"a\n"]).1);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_however_it_is_cut(
            rows in (1usize..4).prop_flat_map(|width| prop::collection::vec(
                prop::collection::vec(prop::option::of("[a\",\r\né\u{1F600}]{0,5}"), width), 0..5)),
        ) {
            let text = written(&rows);
            let bytes = text.as_bytes();
            for cut in 0..=bytes.len() {
                prop_assert_eq!(&read(&[&bytes[..cut], &bytes[cut..]]), &(rows.clone(), true));
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(read(&single), (rows, true));
        }
    }
}
