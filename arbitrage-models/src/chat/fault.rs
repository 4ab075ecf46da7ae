//! What stops a rendering.

use super::value::PyValue;

/// Longest text of a template's own that an error repeats, in characters.
const MAX_DETAIL: usize = 600;

/// What went wrong, as the words at the start of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    Syntax,
    /// An operation that Python refuses, or that is not supported here.
    Invalid,
    Undefined,
    UnknownFunction,
    UnknownFilter,
    UnknownTest,
    UnknownMethod,
    /// The allowance of work or memory is used up.
    Exhausted,
    /// The template called `raise_exception`.
    Raised,
}

impl FaultKind {
    fn words(self) -> &'static str {
        match self {
            Self::Syntax => "syntax error",
            Self::Invalid => "invalid operation",
            Self::Undefined => "undefined value",
            Self::UnknownFunction => "unknown function",
            Self::UnknownFilter => "unknown filter",
            Self::UnknownTest => "unknown test",
            Self::UnknownMethod => "unknown method",
            Self::Exhausted => "it needs too much work or memory; it may have an endless loop",
            Self::Raised => "invalid operation: raised by the template",
        }
    }
}

/// An error of the template, with its line once that is known.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    detail: String,
    line: Option<usize>,
}

/// The result of a part of a rendering.
pub(super) type Evaluated<T = PyValue> = std::result::Result<T, Fault>;

impl Fault {
    pub(super) fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), line: None }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(FaultKind::Invalid, detail)
    }

    pub(super) fn exhausted() -> Self {
        Self::new(FaultKind::Exhausted, "")
    }

    /// Adds the line, unless an inner part has added a more exact one.
    pub(super) fn at(mut self, line: usize) -> Self {
        self.line.get_or_insert(line);
        self
    }

    /// The message, which begins with the line.
    pub(super) fn reason(&self) -> String {
        let mut reason = match self.line {
            Some(line) => format!("line {line}: {}", self.kind.words()),
            None => self.kind.words().to_owned(),
        };
        if !self.detail.is_empty() {
            reason.push_str(": ");
            reason.extend(self.detail.chars().take(MAX_DETAIL));
            if self.detail.chars().nth(MAX_DETAIL).is_some() {
                reason.push('…');
            }
        }
        reason
    }
}
