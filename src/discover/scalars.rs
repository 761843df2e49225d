//! What is known of a field's single values: how many of them are numbers, truth values, nothing at all, and some of them to
//! show. Each is asked of the decoder's own readers, so that what is proposed is what fits.

use crate::decode::{boolean, double, integer};
use std::collections::BTreeSet;
use std::fmt;

/// Texts that mean NULL where the other values are numbers, times or truth values.
pub(super) const NULL_WORDS: [&str; 9] = ["-", "", "null", "NULL", "N/A", "n/a", "None", "nil", "NaN"];

/// Different values that are kept to be shown.
const SHOWN: usize = 12;
/// Of values of which only the beginnings are kept, so many.
const ALWAYS_SHOWN: usize = 3;
/// Of a longer one its beginning is shown.
const LONGEST: usize = 48;
/// Digits in quotes beyond this are a name, and no number that anybody adds up.
const MOST_DIGITS: usize = 15;

/// Counts of single values, by what they are.
#[derive(Debug, Default)]
pub(super) struct Scalars {
    /// All, without those that are one of [`NULL_WORDS`].
    pub(super) count: u64,
    /// By place in [`NULL_WORDS`].
    pub(super) null_words: [u64; NULL_WORDS.len()],
    /// Those in quotes.
    pub(super) quoted: u64,
    /// Whole numbers.
    pub(super) whole: u64,
    /// Numbers with a dot or an exponent.
    pub(super) fraction: u64,
    /// Numbers that are written as names are: `007`, `+5`, `1e5` in quotes, very many digits in quotes.
    pub(super) odd: u64,
    /// Truth values.
    pub(super) boolean: u64,
    /// Strings that are a JSON object as a whole; counted as long as all are.
    pub(super) objects: u64,
    /// The range of the whole numbers.
    pub(super) range: Option<(i64, i64)>,
    /// The range of all numbers.
    pub(super) span: Option<(f64, f64)>,
    /// Characters of the longest text, up to some.
    pub(super) longest: usize,
    /// A text that is one character, neither letter nor digit, and not `-`: a sign among signs.
    pub(super) signs: bool,
    /// Some of them.
    pub(super) examples: Examples,
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Whole(i64),
    Fraction(f64),
    Odd,
    None,
}

impl Scalars {
    /// Counts one value, which is no JSON null; true where it means something.
    pub(super) fn observe(&mut self, text: &str, quoted: bool) -> bool {
        self.quoted += u64::from(quoted);
        if let Some(word) = NULL_WORDS.iter().position(|word| *word == text) {
            self.null_words[word] += 1;
            return false;
        }
        self.count += 1;
        self.longest = self.longest.max(text.len());
        self.signs |= text.len() == 1 && !text.as_bytes()[0].is_ascii_alphanumeric();
        self.boolean += u64::from(boolean(text).is_some());
        match number(text, quoted) {
            Number::Whole(value) => {
                self.whole += 1;
                widen(&mut self.range, value);
                widen(&mut self.span, value as f64);
            }
            Number::Fraction(value) => {
                self.fraction += 1;
                widen(&mut self.span, value);
            }
            Number::Odd => self.odd += 1,
            Number::None => {}
        }
        self.examples.observe(text);
        true
    }

    /// Values of every kind, null words included.
    pub(super) fn all(&self) -> u64 {
        self.count + self.null_words.iter().sum::<u64>()
    }

    /// How many of them are one of these null words.
    pub(super) fn times_of(&self, words: &BTreeSet<&str>) -> u64 {
        let these = NULL_WORDS.iter().zip(self.null_words).filter(|(word, _)| words.contains(**word));
        these.map(|(_, count)| count).sum()
    }

    /// The null words that were seen.
    pub(super) fn null_words(&self) -> impl Iterator<Item = &'static str> {
        let seen = NULL_WORDS.iter().zip(self.null_words).filter(|(_, count)| *count > 0);
        seen.map(|(word, _)| *word).collect::<Vec<_>>().into_iter()
    }
}

fn widen<T: PartialOrd + Copy>(range: &mut Option<(T, T)>, value: T) {
    let (low, high) = range.unwrap_or((value, value));
    *range = Some((if value < low { value } else { low }, if value > high { value } else { high }));
}

