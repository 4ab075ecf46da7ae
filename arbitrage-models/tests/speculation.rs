//! Speculative decoding changes the speed and never the text: on tiny models with random weights, the result is the same bit for bit.
#![cfg(feature = "flex")]

mod support;

use arbitrage_core::segmenter::{Separators, TokenBudget};
use arbitrage_core::{
    Accepted, Author, Drafter, Finish, Prefix, Problem, Rewrite, SequenceId, Step, StepRule, Verifier, VocabularyId,
};
use arbitrage_models::chat::{ChatTemplate, Message};
use arbitrage_models::sampler::{Sampler, Sampling};
use arbitrage_models::speculation::{DraftModel, PromptLookup, ProposalRequest, ProposedTokens, Proposer};
use arbitrage_models::{Error, LocalModel, LocalTarget, Outputs, Precision, Span};
use proptest::prelude::*;
use support::local::{BOTH, LLAMA, QWEN, accepted, content, draft, model, step};

const TOKENS: usize = 24;

fn samplings() -> [Sampling; 2] {
    [Sampling::greedy(), Sampling::at_temperature(0.9).unwrap().with_top_k(50).with_seed(3)]
}

fn problem() -> Problem {
    Problem::new("How many eggs are there?").with_seed(5)
}

/// Proposes the tokens of `text`, with an error in every `wrong`-th one.
struct KnownText {
    text: Vec<u32>,
    prompt: Option<usize>,
    wrong: usize,
}

impl KnownText {
    fn new(text: Vec<u32>, wrong: usize) -> Self {
        Self { text, prompt: None, wrong }
    }
}

impl Proposer for KnownText {
    fn name(&self) -> &str {
        "known-text"
    }

    fn propose(&mut self, requests: &[ProposalRequest<'_>]) -> Vec<ProposedTokens> {
        let propose = |request: &ProposalRequest<'_>| {
            let prompt = *self.prompt.get_or_insert(request.tokens.len());
            let written = request.tokens.len() - prompt;
            let token = |at: usize, id: u32| if at % self.wrong == self.wrong - 1 { id ^ 1 } else { id };
            let tokens = self.text.iter().enumerate().skip(written).take(request.max_tokens);
            tokens.map(|(at, &id)| (token(at, id), 0.9)).collect()
        };
        requests.iter().map(propose).collect()
    }
}

#[test]
fn right_and_wrong_proposals_do_not_change_the_text() {
    for (name, sampling) in [LLAMA, QWEN].into_iter().zip(samplings()) {
        let plain = draft(&mut model(name, Precision::Packed).with_sampling(sampling), 1, &problem(), &[], TOKENS);
        for wrong in [1, 2, 5, 1000] {
            for count in [Some(1), Some(4), Some(32), None] {
                let proposer = KnownText::new(plain.tokens.clone(), wrong);
                let speculative =
                    model(name, Precision::Packed).with_sampling(sampling).with_proposer(proposer).unwrap();
                let mut speculative = match count {
                    Some(count) => speculative.with_speculative_tokens(count),
                    None => speculative,
                };
                let step = draft(&mut speculative, 1, &problem(), &[], TOKENS);
                assert_eq!(
                    content(&step),
                    content(&plain),
                    "{name}: error in every {wrong}. token, {count:?} speculative tokens"
                );
                assert_eq!(step.first_entropy, plain.first_entropy);
                assert_eq!(step.cost.decoded, plain.cost.decoded);
                if wrong == 1000 && count == Some(32) {
                    assert!(step.cost.confirmed >= plain.tokens.len() - 2, "{:?}", step.cost);
                }
                if wrong == 1 {
                    assert_eq!(step.cost.confirmed, 0);
                }
            }
        }
    }
}

