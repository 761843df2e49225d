//! Kinds of error by meaning, what each one means for the exit code, and which are worth a retry.
//!
//! There is one error type. A library caller branches on [`Kind`]; a person reads the message, the chain of causes and
//! the hint. Messages say what failed and where; hints say what to do next.

use std::fmt;

/// What every fallible function of the crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What an error means, independently of where it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Wrong usage or configuration: nothing was tried. Exit code 2.
    Usage,
    /// Storage, network or disk refused or failed. Exit code 1.
    Storage,
    /// There are no AWS credentials, or they have expired: nothing works until they are renewed. Exit code 1.
    Credentials,
    /// One landed object cannot be read. `compact` remembers it as waiting. Exit code 1.
    Unreadable,
    /// The ledger contradicts itself or a commit is missing or damaged: nothing is written on top of it. Exit code 1.
    Ledger,
    /// SQL that cannot be planned or run. Exit code 1.
    Query,
    /// An expectation, a verification or a share such as `--max-rejected` failed. Exit code 3.
    Check,
    /// Over the scan budget: the query was stopped before it read more. Exit code 4.
    Budget,
    /// Lost the race too often, throttled, or the outcome of a write is unknown: the next run finds out. Exit code 75.
    TryAgain,
    /// A person pressed Ctrl-C. Exit code 130, as shells expect.
    Cancelled,
    /// A mistake of firelake itself. Exit code 1.
    Internal,
}

impl Kind {
    /// The process's exit code, as README and DESIGN promise it.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Usage => 2,
            Kind::Storage | Kind::Credentials | Kind::Unreadable | Kind::Ledger | Kind::Query | Kind::Internal => 1,
            Kind::Check => 3,
            Kind::Budget => 4,
            Kind::TryAgain => 75,
            Kind::Cancelled => 130,
        }
    }

    /// Whether the same command may succeed later with nothing changed by anybody.
    pub fn is_retryable(self) -> bool {
        matches!(self, Kind::TryAgain)
    }
}

/// An error with its meaning, its causes and a hint for the person who meets it.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    cause: Option<Cause>,
    hint: Option<String>,
}

impl Error {
    /// An error of `kind`; `message` says what failed and where.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), cause: None, hint: None }))
    }

    /// Wrong usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Storage, network or disk.
    pub fn storage(message: impl Into<String>) -> Self {
        Self::new(Kind::Storage, message)
    }

    /// A landed object that cannot be read.
    pub fn unreadable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unreadable, message)
    }

    /// A ledger that cannot be trusted.
    pub fn ledger(message: impl Into<String>) -> Self {
        Self::new(Kind::Ledger, message)
    }

    /// SQL that cannot be planned or run.
    pub fn query(message: impl Into<String>) -> Self {
        Self::new(Kind::Query, message)
    }

    /// A mistake of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Keeps `cause` as what led to this error.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Says what to do next. The innermost hint wins: it knows most.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Puts `message` in front: this error becomes the cause, its kind and hint stay.
    #[must_use]
    pub fn context(self, message: impl Into<String>) -> Self {
        let (kind, hint) = (self.kind(), self.0.hint.clone());
        Error(Box::new(Inner { kind, message: message.into(), cause: Some(Box::new(self)), hint }))
    }

    /// The first error of ours in a chain of causes, told again: other crates carry it, but do not give it back.
    pub fn carried_by(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
        causes(error).find_map(|cause| cause.downcast_ref::<Error>()).map(Error::told_again)
    }

    fn told_again(&self) -> Error {
        let causes = self.chain().split_off(1).into_iter().rev();
        let cause = causes.fold(None, |inner: Option<Error>, told| {
            let outer = Error::new(self.kind(), told);
            Some(match inner {
                Some(inner) => outer.caused_by(inner),
                None => outer,
            })
        });
        let mut again = Error::new(self.kind(), self.message());
        again.0.cause = cause.map(Cause::from);
        again.0.hint = self.0.hint.clone();
        again
    }

    /// What it means.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What to do next, where somebody knew.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The message without its causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The message and each cause that adds something, outermost first, without repeating what an outer one said.
    pub fn chain(&self) -> Vec<String> {
        let mut lines = vec![self.0.message.clone()];
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            let text = cause.to_string();
            if !lines.iter().any(|line| line.contains(&text)) {
                lines.push(text);
            }
            next = cause.source();
        }
        lines
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.chain().join(": "))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

/// An error and what led to it, outermost first. An I/O error that carries another one hides it from `source`.
pub(crate) fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |cause| {
        let carried = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        carried.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| cause.source())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_keeps_kind_hint_and_cause() {
        let error = Error::usage("no such schema").hint("look at the list").context("table access");
        assert_eq!(error.kind(), Kind::Usage);
        assert_eq!(error.hint_text(), Some("look at the list"));
        assert_eq!(error.chain(), ["table access", "no such schema"]);
    }

    #[test]
    fn an_error_that_others_carry_is_told_again() {
        let ours = Error::usage("a").hint("do").caused_by(Error::storage("b").caused_by(std::io::Error::other("c")));
        let carried = std::io::Error::other(ours);
        let again = Error::carried_by(&carried).unwrap();
        assert_eq!(
            (again.kind(), again.chain().join(" "), again.hint_text()),
            (Kind::Usage, "a b c".into(), Some("do"))
        );
        assert!(Error::carried_by(&std::io::Error::other("x")).is_none());
    }

    #[test]
    fn a_cause_that_the_message_already_quotes_is_not_repeated() {
        let cause = std::io::Error::other("disk full");
        let error = Error::storage("cannot write x: disk full").caused_by(cause);
        assert_eq!(error.chain(), ["cannot write x: disk full"]);
    }
}
