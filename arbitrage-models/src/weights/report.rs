//! What was wrong with a set of tensors, all of it at once.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use super::{TensorView, WeightSource, shown};
use crate::error::{Error, Result};

/// Problems told in full; the others are counted.
const MOST_LINES: usize = 20;
/// Names compared for the nearest one, and the longest compared: files may hold any number of names of any length.
const MOST_CANDIDATES: usize = 4096;
const LONGEST_CANDIDATE: usize = 256;
/// Least similarity (0 to 1) of a name that is worth suggesting.
const SIMILAR: f64 = 0.6;

/// Collects missing, misshapen, unreadable and unused tensors while a model is built from a [`WeightSource`].
///
/// A builder takes every tensor through [`take`](Self::take) and calls [`finish`](Self::finish) at the end, so that one
/// failed load tells everything that has to be mended. Unused tensors are no error unless
/// [`strict`](Self::with_strict) (some exporters keep buffers that can be computed); [`unused`](Self::unused) lists them.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    available: Vec<String>,
    used: HashSet<String>,
    problems: Vec<Problem>,
    strict: bool,
}

#[derive(Debug, Clone)]
enum Problem {
    Missing { name: String },
    Misshapen { name: String, expected: Vec<usize>, found: Vec<usize> },
    Unreadable { name: String, reason: String },
}

impl LoadReport {
    /// A report without problems; `available` are the names that the source offers.
    pub fn new(available: Vec<String>) -> Self {
        Self { available, ..Self::default() }
    }

    /// Makes unused tensors an error as well.
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// The tensor `name` of `shape` (outermost first), or `None` and a line in the report.
    pub fn take<'a>(&mut self, source: &'a dyn WeightSource, name: &str, shape: &[usize]) -> Option<TensorView<'a>> {
        let tensor = self.take_optional(source, name, shape);
        if !self.used.contains(name) {
            self.missing(name);
        }
        tensor
    }

    /// As [`take`](Self::take), but absence is no problem: biases, a separate output head.
    pub fn take_optional<'a>(
        &mut self,
        source: &'a dyn WeightSource,
        name: &str,
        shape: &[usize],
    ) -> Option<TensorView<'a>> {
        let tensor = match source.get(name) {
            Ok(tensor) => tensor?,
            Err(error) => {
                self.unreadable(name, error.to_string());
                return None;
            }
        };
        self.mark_used(name);
        if tensor.shape != shape {
            self.misshapen(name, shape, tensor.shape);
            return None;
        }
        Some(tensor)
    }

    /// Notes that `name` was read.
    pub fn mark_used(&mut self, name: &str) {
        self.used.insert(name.to_owned());
    }

    /// Notes that `name` is not there.
    pub fn missing(&mut self, name: &str) {
        self.problems.push(Problem::Missing { name: name.to_owned() });
    }

    /// Notes that `name` has another shape than the model's configuration calls for.
    pub fn misshapen(&mut self, name: &str, expected: &[usize], found: &[usize]) {
        self.mark_used(name);
        let (expected, found) = (expected.to_vec(), found.to_vec());
        self.problems.push(Problem::Misshapen { name: name.to_owned(), expected, found });
    }

    /// Notes that `name` is there but cannot be used, and why.
    pub fn unreadable(&mut self, name: &str, reason: impl Into<String>) {
        self.mark_used(name);
        self.problems.push(Problem::Unreadable { name: name.to_owned(), reason: reason.into() });
    }

    /// Tensors of the source that nobody took, in the file's order.
    pub fn unused(&self) -> Vec<&str> {
        self.available.iter().map(String::as_str).filter(|name| !self.used.contains(*name)).collect()
    }

    /// Whether [`finish`](Self::finish) would pass.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty() && !(self.strict && self.available.iter().any(|name| !self.used.contains(name)))
    }

    /// Passes if nothing is wrong.
    ///
    /// # Errors
    /// [`Error::Weights`] with this report, naming `path`.
    pub fn finish(&self, path: &Path) -> Result<()> {
        if self.is_ok() { Ok(()) } else { Err(Error::Weights { path: path.to_owned(), report: self.to_string() }) }
    }
}