#[test]
fn the_plain_path_verifies_too() {
    for precision in BOTH {
        let plain = draft(&mut model(QWEN, precision), 1, &problem(), &[], TOKENS);
        let proposer = KnownText::new(plain.tokens.clone(), 7);
        let mut speculative = model(QWEN, precision).with_proposer(proposer).unwrap().with_speculative_tokens(5);
        let step = draft(&mut speculative, 1, &problem(), &[], TOKENS);
        assert_eq!(step.tokens, plain.tokens, "{precision:?}");
        assert!(step.cost.confirmed > 0 && step.cost.confirmed < step.cost.guessed);
    }
}

/// Proposes arbitrary ids, some of them outside the vocabulary; sometimes too many, sometimes for too few sequences.
struct RandomIds(Vec<Vec<u32>>, usize);

impl Proposer for RandomIds {
    fn name(&self) -> &str {
        "random-ids"
    }

    fn propose(&mut self, requests: &[ProposalRequest<'_>]) -> Vec<ProposedTokens> {
        self.1 += 1;
        let propose =
            |at: usize| ProposedTokens { tokens: self.0[(self.1 + at) % self.0.len()].clone(), confidences: vec![0.9] };
        (0..requests.len() + 1 - self.1 % 3).map(propose).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn arbitrary_proposals_do_not_change_the_text(
        proposals in prop::collection::vec(prop::collection::vec(prop_oneof![0u32..600, any::<u32>()], 0..50), 1..5),
        count in prop::option::of(0usize..40),
        seed in any::<u64>(),
        greedy in any::<bool>(),
        steps in 1usize..4,
    ) {
        let sampling = if greedy { Sampling::greedy() } else { Sampling::at_temperature(1.0).unwrap() };
        let problems = [problem().with_seed(seed), Problem::new("Hens?").with_seed(!seed)];
        let segmenter = Separators::new(["e", ".", " "]).unwrap();
        let rule = StepRule::new(&segmenter, 9);
        let fresh = || model(QWEN, Precision::Packed).with_sampling(sampling.with_seed(seed));
        let speculative = fresh().with_proposer(RandomIds(proposals, 0)).unwrap();
        let mut speculative = match count {
            Some(count) => speculative.with_speculative_tokens(count),
            None => speculative,
        };
        let mut plain = fresh();
        let mut so_far: [Vec<Accepted>; 2] = Default::default();
        for _ in 0..steps {
            let prefixes: Vec<_> =
                (0..2).map(|at| Prefix::new(SequenceId(at as u64), &problems[at], &so_far[at])).collect();
            let (with, without) = (speculative.draft(&prefixes, &rule), plain.draft(&prefixes, &rule));
            for ((with, without), so_far) in with.into_iter().zip(without).zip(&mut so_far) {
                let (with, without) = (with.unwrap(), without.unwrap());
                prop_assert_eq!(content(&with), content(&without));
                so_far.push(accepted(with, Author::Draft));
            }
        }
    }
}

#[test]
fn a_rejected_step_is_verified_and_left_where_it_is_wrong() {
    for sampling in samplings() {
        let target =
            || LocalTarget::new(model(QWEN, Precision::Packed).with_sampling(sampling).with_speculative_tokens(6));
        let segmenter = TokenBudget::new(TOKENS).unwrap();
        let problem = problem();
        let rewrite = |target: &mut LocalTarget, rejected: Option<&Step>| {
            let request = Rewrite { prefix: Prefix::new(SequenceId(0), &problem, &[]), rejected };
            target.rewrite(&[request], &StepRule::new(&segmenter, TOKENS)).pop().unwrap().unwrap()
        };
        let anew = rewrite(&mut target(), None);
        let vocabulary = VocabularyId(anew.vocabulary.unwrap().0);
        let with = |tokens: Vec<u32>| {
            let logprobs = vec![-0.1; tokens.len()];
            Step::new("?", Finish::Boundary).with_tokens(tokens, vocabulary).with_logprobs(logprobs)
        };
        let changed = |at: usize| {
            let mut tokens = anew.tokens.clone();
            tokens[at] ^= 1;
            with(tokens)
        };
        let mut shifted = anew.tokens.clone();
        shifted.insert(3, 1);
        let cases = [
            ("the same step", with(anew.tokens.clone()), 20),
            ("one wrong token", changed(8), 15),
            ("another start", changed(0), 15),
            ("a token more", with(shifted), 15),
            ("too short", with(anew.tokens[..5].to_vec()), 5),
            ("nothing", with(vec![]), 0),
            ("ids outside the vocabulary", with(vec![u32::MAX; 9]), 0),
            ("another vocabulary", Step::new("eggs and hens\n\n", Finish::Boundary), 0),
        ];
        for (name, rejected, confirmed) in cases {
            let step = rewrite(&mut target(), Some(&rejected));
            assert_eq!(content(&step), content(&anew), "{name}");
            assert!(step.cost.confirmed >= confirmed, "{name}: {:?}", step.cost);
            let without = rewrite(&mut target().with_reuse(false), Some(&rejected));
            assert_eq!((content(&without), without.cost.guessed), (content(&anew), 0), "{name}");
        }
    }
}

#[test]
fn steps_end_at_the_same_token_with_speculation() {
    // The proposer goes past the boundary; the step must not.
    let long = draft(&mut model(LLAMA, Precision::Packed), 1, &problem(), &[], 60);
    let segmenter = Separators::new([long.text.chars().nth(9).unwrap().to_string()]).unwrap();
    let plain = step(&mut model(LLAMA, Precision::Packed), 1, &problem(), &[], &segmenter);
    let proposer = KnownText::new(long.tokens.clone(), 1000);
    let mut speculative = model(LLAMA, Precision::Packed).with_proposer(proposer).unwrap().with_speculative_tokens(32);
    let with_speculation = step(&mut speculative, 1, &problem(), &[], &segmenter);
    assert_eq!(content(&with_speculation), content(&plain));
    assert!(with_speculation.cost.confirmed > 0 && with_speculation.finish == Finish::Boundary);
    // The next step is the same, too.
    let steps = [accepted(with_speculation, Author::Draft)];
    let next = |model: &mut LocalModel| content(&draft(model, 1, &problem(), &steps, 8)).1.to_vec();
    let plain = draft(&mut model(LLAMA, Precision::Packed), 2, &problem(), &steps, 8);
    assert_eq!(next(&mut speculative), plain.tokens);
}

#[test]
fn a_full_context_ends_the_step_at_the_same_token() {
    let end = |speculate: bool| {
        let mut model = model(LLAMA, Precision::Packed);
        if speculate {
            model = model.with_proposer(RandomIds(vec![vec![7; 40]], 0)).unwrap().with_speculative_tokens(32);
        }
        let context = model.decoder().config().context;
        let step = draft(&mut model, 1, &problem(), &[], context);
        (step.tokens, step.finish)
    };
    let plain = end(false);
    assert_eq!(end(true), plain);
    assert!(matches!(plain.1, Finish::Context | Finish::EndOfText), "{:?}", plain.1);
}

#[test]
fn a_draft_model_proposes_what_will_be_sampled() {
    for sampling in samplings() {
        let target = || model(QWEN, Precision::Packed).with_sampling(sampling);
        let plain = draft(&mut target(), 1, &problem(), &[], TOKENS);
        // With the model itself as its draft model, all proposals are accepted.
        let same = DraftModel::new(model(QWEN, Precision::Packed));
        let mut speculative = target().with_proposer(same).unwrap().with_speculative_tokens(4);
        let drafted = draft(&mut speculative, 1, &problem(), &[], TOKENS);
        assert_eq!(content(&drafted), content(&plain));
        assert_eq!(drafted.cost.confirmed, drafted.cost.guessed, "{:?}", drafted.cost);
        assert!(drafted.cost.confirmed > TOKENS / 2);
        // A second step, after a step of another model, with both models' caches in use.
        let foreign = Step::new(" a step of another's\n\n", Finish::Boundary);
        let steps = [accepted(drafted, Author::Draft), accepted(foreign, Author::Target)];
        let next = draft(&mut speculative, 1, &problem(), &steps, TOKENS);
        assert_eq!(content(&next), content(&draft(&mut target(), 9, &problem(), &steps, TOKENS)));
        speculative.release(SequenceId(1));
    }
}

#[test]
fn prompt_lookup_is_exact() {
    let greedy = || model(LLAMA, Precision::Packed);
    let plain = draft(&mut greedy(), 1, &problem(), &[], 60);
    let mut speculative = greedy().with_proposer(PromptLookup::new()).unwrap().with_speculative_tokens(8);
    let drafted = draft(&mut speculative, 1, &problem(), &[], 60);
    assert_eq!(content(&drafted), content(&plain));
    assert!(drafted.cost.guessed > 0, "a tiny model repeats itself");
}

#[test]
fn proposers_of_another_vocabulary_are_refused() {
    let error = model(QWEN, Precision::Packed).with_proposer(DraftModel::new(model(LLAMA, Precision::Packed)));
    let Err(Error::Parameter { name, .. }) = error.map(|_| ()) else { panic!("not refused") };
    assert_eq!(name, "vocabulary of the proposer");
}

/// The joint distribution of two tokens, the second of which was proposed: frequencies over seeds match the exact probabilities.
#[test]
fn speculative_sampling_passes_a_chi_square_test() {
    const SEEDS: u64 = 3000;
    let sampling = Sampling::at_temperature(1.3).unwrap().with_top_k(3);
    let expected = pairs(sampling);
    assert!((expected.iter().map(|(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-4);
    let draft_model = DraftModel::new(model(QWEN, Precision::Packed));
    let mut speculative = model(QWEN, Precision::Packed)
        .with_sampling(sampling)
        .with_proposer(draft_model)
        .unwrap()
        .with_speculative_tokens(2);
    let (mut counts, mut confirmed) = (vec![0.0; expected.len()], 0);
    for seed in 0..SEEDS {
        let step = draft(&mut speculative, 1, &problem().with_seed(seed), &[], 2);
        confirmed += step.cost.confirmed;
        let pair = expected.iter().position(|(pair, _)| step.tokens[..] == pair[..]);
        counts[pair.expect("only kept tokens are drawn")] += 1.0;
    }
    assert!(confirmed as u64 > SEEDS / 2, "{confirmed} proposals were accepted");
    let statistic: f64 =
        counts.iter().zip(&expected).map(|(seen, (_, p))| (seen - p * SEEDS as f64).powi(2) / (p * SEEDS as f64)).sum();
    assert!(statistic < 26.1, "{statistic}: 8 degrees of freedom exceed 26.1 once in a thousand");
}

/// Every pair of tokens that may follow the problem's prompt, with its probability.
fn pairs(sampling: Sampling) -> Vec<([u32; 2], f64)> {
    let model = model(QWEN, Precision::Packed);
    let ids = (0..model.tokenizer().vocab_size() as u32).rposition(|id| model.tokenizer().token_bytes(id).is_some());
    let ids = ids.unwrap() + 1;
    let template = ChatTemplate::for_tokenizer(model.tokenizer()).unwrap();
    let text = template.render(&[Message::user(problem().question)], true).unwrap();
    let prompt = model.tokenizer().encode_prompt(&text).unwrap();
    let next = |tail: &[u32]| {
        let tokens = [&prompt[..], tail].concat();
        let mut cache = model.decoder().cache();
        let spans = &mut [Span { cache: &mut cache, tokens: &tokens, outputs: Outputs::Last }];
        let logits = model.decoder().forward(spans).unwrap().unwrap().logits.into_data();
        let logits = &logits.as_slice::<f32>().unwrap()[..ids]; // the other columns are padding
        Sampler::new(&sampling, 0).unwrap().distribution(logits).unwrap()
    };
    let pair = |(first, p): (u32, f32)| {
        next(&[first]).into_iter().map(move |(second, q)| ([first, second], f64::from(p) * f64::from(q)))
    };
    next(&[]).into_iter().flat_map(pair).collect()
}
