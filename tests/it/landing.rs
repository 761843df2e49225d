//! Landing prefixes as Firehose fills them: keys in every layout, in every time zone, behind a prefix without a slash.

mod layouts;
mod star;
