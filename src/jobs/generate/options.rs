//! What to generate, in words, and what is refused.

use crate::error::{Error, Result};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use std::fmt;
use std::str::FromStr;

/// A closed set of words for the command line: the enum, its `Display` and its `FromStr`.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every one of them, in the order to show them.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The word for it.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == text).ok_or_else(|| {
                    let words: Vec<_> = Self::ALL.iter().map(|one| one.word()).collect();
                    Error::usage(format!("{text} is not a {} that generate writes", $what))
                        .hint(format!("use one of: {}", words.join(", ")))
                })
            }
        }
    };
}

words! {
    /// How a record is written. The word is the name of the shipped schema that reads it.
    GenerateFormat, "format" {
        /// The Kinesis Agent's LOGTOJSON of a combined log: every value a string or null.
        CombinedApache = "combined_apache",
        /// Apache's own JSON by a hand-written `LogFormat`: every value a string, `-` where there is nothing.
        ApacheJson = "apache_json",
    }
}

words! {
    /// How a landed object is compressed.
    Compression, "compression" {
        /// Not at all; no suffix.
        None = "none",
        /// One gzip member, suffix `.gz`.
        Gzip = "gzip",
    }
}

words! {
    /// What stands after each record.
    Delimiter, "delimiter" {
        /// A line feed, as the agent adds it.
        Newline = "newline",
        /// Nothing: records stand back to back, as Firehose leaves them.
        None = "none",
    }
}

/// Some seconds of traffic are held in memory.
const MAX_RATE: f64 = 100_000.0;

/// What to generate. The same options give the same keys and bytes, whenever and wherever they run.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOptions {
    /// The first event time; a fraction of a second is dropped.
    pub start: DateTime<Utc>,
    /// How many hours of event time. Late records are delivered up to four hours after the last.
    pub hours: u32,
    /// Records a second (up to 100,000), on average over all the hours; the hours of a day differ.
    pub rate: f64,
    /// How a record is written.
    pub format: GenerateFormat,
    /// How an object is compressed.
    pub compression: Compression,
    /// What stands after each record.
    pub delimiter: Delimiter,
    /// The share of records (0 to 1) that arrive hours after their event time, in a later delivery hour.
    pub late: f64,
    /// The share of records (0 to 1) that no reader can decode. Each is one record, and the only one that is lost.
    pub broken: f64,
    /// Another seed, other traffic.
    pub seed: u64,
    /// An object takes what arrives within so many seconds of its first record (1 to 900, as Firehose allows).
    pub buffer_seconds: u32,
    /// An object is closed once it holds so many bytes before compression: it ends with the record that reaches it.
    pub max_object_bytes: usize,
    /// The name of the delivery stream: keys begin with it.
    pub stream: String,
    /// What Firehose puts before `yyyy/MM/dd/HH/`, by plain concatenation: `web/`, not `web`, for a folder.
    pub prefix: String,
}

impl Default for GenerateOptions {
    /// A day of one server: 86,400 records in some 290 objects.
    fn default() -> Self {
        GenerateOptions {
            start: DateTime::from_timestamp(1_795_132_800, 0).unwrap_or_default(), // 2026-11-20
            hours: 24,
            rate: 1.0,
            format: GenerateFormat::CombinedApache,
            compression: Compression::Gzip,
            delimiter: Delimiter::Newline,
            late: 0.01,
            broken: 0.001,
            seed: 1,
            buffer_seconds: 300,
            max_object_bytes: 64 << 20,
            stream: "web-access".into(),
            prefix: String::new(),
        }
    }
}

impl GenerateOptions {
    /// How many records these options make: the rate times the seconds, rounded.
    pub fn records(&self) -> u64 {
        (self.rate * f64::from(self.hours) * 3600.0).round() as u64
    }

    /// Refuses what cannot be generated, before anything is written.
    ///
    /// # Errors
    /// Usage, with what to give instead.
    pub fn check(&self) -> Result<()> {
        self.check_time()?;
        self.check_amounts()?;
        check_share("late", self.late)?;
        check_share("broken", self.broken)?;
        self.check_names()
    }

    fn check_time(&self) -> Result<()> {
        if self.hours == 0 {
            return Err(Error::usage("0 hours hold no records").hint("give 1 or more"));
        }
        let end = self.start.checked_add_signed(TimeDelta::hours(i64::from(self.hours) + 24));
        if self.start.year() < 1970 || end.is_none_or(|end| end.year() > 9999) {
            return Err(Error::usage(format!(
                "{} hours from {} on leave the years 1970 to 9999",
                self.hours, self.start
            ))
            .hint("give a start and hours within them"));
        }
        Ok(())
    }

