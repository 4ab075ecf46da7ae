//! Which models of a pair a policy needs.

use arbitrage_router::Policy;

use crate::cli::SpeculationSource;

/// The roles whose models are loaded. The model of another role is only named, in notes and traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeededRoles {
    /// Whether the draft writes or proposes anything.
    pub draft: bool,
    /// Whether the target writes or judges anything.
    pub target: bool,
}

impl NeededRoles {
    /// Both models.
    pub(crate) const BOTH: Self = Self { draft: true, target: true };

    /// What `policy` needs: `target` makes no draft until a budget is spent, and `draft` never asks the target. A draft may also propose
    /// the target's tokens.
    pub(crate) fn of(policy: Policy, speculation: SpeculationSource, has_budget: bool) -> Self {
        let proposes = speculation == SpeculationSource::Draft;
        Self { draft: policy != Policy::Target || has_budget || proposes, target: policy != Policy::Draft }
    }

    /// What either needs.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { draft: self.draft || other.draft, target: self.target || other.target }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_no_policy_asks_is_not_needed() {
        let of = |policy: &str, speculation, has_budget| {
            let NeededRoles { draft, target } = NeededRoles::of(policy.parse().unwrap(), speculation, has_budget);
            (draft, target)
        };
        assert_eq!(of("draft", SpeculationSource::Rejected, false), (true, false));
        assert_eq!(of("draft", SpeculationSource::Draft, true), (true, false));
        assert_eq!(of("target", SpeculationSource::Rejected, false), (false, true));
        assert_eq!(of("target", SpeculationSource::Rejected, true), (true, true), "the draft goes on after the budget");
        assert_eq!(of("target", SpeculationSource::Draft, false), (true, true), "the draft proposes tokens");
        for policy in ["random:0", "logprob:-0.1", "entropy:1", "rsd:0.5", "oracle:0", "learned"] {
            assert_eq!(of(policy, SpeculationSource::Off, false), (true, true), "{policy}");
        }
        let [draft, target] =
            ["draft", "target"].map(|policy| NeededRoles::of(policy.parse().unwrap(), SpeculationSource::Off, false));
        assert_eq!((draft.or(target), draft.or(draft)), (NeededRoles::BOTH, draft));
    }
}
