//! Compares with caches that are simulated token by token, over all combinations of decisions.

use arbitrage_core::Author;
use proptest::prelude::*;

use super::*;
use crate::replay::PairedStep;

/// A token: its author, step and position.
type Token = (char, usize, usize);

/// A model's cache: the tokens that it has read.
#[derive(Default)]
struct Cache(Vec<Token>);

impl Cache {
    /// Number of tokens that are read before the step `written` can follow `text`.
    fn call(&mut self, prompt: usize, text: &[Token], written: &[Token]) -> f64 {
        let whole: Vec<Token> = (0..prompt).map(|at| ('p', 0, at)).chain(text.iter().copied()).collect();
        let common = self.0.iter().zip(&whole).take_while(|(known, token)| known == token).count();
        let read = whole.len() - common.min(whole.len() - 1);
        self.0 = whole;
        self.0.extend(&written[..written.len() - 1]);
        read as f64
    }
}

fn tokens(pair: &StepPair, author: Author) -> Vec<Token> {
    let (name, count) = if author == Author::Draft { ('d', pair.draft.tokens) } else { ('t', pair.target.tokens) };
    (0..count).map(|at| if at < pair.shared { ('s', pair.index, at) } else { (name, pair.index, at) }).collect()
}

/// The work of one run with fixed decisions.
fn simulated(problem: &PairedSolution, escalated: &[bool], drafts: &[bool], cost: PolicyCost) -> WorkCounts {
    let (mut draft, mut target, mut text) = (Cache::default(), Cache::default(), Vec::new());
    let mut work = WorkCounts::default();
    for ((pair, escalated), is_drafted) in problem.pairs.iter().zip(escalated).zip(drafts) {
        let (drafted, by_target) = (tokens(pair, Author::Draft), tokens(pair, Author::Target));
        if *is_drafted {
            work.draft.prefilled += draft.call(pair.draft.context, &text, &drafted);
            work.draft.decoded += drafted.len() as f64;
            work.scored += if matches!(cost.decision, DecisionWork::ScoreDraft | DecisionWork::ScoreBoth) {
                drafted.len() as f64
            } else {
                0.0
            };
            work.routed += f64::from(u8::from(cost.decision == DecisionWork::Router));
        }
        if cost.writes_both && *is_drafted || *escalated {
            work.target.prefilled += target.call(pair.target.context, &text, &by_target);
            work.target.decoded += by_target.len() as f64;
            let is_scored = cost.decision == DecisionWork::ScoreBoth && *is_drafted;
            work.scored += if is_scored { by_target.len() as f64 } else { 0.0 };
            work.target.guessed += if *is_drafted { pair.target.guessed as f64 } else { 0.0 };
        }
        text.extend(if *escalated { by_target } else { drafted });
    }
    work
}

fn pairs() -> impl Strategy<Value = Vec<StepPair>> {
    let pair = (1usize..6, 1usize..6, 0usize..6, 0usize..4);
    prop::collection::vec(pair, 1..6).prop_map(|rows| {
        let (mut context, mut pairs) = (3, Vec::new());
        for (index, (draft, target, shared, guessed)) in rows.into_iter().enumerate() {
            let written = |tokens| PairedStep { score: 0.5, tokens, decoded: tokens, context, guessed, confirmed: 0 };
            let (draft, target) = (written(draft), written(target));
            pairs.push(StepPair {
                index,
                author: Author::Draft,
                draft,
                target,
                shared: shared.min(draft.tokens).min(target.tokens),
                mean_logprob: None,
                first_entropy: None,
                recorded: None,
                estimate: None,
                rsd_score: None,
            });
            // Only the first step's context is used, as the length of the prompt.
            context = 3;
        }
        pairs
    })
}

fn close(found: WorkCounts, expected: WorkCounts) -> bool {
    let figures = |work: WorkCounts| {
        let role = |role: RoleWork| [role.decoded, role.prefilled, role.guessed, role.confirmed];
        [role(work.draft), role(work.target), [work.routed, work.scored, 0.0, 0.0]].concat()
    };
    figures(found).iter().zip(figures(expected)).all(|(found, expected)| (found - expected).abs() < 1e-9)
}

const POLICY_COSTS: [PolicyCost; 4] = [
    PolicyCost { writes_both: false, decision: DecisionWork::Nothing },
    PolicyCost { writes_both: false, decision: DecisionWork::Router },
    PolicyCost { writes_both: false, decision: DecisionWork::ScoreDraft },
    PolicyCost { writes_both: true, decision: DecisionWork::ScoreBoth },
];

proptest! {
    #[test]
    fn expectations_are_over_all_runs(
        pairs in pairs(), odds in prop::collection::vec(0u8..5, 5), kind in 0usize..4,
        drafted in prop_oneof![
            Just(vec![true; 5]), Just(vec![false; 5]), prop::collection::vec(any::<bool>(), 5)
        ],
    ) {
        let (problem, cost) = (PairedSolution { id: "p".into(), outcome: None, pairs }, POLICY_COSTS[kind]);
        let certain = |(odds, drafted): (&u8, &bool)| if *drafted { f64::from(*odds) / 4.0 } else { 1.0 };
        let escalations: Vec<f64> = odds.iter().zip(&drafted).take(problem.pairs.len()).map(certain).collect();
        let mut expected = WorkCounts::default();
        for run in 0..1u32 << escalations.len() {
            let falls: Vec<bool> = (0..escalations.len()).map(|at| run >> at & 1 == 1).collect();
            let odds = falls.iter().zip(&escalations).map(|(falls, odds)| if *falls { *odds } else { 1.0 - odds });
            let (odds, one) = (odds.product::<f64>(), simulated(&problem, &falls, &drafted, cost));
            let scaled = |role: RoleWork| RoleWork {
                decoded: odds * role.decoded,
                prefilled: odds * role.prefilled,
                guessed: odds * role.guessed,
                confirmed: odds * role.confirmed,
            };
            expected += WorkCounts {
                draft: scaled(one.draft),
                target: scaled(one.target),
                routed: odds * one.routed,
                scored: odds * one.scored,
            };
        }
        let drafted = drafted[..escalations.len()].to_vec();
        let found = expected_work(&problem, &StepDecisions { escalations, drafted }, cost);
        prop_assert!(close(found, expected), "{found:?} {expected:?}");
    }
}
