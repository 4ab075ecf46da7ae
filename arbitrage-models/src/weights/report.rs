//! Everything that is wrong with a model's tensors, in one report.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use arbitrage_core::text::excerpt;

use super::{TensorView, WeightSource};
use crate::error::{Error, Result};

/// Problems that are listed; further ones are only counted.
const MAX_LINES: usize = 20;
/// Most names that are compared to find the nearest one, and the longest, in bytes: files may hold any number of names of any length.
const MAX_CANDIDATES: usize = 4096;
const MAX_CANDIDATE_BYTES: usize = 256;
/// What unused tensors mean, and what to do.
const UNUSED_HINT: &str = "an unused tensor belongs to another architecture or to a layer, bias or head that the configuration does not \
    declare: correct the configuration, or take a model of a supported family";
/// Least similarity (0 to 1) of a name that is suggested.
const MIN_SIMILARITY: f64 = 0.6;

/// Collects missing, misshapen, unreadable and unused tensors while a model is built from a [`WeightSource`].
///
/// A loader takes every tensor through [`take`](Self::take) and calls [`finish`](Self::finish) at the end, so that one failed load
/// reports everything that has to be fixed. A tensor that was not taken is a problem too: the model for which it was written would
/// have computed something else.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    available: Vec<AvailableTensor>,
    used: HashSet<String>,
    problems: Vec<TensorProblem>,
}

/// A tensor that the source offers.
#[derive(Debug, Clone)]
struct AvailableTensor {
    name: String,
    /// In the source's own words.
    name_in_file: String,
}

#[derive(Debug, Clone)]
enum TensorProblem {
    Missing { name: String },
    Misshapen { name: String, expected: Vec<usize>, found: Vec<usize> },
    Unreadable { name: String, reason: String },
}

impl LoadReport {
    /// A report without problems on the tensors that `source` offers.
    pub fn new(source: &dyn WeightSource) -> Self {
        let available = |name: String| AvailableTensor { name_in_file: source.name_in_file(&name), name };
        Self { available: source.names().into_iter().map(available).collect(), ..Self::default() }
    }

    /// The tensor `name` of `shape` (outermost first), or `None` and a line in the report.
    pub fn take<'a>(&mut self, source: &'a dyn WeightSource, name: &str, shape: &[usize]) -> Option<TensorView<'a>> {
        let tensor = self.take_optional(source, name, shape);
        if !self.used.contains(name) {
            self.missing(&source.name_in_file(name));
        }
        tensor
    }

    /// As [`take`](Self::take), for tensors that may be absent, such as biases or a separate output head.
    pub fn take_optional<'a>(
        &mut self,
        source: &'a dyn WeightSource,
        name: &str,
        shape: &[usize],
    ) -> Option<TensorView<'a>> {
        self.fits_if_there(source, name, shape).then(|| source.get(name).ok().flatten()).flatten()
    }

    /// Checks that the tensor `name` is there, with `shape`, without reading it.
    pub fn expect(&mut self, source: &dyn WeightSource, name: &str, shape: &[usize]) {
        self.fits_if_there(source, name, shape);
        if !self.used.contains(name) {
            self.missing(&source.name_in_file(name));
        }
    }

    /// As [`expect`](Self::expect), for tensors that may be absent; whether it is there and fits.
    pub fn fits_if_there(&mut self, source: &dyn WeightSource, name: &str, shape: &[usize]) -> bool {
        let found = source.shape(name);
        if !matches!(found, Ok(None)) {
            self.mark_used(name);
        }
        match found {
            Ok(Some(found)) if found == shape => return true,
            Ok(Some(found)) => self.misshapen(&source.name_in_file(name), shape, &found),
            Ok(None) => {}
            Err(error) => self.unreadable(&source.name_in_file(name), error.to_string()),
        }
        false
    }

    /// Records that the tensor of this Hugging Face name was read, or is known to be of no use.
    pub fn mark_used(&mut self, name: &str) {
        self.used.insert(name.to_owned());
    }

    /// Records that `name` is not there.
    pub fn missing(&mut self, name: &str) {
        self.problems.push(TensorProblem::Missing { name: name.to_owned() });
    }

    /// Records that `name` has another shape than the model's configuration calls for.
    pub fn misshapen(&mut self, name: &str, expected: &[usize], found: &[usize]) {
        let (expected, found) = (expected.to_vec(), found.to_vec());
        self.problems.push(TensorProblem::Misshapen { name: name.to_owned(), expected, found });
    }

    /// Records that `name` is there but cannot be used, and why.
    pub fn unreadable(&mut self, name: &str, reason: impl Into<String>) {
        self.problems.push(TensorProblem::Unreadable { name: name.to_owned(), reason: reason.into() });
    }

    /// Tensors of the source that were not read, in the file's order and words.
    pub fn unused(&self) -> Vec<&str> {
        let unused = self.available.iter().filter(|tensor| !self.used.contains(&tensor.name));
        unused.map(|tensor| tensor.name_in_file.as_str()).collect()
    }

    /// Whether nothing is wrong with the tensors that were taken so far.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// Passes if nothing is wrong with the tensors that were taken so far.
    ///
    /// # Errors
    /// [`Error::Weights`] with the problems, naming `path`.
    pub fn check(&self, path: &Path) -> Result<()> {
        self.result(path, &[])
    }

    /// Passes if nothing is wrong and every tensor of the source was taken.
    ///
    /// # Errors
    /// [`Error::Weights`] with this report, naming `path`.
    pub fn finish(&self, path: &Path) -> Result<()> {
        self.result(path, &self.unused())
    }

    fn result(&self, path: &Path, unused: &[&str]) -> Result<()> {
        if self.is_ok() && unused.is_empty() {
            return Ok(());
        }
        let report = ReportText { problems: &self.problems, unused }.to_string();
        Err(Error::Weights { path: path.to_owned(), report })
    }
}

