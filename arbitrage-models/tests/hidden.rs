//! Hidden states of steps: they are the states that the tokens were sampled from, whatever was proposed and whichever sequences ran in
//! the same batch, and teacher forcing computes them again from the text alone.
#![cfg(feature = "flex")]

mod support;

use arbitrage_core::segmenter::{Separators, TokenBudget};
use arbitrage_core::{
    Accepted, Author, Drafter, Finish, Hidden, Prefix, Problem, Rewrite, SequenceId, Step, StepRule, StepSegmenter,
    Verifier,
};
use arbitrage_models::sampler::Sampling;
use arbitrage_models::speculation::DraftModel;
use arbitrage_models::tokenizer::EncodeMode;
use arbitrage_models::{Error, HiddenReader, LocalModel, LocalTarget, Outputs, Precision, Span, TeacherForced};
use support::local::{BOTH, LLAMA, QWEN, accepted, draft, draft_all, model, step};

fn samplings() -> [Sampling; 2] {
    [Sampling::greedy(), Sampling::at_temperature(0.9).unwrap().with_seed(3)]
}

fn model_with_hidden(name: &str, precision: Precision, sampling: Sampling) -> LocalModel {
    model(name, precision).with_sampling(sampling).with_hidden(true)
}

fn problem() -> Problem {
    Problem::new("How many eggs are there?").with_seed(5)
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// Equal bits on the packed path, equal numbers within rounding on the plain one.
fn assert_same(precision: Precision, ours: &[f32], theirs: &[f32], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    match precision {
        Precision::Packed => assert_eq!(bits(ours), bits(theirs), "{what}"),
        Precision::Plain | Precision::Half => {
            assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() <= 5e-5), "{what}")
        }
    }
}

fn assert_same_hidden(precision: Precision, ours: &Hidden, theirs: &Hidden, what: &str) {
    assert_same(precision, &ours.last, &theirs.last, what);
    assert_same(precision, &ours.mean, &theirs.mean, what);
}

fn assert_same_as_generated(precision: Precision, reading: &TeacherForced, step: &Step, what: &str) {
    assert_same_hidden(precision, &reading.hidden, step.hidden.as_ref().unwrap(), what);
    assert_same(precision, &reading.logprobs, &step.logprobs, what);
    assert_same(precision, &[reading.first_entropy], &[step.first_entropy.unwrap()], what);
}

fn assert_same_results(precision: Precision, ours: &TeacherForced, theirs: &TeacherForced) {
    assert_same_hidden(precision, &ours.hidden, &theirs.hidden, "states");
    assert_same(precision, &ours.logprobs, &theirs.logprobs, "log-probabilities");
    assert_same(precision, &[ours.first_entropy], &[theirs.first_entropy], "entropy");
}

/// The definition, by hand: the states after the prefix and each of the step's tokens but the last.
#[test]
fn states_are_those_that_the_tokens_were_sampled_from() {
    for precision in BOTH {
        let mut model = model_with_hidden(LLAMA, precision, Sampling::greedy());
        let step = draft(&mut model, 1, &problem(), &[], 9);
        let prompt = model.tokenizer().encode_prompt(&rendered(&model)).unwrap();
        let tokens = [&prompt[..], &step.tokens[..8]].concat();
        let decoder = model.decoder();
        let mut cache = decoder.cache();
        let spans = &mut [Span { cache: &mut cache, tokens: &tokens, outputs: Outputs::Tail(9) }];
        let states = decoder.hidden(spans).unwrap().unwrap().into_data_as::<f32>();
        let states: Vec<_> = states.as_slice::<f32>().unwrap().chunks(decoder.config().hidden).collect();
        let mean = (0..decoder.config().hidden).map(|i| states.iter().map(|row| row[i]).sum::<f32>() / 9.0).collect();
        let expected = Hidden { last: states[8].to_vec(), mean };
        assert_same_hidden(precision, step.hidden.as_ref().unwrap(), &expected, "by hand");
    }
}