/// A line a problem, the first 20 of them, then the count of the others.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unused = self.unused();
        let told_unused = if self.strict { unused.as_slice() } else { &[] };
        let total = self.problems.len() + told_unused.len();
        match total {
            0 => write!(f, "all tensors are in place")?,
            1 => write!(f, "1 problem with the tensors")?,
            _ => write!(f, "{total} problems with the tensors")?,
        }
        for problem in self.problems.iter().take(MOST_LINES) {
            write!(f, "\n  {}", Told { problem, candidates: &unused })?;
        }
        for name in told_unused.iter().take(MOST_LINES.saturating_sub(self.problems.len())) {
            write!(f, "\n  unused `{}`", shown(name))?;
        }
        if total > MOST_LINES { write!(f, "\n  and {} more", total - MOST_LINES) } else { Ok(()) }
    }
}

/// A problem with the names that it may have meant.
struct Told<'a> {
    problem: &'a Problem,
    candidates: &'a [&'a str],
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            Problem::Missing { name } => {
                write!(f, "missing `{}`", shown(name))?;
                match nearest(name, self.candidates.iter().copied()) {
                    Some(near) => write!(f, "; the nearest unused name is `{}`", shown(near)),
                    None => Ok(()),
                }
            }
            Problem::Misshapen { name, expected, found } => {
                write!(f, "misshapen `{}`: expected {expected:?}, found {found:?}", shown(name))
            }
            Problem::Unreadable { name, reason } => write!(f, "unreadable `{}`: {reason}", shown(name)),
        }
    }
}

/// The candidate most like `name`, if any is like it at all.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST_CANDIDATE {
        return None;
    }
    candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        .filter(|candidate| candidate.len() <= LONGEST_CANDIDATE)
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::DType;

    /// One vector of two numbers under each name; `odd` cannot be read.
    struct Fake(Vec<&'static str>);

    impl WeightSource for Fake {
        fn path(&self) -> &Path {
            Path::new("fake")
        }
        fn names(&self) -> Vec<String> {
            self.0.iter().map(ToString::to_string).collect()
        }
        fn get(&self, name: &str) -> Result<Option<TensorView<'_>>> {
            if name == "odd" {
                return Err(Error::format("fake", "tensor `odd`", "F32", "I64"));
            }
            let name = self.0.iter().find(|own| **own == name);
            Ok(name.map(|name| TensorView { name, dtype: DType::F32, shape: &[2], bytes: &[0; 8] }))
        }
    }

    #[test]
    fn all_in_place_is_no_error() {
        let source = Fake(vec!["a", "b"]);
        let mut report = LoadReport::new(source.names());
        assert!(report.take(&source, "a", &[2]).is_some());
        assert!(report.take_optional(&source, "c", &[2]).is_none());
        assert_eq!(report.unused(), ["b"]);
        report.finish(source.path()).unwrap();
        let error = report.with_strict(true).finish(source.path()).unwrap_err();
        assert!(error.to_string().contains("unused `b`"), "{error}");
    }

    #[test]
    fn every_kind_of_problem_is_told_at_once() {
        let source = Fake(vec!["layers.0.wrong", "layers.1.right", "shape", "odd"]);
        let mut report = LoadReport::new(source.names());
        assert!(report.take(&source, "layers.0.wrung", &[2]).is_none());
        assert!(report.take(&source, "layers.1.right", &[2]).is_some());
        assert!(report.take(&source, "shape", &[1, 2]).is_none());
        assert!(report.take(&source, "odd", &[2]).is_none());
        let error = report.finish(source.path()).unwrap_err();
        assert!(matches!(error, Error::Weights { .. }));
        let expected = "fake: 3 problems with the tensors\n  \
            missing `layers.0.wrung`; the nearest unused name is `layers.0.wrong`\n  \
            misshapen `shape`: expected [1, 2], found [2]\n  \
            unreadable `odd`: fake: tensor `odd`: expected F32, found I64";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn long_reports_are_capped() {
        let source = Fake(vec![]);
        let mut report = LoadReport::new(source.names());
        for layer in 0..30 {
            report.take(&source, &format!("layers.{layer}"), &[2]);
        }
        let text = report.to_string();
        assert_eq!(text.lines().count(), 1 + MOST_LINES + 1);
        assert!(text.ends_with("and 10 more"), "{text}");
    }

    #[test]
    fn hostile_names_cost_little() {
        let names = vec!["x".repeat(1 << 20); 100];
        let mut report = LoadReport::new(names);
        report.missing(&"y".repeat(1 << 20));
        report.missing("z");
        assert!(report.to_string().len() < 1000);
    }
}