/// One line for each of the first 20 problems, then the number of the others.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ReportText { problems: &self.problems, unused: &self.unused() }.fmt(f)
    }
}

/// The text of a report.
struct ReportText<'a> {
    problems: &'a [TensorProblem],
    unused: &'a [&'a str],
}

impl fmt::Display for ReportText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problems, unused } = self;
        let total = problems.len() + unused.len();
        match total {
            0 => write!(f, "all tensors are in place")?,
            1 => write!(f, "1 problem with the tensors")?,
            _ => write!(f, "{total} problems with the tensors")?,
        }
        for problem in problems.iter().take(MAX_LINES) {
            write!(f, "\n  {}", ProblemLine { problem, candidates: unused })?;
        }
        for name in unused.iter().take(MAX_LINES.saturating_sub(problems.len())) {
            write!(f, "\n  unused `{}`", excerpt(name))?;
        }
        if total > MAX_LINES {
            write!(f, "\n  and {} more", total - MAX_LINES)?;
        }
        match unused.is_empty() {
            true => Ok(()),
            false => write!(f, "\n  {UNUSED_HINT}"),
        }
    }
}

/// A problem, with the unused names among which the nearest is suggested.
struct ProblemLine<'a> {
    problem: &'a TensorProblem,
    candidates: &'a [&'a str],
}

impl fmt::Display for ProblemLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            TensorProblem::Missing { name } => {
                write!(f, "missing `{}`", excerpt(name))?;
                match nearest(name, self.candidates.iter().copied()) {
                    Some(near) => write!(f, "; the nearest unused name is `{}`", excerpt(near)),
                    None => Ok(()),
                }
            }
            TensorProblem::Misshapen { name, expected, found } => {
                write!(f, "misshapen `{}`: expected {expected:?}, found {found:?}", excerpt(name))
            }
            TensorProblem::Unreadable { name, reason } => write!(f, "unreadable `{}`: {reason}", excerpt(name)),
        }
    }
}

/// The candidate that is most similar to `name`, if any is similar enough to be a typing error.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_CANDIDATE_BYTES {
        return None;
    }
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| candidate.len() <= MAX_CANDIDATE_BYTES)
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
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
        let mut report = LoadReport::new(&source);
        assert!(report.take(&source, "a", &[2]).is_some());
        assert!(report.take_optional(&source, "c", &[2]).is_none());
        report.check(source.path()).unwrap();
        assert_eq!(report.unused(), ["b"]);
        let error = report.finish(source.path()).unwrap_err().to_string();
        assert!(
            error.contains("1 problem") && error.contains("unused `b`\n") && error.contains("configuration"),
            "{error}"
        );
        report.mark_used("b");
        report.finish(source.path()).unwrap();
    }

    #[test]
    fn every_kind_of_problem_is_reported_at_once() {
        let source = Fake(vec!["layers.0.wrong", "layers.1.right", "shape", "odd"]);
        let mut report = LoadReport::new(&source);
        assert!(report.take(&source, "layers.0.wrung", &[2]).is_none());
        assert!(report.take(&source, "layers.1.right", &[2]).is_some());
        assert!(report.take(&source, "shape", &[1, 2]).is_none());
        assert!(report.take(&source, "odd", &[2]).is_none());
        let error = report.finish(source.path()).unwrap_err();
        assert!(matches!(error, Error::Weights { .. }));
        let text = error.to_string();
        let expected = "fake: 4 problems with the tensors\n  \
            missing `layers.0.wrung`; the nearest unused name is `layers.0.wrong`\n  \
            misshapen `shape`: expected [1, 2], found [2]\n  \
            unreadable `odd`: fake: tensor `odd`: expected F32, found I64\n  \
            unused `layers.0.wrong`\n";
        assert!(text.starts_with(expected) && text.ends_with(UNUSED_HINT), "{text}");
    }

    #[test]
    fn long_reports_are_capped() {
        let source = Fake(vec![]);
        let mut report = LoadReport::new(&source);
        for layer in 0..30 {
            report.take(&source, &format!("layers.{layer}"), &[2]);
        }
        let text = report.to_string();
        assert_eq!(text.lines().count(), 1 + MAX_LINES + 1);
        assert!(text.ends_with("and 10 more"), "{text}");
    }

    #[test]
    fn hostile_names_cost_little() {
        let name: &'static str = "x".repeat(1 << 20).leak();
        let mut report = LoadReport::new(&Fake(vec![name; 4]));
        report.missing(&"y".repeat(1 << 20));
        report.missing("z");
        assert!(report.to_string().len() < 2000);
    }
}