fn rendered(model: &LocalModel) -> String {
    use arbitrage_models::chat::{ChatTemplate, Message};
    let template = ChatTemplate::for_tokenizer(model.tokenizer()).unwrap();
    template.render(&[Message::user(problem().question)], true).unwrap()
}

#[test]
fn states_without_the_head_are_those_behind_the_logits() {
    for precision in BOTH {
        let decoder = support::fixture(QWEN).decoder(precision);
        let ids = support::fixture(QWEN).ids();
        for outputs in [Outputs::All, Outputs::Last, Outputs::Tail(3), Outputs::None] {
            let (mut one, mut other) = (decoder.cache(), decoder.cache());
            let output = decoder.forward(&mut [Span { cache: &mut one, tokens: &ids, outputs }]).unwrap();
            let hidden = decoder.hidden(&mut [Span { cache: &mut other, tokens: &ids, outputs }]).unwrap();
            let Some(output) = output else {
                assert!(hidden.is_none() && outputs == Outputs::None && other.len() == ids.len());
                continue;
            };
            let hidden = hidden.unwrap();
            let pairs = [(decoder.logits(hidden.clone()), output.logits), (hidden, output.hidden)];
            for (ours, theirs) in pairs.map(|(a, b)| (a.into_data_as::<f32>(), b.into_data_as::<f32>())) {
                assert_eq!(bits(ours.as_slice().unwrap()), bits(theirs.as_slice().unwrap()));
            }
        }
    }
}

#[test]
fn steps_have_no_states_by_default() {
    let (mut plain, mut with_hidden) =
        (model(LLAMA, Precision::Packed), model_with_hidden(LLAMA, Precision::Packed, Sampling::greedy()));
    let (plain, with_hidden) =
        (draft(&mut plain, 1, &problem(), &[], 9), draft(&mut with_hidden, 1, &problem(), &[], 9));
    assert!(plain.hidden.is_none() && with_hidden.hidden.is_some());
    let cost = |step: &Step| (step.cost.prefilled, step.cost.cached, step.cost.decoded);
    assert_eq!((&plain.tokens, cost(&plain)), (&with_hidden.tokens, cost(&with_hidden)));
}

#[test]
fn speculative_tokens_do_not_change_the_states() {
    for sampling in samplings() {
        let segmenter = TokenBudget::new(20).unwrap();
        let problem = problem();
        let prefix = Prefix::new(SequenceId(1), &problem, &[]);
        let rewrite = |rejected: Option<&Step>, depth| {
            let mut target =
                LocalTarget::new(model_with_hidden(QWEN, Precision::Packed, sampling).with_speculative_tokens(depth))
                    .with_reuse(true);
            target.rewrite(&[Rewrite { prefix, rejected }], &StepRule::new(&segmenter, 20)).pop().unwrap().unwrap()
        };
        let plain = rewrite(None, 8);
        for wrong in [1, 3, 7, 100] {
            let perturb = |(at, &id): (usize, &u32)| if at % wrong == wrong - 1 { id ^ 1 } else { id };
            let tokens = plain.tokens.iter().enumerate().map(perturb).collect();
            let rejected = Step::new(&plain.text, Finish::Boundary).with_tokens(tokens, plain.vocabulary.unwrap());
            for depth in [1, 5, 32] {
                let step = rewrite(Some(&rejected), depth);
                assert!(step.cost.guessed > 0);
                assert_same_hidden(
                    Precision::Packed,
                    step.hidden.as_ref().unwrap(),
                    plain.hidden.as_ref().unwrap(),
                    &format!("every {wrong}. wrong, depth {depth}"),
                );
            }
        }
    }
}

#[test]
fn a_proposer_does_not_change_the_states() {
    let plain = draft(&mut model_with_hidden(QWEN, Precision::Packed, Sampling::greedy()), 1, &problem(), &[], 15);
    let proposer = DraftModel::new(model(QWEN, Precision::Packed));
    let mut guessed = model_with_hidden(QWEN, Precision::Packed, Sampling::greedy())
        .with_proposer(proposer)
        .unwrap()
        .with_speculative_tokens(6);
    let step = draft(&mut guessed, 1, &problem(), &[], 15);
    assert!(step.cost.confirmed > 0);
    assert_eq!(step.hidden, plain.hidden);
}

