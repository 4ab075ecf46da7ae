//! A closure as a drafter.

use super::{Drafter, StepResult};
use crate::{Prefix, StepRule};

/// Makes a closure a drafter. It is called once for each prefix, and returns the next step or an error.
///
/// ```
/// use arbitrage_core::{Engine, Finish, Problem, Step, Target, drafter_fn, router::AlwaysDraft};
///
/// let count = drafter_fn("counter", |prefix, _rule| match prefix.steps.len() {
///     2 => Ok(Step::new("3", Finish::EndOfText)),
///     written => Ok(Step::new(format!("{}\n\n", written + 1), Finish::Boundary)),
/// });
/// let refuse = drafter_fn("none", |_prefix, _rule| Err("there is no target".into()));
/// let solution = Engine::new(count, Target(refuse), AlwaysDraft).solve(&Problem::new("Count to three."))?;
/// assert_eq!(solution.text(), "1\n\n2\n\n3");
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
pub fn drafter_fn<F>(name: impl Into<String>, write: F) -> DrafterFn<F>
where
    F: FnMut(&Prefix<'_>, &StepRule<'_>) -> StepResult + Send,
{
    DrafterFn { name: name.into(), write }
}

/// A drafter made by [`drafter_fn`].
#[derive(Clone)]
pub struct DrafterFn<F> {
    name: String,
    write: F,
}

impl<F> Drafter for DrafterFn<F>
where
    F: FnMut(&Prefix<'_>, &StepRule<'_>) -> StepResult + Send,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn draft(&mut self, prefixes: &[Prefix<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        prefixes.iter().map(|prefix| (self.write)(prefix, rule)).collect()
    }
}

impl<F> std::fmt::Debug for DrafterFn<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DrafterFn").field("name", &self.name).finish_non_exhaustive()
    }
}