fn number(text: &str, quoted: bool) -> Number {
    let Some(value) =
        text.starts_with(|c: char| c.is_ascii_digit() || "+-. ".contains(c)).then(|| double(text)).flatten()
    else {
        return Number::None;
    };
    if quoted && !is_plain(text) {
        return Number::Odd;
    }
    match text.contains(['.', 'e', 'E']) {
        true => Number::Fraction(value),
        false => integer(text).map_or(Number::None, Number::Whole),
    }
}

/// Whether digits in quotes are written as a number is.
fn is_plain(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && (whole == "0" || !whole.starts_with('0'))
        && whole.len() <= MOST_DIGITS
        && fraction.len() <= MOST_DIGITS
}

/// Different values in the order in which they came, until there are too many.
#[derive(Debug, Default)]
pub(super) struct Examples {
    texts: Vec<String>,
    more: bool,
}

impl Examples {
    fn observe(&mut self, text: &str) {
        if self.more && self.texts.len() >= ALWAYS_SHOWN {
            return;
        }
        let shown = beginning(text);
        self.more |= shown.len() < text.len();
        if !self.texts.iter().any(|known| known == shown) {
            match self.texts.len() == SHOWN {
                true => self.more = true,
                false => self.texts.push(shown.to_owned()),
            }
        }
    }

    /// How many different ones there are, where that is known.
    pub(super) fn different(&self) -> Option<usize> {
        (!self.more).then_some(self.texts.len())
    }

    /// The first of them, to be shown.
    pub(super) fn first(&self, most: usize) -> impl Iterator<Item = Quoted<'_>> {
        self.texts.iter().take(most).map(|text| Quoted(text))
    }
}

fn beginning(text: &str) -> &str {
    let end = text.floor_char_boundary(LONGEST);
    &text[..end]
}

/// A text of a log in quotes, so that it stays on its line and drives no terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = beginning(self.0);
        let cut = if text.len() < self.0.len() || text.len() + 3 >= LONGEST { "…" } else { "" };
        write!(f, "\"{}{cut}\"", visible(text))
    }
}

/// A text without what drives a terminal or turns the direction of a line.
pub(super) fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(u32::from(c), 0xAD | 0x61C | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF | 0xFFF9..=0xFFFB | 0xE0000..=0xE0FFF)
    };
    text.chars().map(|c| if hidden(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_names_made_of_digits() {
        for (text, quoted, expected) in [
            ("200", true, Number::Whole(200)),
            ("-7", true, Number::Whole(-7)),
            ("0", true, Number::Whole(0)),
            ("0.250", true, Number::Fraction(0.25)),
            ("007", true, Number::Odd),
            ("+5", true, Number::Odd),
            ("12e5", true, Number::Odd),
            (" 7 ", true, Number::Odd),
            ("00.5", true, Number::Odd),
            ("4915112345678901", true, Number::Odd),
            ("4915112345678901", false, Number::Whole(4_915_112_345_678_901)),
            ("1.0", false, Number::Fraction(1.0)),
            ("2e2", false, Number::Fraction(200.0)),
            ("99999999999999999999", false, Number::None),
            ("1e400", false, Number::None),
            ("10.0.0.7", true, Number::None),
            ("infinity", true, Number::None),
            ("a1", true, Number::None),
        ] {
            assert_eq!(number(text, quoted), expected, "{text}");
        }
    }

    #[test]
    fn what_a_log_holds_stays_on_its_line() {
        let text = "a\n# b\u{1b}[31m\"\u{202e}c";
        assert_eq!(Quoted(text).to_string(), "\"a\\u{a}# b\\u{1b}[31m\"\\u{202e}c\"");
        assert_eq!(Quoted(&"é".repeat(100)).to_string(), format!("\"{}…\"", "é".repeat(24)));
    }

    #[test]
    fn few_different_values_are_counted_and_many_are_not() {
        let mut few = Scalars::default();
        for text in ["a", "b", "-", "a", ""] {
            few.observe(text, true);
        }
        assert_eq!((few.examples.different(), few.count, few.all()), (Some(2), 3, 5));
        assert_eq!(few.null_words().collect::<Vec<_>>(), ["-", ""]);
        (0..20).for_each(|n| _ = few.observe(&n.to_string(), false));
        assert_eq!((few.examples.different(), few.range), (None, Some((0, 19))));
    }
}