#[test]
fn a_batch_gives_what_its_sequences_give() {
    let problems = ["Hens?", "How many eggs are there in all?", "3"].map(Problem::new);
    let sequences: Vec<_> = problems.iter().map(|problem| (problem, &[][..])).collect();
    for sampling in samplings() {
        let together = draft_all(&mut model_with_hidden(QWEN, Precision::Packed, sampling), &sequences);
        for (problem, step) in problems.iter().zip(together) {
            let alone = draft(&mut model_with_hidden(QWEN, Precision::Packed, sampling), 9, problem, &[], 5);
            assert_eq!(step.unwrap().hidden, alone.hidden);
        }
    }
}

/// Finds a boundary only when there is more text, so that tokens are given back.
struct LateSegmenter;

impl StepSegmenter for LateSegmenter {
    fn boundary(&self, text: &str) -> Option<usize> {
        (text.len() >= 16).then(|| text.ceil_char_boundary(5))
    }
}

/// Steps by `segmenter` until the text ends or there are six.
fn generate_steps(model: &mut LocalModel, problem: &Problem, segmenter: &dyn StepSegmenter) -> Vec<Accepted> {
    let mut steps: Vec<Accepted> = Vec::new();
    while steps.len() < 6 && steps.last().is_none_or(|last| last.step.finish == Finish::Boundary) {
        let next = step(model, 0, problem, &steps, segmenter);
        steps.push(accepted(next, Author::Draft));
    }
    steps
}

#[test]
fn teacher_forcing_gives_the_generated_results() {
    let separators = Separators::new(["e"]).unwrap();
    let budget = TokenBudget::new(7).unwrap();
    let segmenters: [&dyn StepSegmenter; 3] = [&separators, &budget, &LateSegmenter];
    let (mut given_back, mut ends) = (0, 0);
    for (precision, sampling) in BOTH.into_iter().flat_map(|precision| samplings().map(|s| (precision, s))) {
        for (segmenter, seed) in segmenters.into_iter().flat_map(|s| (0..4).map(move |seed| (s, seed))) {
            let problem = problem().with_seed(seed);
            let mut writer = model_with_hidden(QWEN, precision, sampling);
            let steps = generate_steps(&mut writer, &problem, segmenter);
            let mut reader = model(QWEN, precision);
            for (at, Accepted { step, .. }) in steps.iter().enumerate() {
                let prefix = Prefix::new(SequenceId(1), &problem, &steps[..at]);
                let reading = reader.teacher_force(&prefix, step).unwrap();
                assert_same_as_generated(precision, &reading, step, &format!("{precision:?} seed {seed} step {at}"));
                given_back += usize::from(step.cost.decoded > step.tokens.len() + 1);
                ends += usize::from(step.finish == Finish::EndOfText);
            }
        }
    }
    assert!(given_back > 0, "no step gave tokens back");
    assert!(ends > 0, "no text ended");
}

/// Teacher-forces each step of `steps`, all in one call.
fn teacher_force_steps(
    model: &mut LocalModel,
    problem: &Problem,
    steps: &[Accepted],
    ids: &[u64],
) -> Vec<TeacherForced> {
    let request = |(at, &id): (usize, &u64)| (Prefix::new(SequenceId(id), problem, &steps[..at]), &steps[at].step);
    let requests: Vec<_> = ids.iter().enumerate().map(request).collect();
    model.teacher_force_all(&requests).into_iter().map(Result::unwrap).collect()
}

