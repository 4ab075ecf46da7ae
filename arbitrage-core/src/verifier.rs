//! The target model, in the role that rewrites rejected steps.

use crate::{Drafter, Rewrite, SequenceId, StepResult, StepRule, forward_methods};

/// Writes the step that replaces a rejected draft, which it may read, verify token by token, or ignore.
///
/// The engine calls it for escalated steps only (or for every step when the router asks for
/// [`Evidence::Both`](crate::Evidence::Both)). Its contract is that of [`Drafter`]: stateless calls, and steps that end at their
/// boundary. The name is that of speculative decoding, where the large model verifies a draft; what the literature on process
/// reward models calls a "verifier", a model that scores steps, is a [`StepScorer`](crate::StepScorer) here.
///
/// ```
/// use arbitrage_core::{Finish, Rewrite, Step, StepResult, StepRule, Verifier};
///
/// /// Keeps a rejected draft's text, with a mark. A real verifier writes the step anew, or checks the draft token by token.
/// struct Marker;
///
/// impl Verifier for Marker {
///     fn name(&self) -> &str {
///         "marker"
///     }
///     fn rewrite(&mut self, requests: &[Rewrite<'_>], _rule: &StepRule<'_>) -> Vec<StepResult> {
///         let rewrite = |request: &Rewrite<'_>| match request.rejected {
///             Some(draft) => Ok(Step::new(format!("[checked] {}", draft.text), draft.finish)),
///             None => Ok(Step::new("", Finish::EndOfText)),
///         };
///         requests.iter().map(rewrite).collect()
///     }
/// }
///
/// # use arbitrage_core::{Engine, Problem, Route, router_fn, testing::Scripted};
/// let draft = Scripted::new("draft", ["Add.\n\n", "It is 4."]);
/// let router = router_fn(|c| Route::escalate_if(c.draft.text.contains('4')));
/// assert_eq!(Engine::new(draft, Marker, router).solve(&Problem::new("2 + 2?"))?.text(), "Add.\n\n[checked] It is 4.");
/// # Ok::<(), arbitrage_core::EngineError>(())
/// ```
pub trait Verifier: Send {
    /// Name for traces and error messages.
    fn name(&self) -> &str;

    /// One step for each request, in order. All requests of a call have different ids.
    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult>;

    /// The sequence is finished, and its cache can be freed.
    fn release(&mut self, _id: SequenceId) {}

    /// SHA-256 of the weights in hexadecimal, or a remote model's identity; recorded in traces.
    fn digest(&self) -> Option<String> {
        None
    }
}

/// Makes any [`Drafter`] a [`Verifier`] that ignores the rejected step and writes every token anew.
///
/// ```
/// use arbitrage_core::{Target, Verifier, testing::Scripted};
/// assert_eq!(Target(Scripted::new("large", ["42"])).name(), "large");
/// ```
#[derive(Clone, Debug)]
pub struct Target<D>(pub D);

impl<D: Drafter> Verifier for Target<D> {
    forward_methods!(Verifier, self => self.0; name, release, digest);

    fn rewrite(&mut self, requests: &[Rewrite<'_>], rule: &StepRule<'_>) -> Vec<StepResult> {
        let prefixes: Vec<_> = requests.iter().map(|request| request.prefix).collect();
        self.0.draft(&prefixes, rule)
    }
}
