//! A closure as a router.

use std::fmt;
use std::marker::PhantomData;

use super::AdvantageRouter;
use crate::{BoxError, Candidate, Decision};

/// Makes a router of a closure that returns a [`Route`](crate::Route) or a [`Decision`].
///
/// ```
/// use arbitrage_core::{Decision, Route, router_fn};
///
/// let by_length = router_fn(|c| Route::escalate_if(c.draft.text.len() < 8));
/// let traced = router_fn(|c| {
///     let digits = c.draft.text.chars().filter(char::is_ascii_digit).count();
///     Decision::new(Route::escalate_if(digits > 3)).with_estimate(digits as f32)
/// });
/// ```
pub fn router_fn<F, D>(decide: F) -> RouterFn<F, D>
where
    F: FnMut(&Candidate<'_>) -> D + Send,
    D: Into<Decision>,
{
    RouterFn { decide, name: "closure".to_owned(), decision: PhantomData }
}

/// A router made by [`router_fn`].
pub struct RouterFn<F, D> {
    decide: F,
    name: String,
    decision: PhantomData<fn() -> D>,
}

impl<F, D> RouterFn<F, D> {
    /// Sets the name in traces, with parameters if there are any.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

impl<F, D> fmt::Debug for RouterFn<F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterFn").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<F, D> AdvantageRouter for RouterFn<F, D>
where
    F: FnMut(&Candidate<'_>) -> D + Send,
    D: Into<Decision>,
{
    fn name(&self) -> String {
        self.name.clone()
    }

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        Ok((self.decide)(candidate).into())
    }
}