#[test]
fn results_depend_on_the_text_alone() {
    let problem = problem();
    let steps = generate_steps(
        &mut model_with_hidden(LLAMA, Precision::Packed, samplings()[1]),
        &problem,
        &TokenBudget::new(6).unwrap(),
    );
    let ids: Vec<u64> = (0..steps.len() as u64).collect();
    let apart = teacher_force_steps(&mut model(LLAMA, Precision::Packed), &problem, &steps, &ids);
    for (reading, accepted) in apart.iter().zip(&steps) {
        assert_same_as_generated(Precision::Packed, reading, &accepted.step, "all at once");
    }
    // The same sequence for all steps, which then run one after the other.
    let mut warm = model(LLAMA, Precision::Packed);
    assert_eq!(teacher_force_steps(&mut warm, &problem, &steps, &vec![0; ids.len()]), apart);
    assert_eq!(warm.sequences(), 1);
    // Backwards, from a cache with more tokens than needed, with a draft in between.
    for (at, expected) in apart.iter().enumerate().rev() {
        let prefix = Prefix::new(SequenceId(0), &problem, &steps[..at]);
        assert_eq!(&warm.teacher_force(&prefix, &steps[at].step).unwrap(), expected);
        draft(&mut warm, 0, &problem, &steps[..at], 3);
    }
}

/// `hidden` gives the states of `teacher_force`: for generated and foreign steps, in batches and alone, and for long steps.
#[test]
fn states_alone_are_those_of_teacher_forcing() {
    let problem = problem();
    for precision in BOTH {
        let mut writer = model(LLAMA, precision).with_sampling(samplings()[1]);
        let steps = generate_steps(&mut writer, &problem, &TokenBudget::new(60).unwrap());
        let foreign = generate_steps(&mut model(QWEN, precision), &problem, &TokenBudget::new(9).unwrap());
        let mut requests = Vec::new();
        for (id, steps) in [(0, &steps), (7, &foreign)] {
            let request = |at: usize| (Prefix::new(SequenceId(id), &problem, &steps[..at]), &steps[at].step);
            requests.extend((0..steps.len()).map(request));
            requests.extend((0..steps.len()).rev().map(request));
        }
        let blank = Problem::new(" ");
        let nothing = Step::new("", Finish::EndOfText);
        requests.push((Prefix::new(SequenceId(8), &problem, &[]), &nothing));
        requests.push((Prefix::new(SequenceId(9), &blank, &[]), &nothing));
        let whole = model(LLAMA, precision).teacher_force_all(&requests);
        let alone = model(LLAMA, precision).hidden(&requests);
        assert_eq!((whole.len(), alone.len()), (requests.len(), requests.len()));
        for (whole, alone) in whole.into_iter().zip(alone) {
            match (whole, alone) {
                (Ok(whole), Ok(alone)) => assert_same_hidden(precision, &alone, &whole.hidden, "alone"),
                (whole, alone) => {
                    assert!(matches!((whole, alone), (Err(Error::EmptyPrompt { .. }), Err(Error::EmptyPrompt { .. }))))
                }
            }
        }
    }
}

/// Whether or not the target recognises the step that it generated last.
#[test]
fn a_target_that_has_just_generated_gives_the_states_of_teacher_forcing() {
    let problem = problem();
    let segmenter = TokenBudget::new(9).unwrap();
    for sampling in samplings() {
        let mut target = LocalTarget::new(model_with_hidden(QWEN, Precision::Packed, sampling));
        let mut steps: Vec<Accepted> = Vec::new();
        for _ in 0..4 {
            let prefix = Prefix::new(SequenceId(1), &problem, &steps);
            let request = Rewrite { prefix, rejected: None };
            let own = target.rewrite(&[request], &StepRule::new(&segmenter, 9)).pop().unwrap().unwrap();
            // A copy with another token, and one that ended in another way.
            let mut changed = own.clone();
            changed.tokens.last_mut().into_iter().for_each(|last| *last ^= 1);
            let mut ended = own.clone();
            ended.finish = if own.finish == Finish::EndOfText { Finish::Boundary } else { Finish::EndOfText };
            let requests = [&own, &changed, &ended, &own].map(|step| (prefix, step));
            let states = target.hidden(&requests).into_iter().map(Result::unwrap);
            for (hidden, (prefix, step)) in states.zip(requests) {
                let fresh = model(QWEN, Precision::Packed).teacher_force(&prefix, step).unwrap().hidden;
                assert_same_hidden(Precision::Packed, &hidden, &fresh, "the target's states");
            }
            steps.push(accepted(own, Author::Target));
        }
        HiddenReader::release(&mut target, SequenceId(1));
        assert_eq!(target.model().sequences(), 0);
    }
}