    fn check_amounts(&self) -> Result<()> {
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return Err(Error::usage(format!("a rate of {} records a second makes no log", self.rate))
                .hint("give a rate above 0; 0.1 is one record in ten seconds"));
        }
        if self.rate > MAX_RATE {
            return Err(Error::usage(format!("a rate of {} records a second is above {MAX_RATE}", self.rate))
                .hint("give more hours for more records"));
        }
        if !(1..=900).contains(&self.buffer_seconds) {
            return Err(Error::usage(format!("Firehose does not buffer for {} seconds", self.buffer_seconds))
                .hint("give 1 to 900 seconds"));
        }
        if self.max_object_bytes == 0 {
            return Err(Error::usage("an object of 0 bytes holds no record").hint("give 1 byte or more"));
        }
        Ok(())
    }

    fn check_names(&self) -> Result<()> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !(1..=64).contains(&self.stream.len()) || !self.stream.chars().all(plain) {
            return Err(Error::usage(format!("{:?} cannot be the name of a delivery stream", self.stream))
                .hint("use 1 to 64 letters, digits, dots, dashes and underscores"));
        }
        let folder = |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(plain_in_prefix);
        let prefix = self.prefix.strip_suffix('/').unwrap_or(&self.prefix);
        if !self.prefix.is_empty() && !prefix.split('/').all(folder) {
            return Err(Error::usage(format!("{:?} cannot be the prefix of generated objects", self.prefix))
                .hint("use folders of letters, digits and = _ . - with a slash at the end, such as web/"));
        }
        Ok(())
    }
}

fn plain_in_prefix(c: char) -> bool {
    c.is_ascii_alphanumeric() || "=_.-".contains(c)
}

fn check_share(name: &str, share: f64) -> Result<()> {
    match (0.0..=1.0).contains(&share) {
        true => Ok(()),
        false => Err(Error::usage(format!("a share of {share} {name} records is not between 0 and 1"))
            .hint("0.01 is one record in a hundred")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn refused(change: impl FnOnce(&mut GenerateOptions)) -> Error {
        let mut options = GenerateOptions::default();
        change(&mut options);
        options.check().unwrap_err()
    }

    #[test]
    fn what_cannot_be_generated_is_refused_with_a_hint() {
        let errors = [
            refused(|o| o.hours = 0),
            refused(|o| o.hours = u32::MAX),
            refused(|o| o.start = "1969-12-31T23:00:00Z".parse().unwrap()),
            refused(|o| o.rate = 0.0),
            refused(|o| o.rate = f64::NAN),
            refused(|o| o.rate = f64::INFINITY),
            refused(|o| o.rate = 100_000.1),
            refused(|o| o.late = 1.1),
            refused(|o| o.broken = -0.1),
            refused(|o| o.broken = f64::NAN),
            refused(|o| o.buffer_seconds = 0),
            refused(|o| o.buffer_seconds = 901),
            refused(|o| o.max_object_bytes = 0),
            refused(|o| o.stream.clear()),
            refused(|o| o.stream = "a/b".into()),
            refused(|o| o.prefix = "/".into()),
            refused(|o| o.prefix = "a//b/".into()),
            refused(|o| o.prefix = "../".into()),
            refused(|o| o.prefix = "year=!{timestamp:yyyy}/".into()),
        ];
        for error in errors {
            assert_eq!(error.kind(), Kind::Usage, "{error}");
            assert!(error.hint_text().is_some(), "{error}");
        }
    }

    #[test]
    fn the_default_and_plain_prefixes_pass() {
        for prefix in ["", "web", "web/", "a/b=c/"] {
            GenerateOptions { prefix: prefix.into(), ..Default::default() }.check().unwrap();
        }
        assert_eq!(GenerateOptions::default().start.to_rfc3339(), "2026-11-20T00:00:00+00:00");
        assert_eq!(GenerateOptions::default().records(), 86_400);
    }

    #[test]
    fn words_are_read_as_they_are_shown() {
        for &format in GenerateFormat::ALL {
            assert_eq!(format.to_string().parse::<GenerateFormat>().unwrap(), format);
        }
        let error = "zip".parse::<Compression>().unwrap_err();
        assert_eq!(error.hint_text(), Some("use one of: none, gzip"));
    }
}
