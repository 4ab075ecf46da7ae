//! Against caches that are filled token by token, over every way in which the decisions may fall.

use arbitrage_core::Author;
use proptest::prelude::*;

use super::*;
use crate::replay::Written;

/// Tokens by who wrote them and where.
type Token = (char, usize, usize);

/// A model's cache: the tokens that it has been through.
#[derive(Default)]
struct Cache(Vec<Token>);

impl Cache {
    /// Tokens that are read before the step `written` can follow `text`.
    fn ask(&mut self, prompt: usize, text: &[Token], written: &[Token]) -> f64 {
        let whole: Vec<Token> = (0..prompt).map(|at| ('p', 0, at)).chain(text.iter().copied()).collect();
        let common = self.0.iter().zip(&whole).take_while(|(known, token)| known == token).count();
        let read = whole.len() - common.min(whole.len() - 1);
        self.0 = whole;
        self.0.extend(&written[..written.len() - 1]);
        read as f64
    }
}

fn tokens(place: &Place, author: Author) -> Vec<Token> {
    let (name, count) = if author == Author::Draft { ('d', place.draft.tokens) } else { ('t', place.target.tokens) };
    (0..count).map(|at| if at < place.shared { ('s', place.index, at) } else { (name, place.index, at) }).collect()
}

/// One run, with decisions known.
fn slow(problem: &Collected, escalated: &[bool], habits: Habits) -> Work {
    let (mut draft, mut target, mut text) = (Cache::default(), Cache::default(), Vec::new());
    let mut work = Work::default();
    for (place, escalated) in problem.places.iter().zip(escalated) {
        let (drafted, by_target) = (tokens(place, Author::Draft), tokens(place, Author::Target));
        if habits.drafts {
            work.draft.prefilled += draft.ask(place.draft.context, &text, &drafted);
            work.draft.decoded += drafted.len() as f64;
            work.scored += if matches!(habits.judge, Judge::Draft | Judge::Both) { drafted.len() as f64 } else { 0.0 };
            work.routed += f64::from(u8::from(habits.judge == Judge::Router));
        }
        if habits.writes_both || *escalated {
            work.target.prefilled += target.ask(place.target.context, &text, &by_target);
            work.target.decoded += by_target.len() as f64;
            work.scored += if habits.judge == Judge::Both { by_target.len() as f64 } else { 0.0 };
            work.target.guessed += if habits.drafts { place.target.guessed as f64 } else { 0.0 };
        }
        text.extend(if *escalated { by_target } else { drafted });
    }
    work
}

fn places() -> impl Strategy<Value = Vec<Place>> {
    let place = (1usize..6, 1usize..6, 0usize..6, 0usize..4);
    prop::collection::vec(place, 1..6).prop_map(|rows| {
        let (mut context, mut places) = (3, Vec::new());
        for (index, (draft, target, shared, guessed)) in rows.into_iter().enumerate() {
            let written = |tokens| Written { score: 0.5, tokens, decoded: tokens, context, guessed, confirmed: 0 };
            let (draft, target) = (written(draft), written(target));
            places.push(Place {
                index,
                author: Author::Draft,
                draft,
                target,
                shared: shared.min(draft.tokens).min(target.tokens),
                mean_logprob: None,
                first_entropy: None,
                recorded: None,
                estimate: None,
                judged: None,
            });
            // Only the prompt is read from a place's context, and it is that of the first.
            context = 3;
        }
        places
    })
}

fn close(found: Work, expected: Work) -> bool {
    let figures = |work: Work| {
        let role = |role: RoleWork| [role.decoded, role.prefilled, role.guessed, role.confirmed];
        [role(work.draft), role(work.target), [work.routed, work.scored, 0.0, 0.0]].concat()
    };
    figures(found).iter().zip(figures(expected)).all(|(found, expected)| (found - expected).abs() < 1e-9)
}

const HABITS: [Habits; 5] = [
    Habits { drafts: true, writes_both: false, judge: Judge::Nothing },
    Habits { drafts: true, writes_both: false, judge: Judge::Router },
    Habits { drafts: true, writes_both: false, judge: Judge::Draft },
    Habits { drafts: true, writes_both: true, judge: Judge::Both },
    Habits { drafts: false, writes_both: false, judge: Judge::Nothing },
];

proptest! {
    #[test]
    fn expectations_are_over_all_runs(places in places(), odds in prop::collection::vec(0u8..5, 5), habit in 0usize..5) {
        let (problem, habits) = (Collected { id: "p".into(), outcome: None, places }, HABITS[habit]);
        let certain = |odds: &u8| if habits.drafts { f64::from(*odds) / 4.0 } else { 1.0 };
        let escalations: Vec<f64> = odds.iter().take(problem.places.len()).map(certain).collect();
        let mut expected = Work::default();
        for run in 0..1u32 << escalations.len() {
            let falls: Vec<bool> = (0..escalations.len()).map(|at| run >> at & 1 == 1).collect();
            let odds = falls.iter().zip(&escalations).map(|(falls, odds)| if *falls { *odds } else { 1.0 - odds });
            let (odds, one) = (odds.product::<f64>(), slow(&problem, &falls, habits));
            let scaled = |role: RoleWork| RoleWork {
                decoded: odds * role.decoded,
                prefilled: odds * role.prefilled,
                guessed: odds * role.guessed,
                confirmed: odds * role.confirmed,
            };
            expected += Work {
                draft: scaled(one.draft),
                target: scaled(one.target),
                routed: odds * one.routed,
                scored: odds * one.scored,
            };
        }
        let found = work(&problem, &escalations, habits);
        prop_assert!(close(found, expected), "{found:?} {expected:?}");
    }
}