#[test]
fn long_steps_are_run_in_several_passes() {
    let problem = problem();
    for precision in BOTH {
        let mut model = model_with_hidden(LLAMA, precision, samplings()[1]);
        let steps: Vec<_> = (0..12).map(|id| draft(&mut model, id, &problem, &[], 60)).collect();
        assert!(steps.iter().map(|step| step.tokens.len()).sum::<usize>() > 512, "they fit one pass");
        let requests: Vec<_> =
            (20..).zip(&steps).map(|(id, s)| (Prefix::new(SequenceId(id), &problem, &[]), s)).collect();
        for (reading, step) in model.teacher_force_all(&requests).into_iter().zip(&steps) {
            assert_same_as_generated(precision, &reading.unwrap(), step, "long");
        }
    }
}

#[test]
fn foreign_steps_are_tokenized_from_their_text() {
    let problem = problem();
    let prefix = Prefix::new(SequenceId(0), &problem, &[]);
    let foreign = draft(&mut model(LLAMA, Precision::Packed), 0, &problem, &[], 6);
    for precision in BOTH {
        let mut model = model(QWEN, precision);
        let text = Step::new(&foreign.text, foreign.finish);
        let reading = model.teacher_force(&prefix, &foreign).unwrap();
        assert_same_results(precision, &model.teacher_force(&prefix, &text).unwrap(), &reading);
        assert_eq!(
            reading.logprobs.len(),
            model.tokenizer().encode(&foreign.text, EncodeMode::Continuation).unwrap().len()
        );
        let nothing = model.teacher_force(&prefix, &Step::new("", Finish::EndOfText)).unwrap();
        assert!(nothing.logprobs.is_empty() && nothing.hidden.last == nothing.hidden.mean);
        assert_same(precision, &[nothing.first_entropy], &[reading.first_entropy], "the same first state");
    }
}

#[test]
fn steps_that_cannot_be_run_do_not_fail_the_others() {
    let (good, blank) = (problem(), Problem::new(" "));
    for precision in BOTH {
        let mut model = model(LLAMA, precision);
        let long = Step::new("word ".repeat(model.decoder().config().context), Finish::Boundary);
        let unknown = Step::new("?", Finish::Boundary).with_tokens(vec![u32::MAX], model.vocabulary());
        let fine = Step::new(" 12 eggs", Finish::Boundary);
        let prefix = |id, problem| Prefix::new(SequenceId(id), problem, &[]);
        let requests = [
            (prefix(0, &good), &long),
            (prefix(1, &good), &fine),
            (prefix(2, &good), &unknown),
            (prefix(3, &blank), &fine),
        ];
        let mut readings = model.teacher_force_all(&requests).into_iter();
        assert!(matches!(readings.next().unwrap(), Err(Error::ContextFull { .. })));
        let (together, alone) =
            (readings.next().unwrap().unwrap(), model.teacher_force(&prefix(9, &good), &fine).unwrap());
        assert_same_results(precision, &together, &alone);
        assert!(matches!(readings.next().unwrap(), Err(Error::Parameter { name: "token", .. })));
        assert!(matches!(readings.next().unwrap(), Err(Error::EmptyPrompt { .. })));
        assert!(model.teacher_force_all(&[]).is_empty());
    }
}

#[test]
fn errors_of_nan_logits_name_the_model() {
    let (_folder, broken) = support::fixture(LLAMA).rewritten(|view, bytes| {
        if view.name == "lm_head.weight" {
            support::spoil(view, bytes, 5);
        }
    });
    let mut model = support::local::open(&broken, Precision::Packed);
    let name = Drafter::name(&model).to_owned();
    let problem = problem();
    let error = model
        .teacher_force(&Prefix::new(SequenceId(0), &problem, &[]), &Step::new("eggs", Finish::Boundary))
        .unwrap_err();
    assert!(
        matches!(error, Error::NotFinite { model, place, index: 5 } if model == name && place.contains("position"))
    );
}
