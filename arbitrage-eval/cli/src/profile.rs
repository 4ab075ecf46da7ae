//! `--profile`: where the time of the models and the router went.

use arbitrage_core::{AdvantageRouter, BoxError, Candidate, Decision, forward_methods};
use arbitrage_models::profile::{self, Part, TimeProfile};
use clap::Args;

/// Whether time is counted.
#[derive(Args)]
pub(crate) struct ProfileOption {
    /// Prints, after the run, the share of each part of the models' passes (products, attention, norms and so on), of the sampler, the
    /// tokenizer, the template and the router. The draft's and the target's passes are counted together.
    #[arg(long = "profile")]
    is_on: bool,
}

impl ProfileOption {
    /// Starts counting, if asked for, after the models are loaded.
    pub(crate) fn start(&self) {
        if self.is_on {
            profile::start();
        }
    }

    /// What has been counted, if asked for.
    pub(crate) fn counted(&self) -> Option<TimeProfile> {
        self.is_on.then(TimeProfile::current)
    }

    /// The router, whose time is counted, if asked for.
    pub(crate) fn count_router(&self, router: Box<dyn AdvantageRouter>) -> Box<dyn AdvantageRouter> {
        if self.is_on { Box::new(CountedRouter(router)) } else { router }
    }
}

/// Counts another router's time.
struct CountedRouter(Box<dyn AdvantageRouter>);

impl AdvantageRouter for CountedRouter {
    forward_methods!(AdvantageRouter, self => self.0; name, evidence, before_draft, release);

    fn route(&mut self, candidate: &Candidate<'_>) -> Result<Decision, BoxError> {
        profile::measure(Part::Router, || self.0.route(candidate))
    }

    fn route_batch(&mut self, candidates: &[Candidate<'_>]) -> Vec<Result<Decision, BoxError>> {
        profile::measure(Part::Router, || self.0.route_batch(candidates))
    }
}
