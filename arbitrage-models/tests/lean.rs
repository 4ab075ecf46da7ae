//! Models that are made smaller as they are loaded: requantised weights, heads with the rows of some tokens.
#![cfg(feature = "flex")]

mod support;

use arbitrage_core::scorer::{NextToken, Question};
use arbitrage_core::{Finish, Prefix, Problem, SequenceId, Step};
use arbitrage_models::sampler::Sampling;
use arbitrage_models::tokenizer::EncodeMode;
use arbitrage_models::weights::DType;
use arbitrage_models::{Error, HeadTokens, LoadOptions, LocalModel, ModelFiles, Outputs, Precision, Prompt, Span};
use support::local::{BOTH, LLAMA, QWEN, draft, model};
use support::{Fixture, fixture, fixtures, options, run, spoil};

/// Logits of the recorded text.
fn logits(fixture: &Fixture, precision: Precision, weights: Option<DType>) -> Vec<Vec<f32>> {
    let options = weights.map_or(options(precision), |most| options(precision).with_weights(most));
    let decoder = fixture.load(&options).unwrap();
    run(&decoder, &mut decoder.cache(), &fixture.ids())
}

fn difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn bits(logits: &[Vec<f32>]) -> Vec<u32> {
    logits.iter().flatten().map(|logit| logit.to_bits()).collect()
}

#[test]
fn requantised_weights_are_the_same_packed_and_plain() {
    for fixture in fixtures() {
        for most in DType::ALL {
            let [plain, packed] = BOTH.map(|precision| logits(&fixture, precision, Some(most)));
            let off = difference(&plain, &packed);
            // 8-bit activations and f16 caches cost 0.7 in these small models of noise, other weights 2 and more.
            assert!(off <= 0.8, "{} as {most}: off by {off}", fixture.name);
        }
    }
}

#[test]
fn fewer_bits_take_fewer_bytes_and_move_logits_more() {
    let fixture = fixture("gguf/qwen2-f32-tied");
    for precision in BOTH {
        let whole = logits(&fixture, precision, None);
        let mut last = (usize::MAX, 0.0);
        for most in [DType::F16, DType::Q8_0, DType::Q4_0] {
            let decoder = fixture.load(&options(precision).with_weights(most)).unwrap();
            let off = difference(&whole, &logits(&fixture, precision, Some(most)));
            assert!(off > last.1, "{precision:?} {most}: off by {off}, and {} before", last.1);
            if precision == Precision::Packed {
                assert!(decoder.bytes_a_token() < last.0, "{most}");
            }
            last = (decoder.bytes_a_token(), off);
        }
    }
}

#[test]
fn weights_that_are_small_enough_stay_bit_for_bit() {
    for (name, most) in [
        ("gguf/smollm2-q8_0-tied", DType::Q8_0),
        ("gguf/qwen2-q4_1-tied", DType::Q5_0),
        ("gguf/llama2-q4_0", DType::Q8_0),
        ("gguf/qwen2-bf16", DType::F16),
    ] {
        let fixture = fixture(name);
        for precision in BOTH {
            let [whole, same] = [None, Some(most)].map(|weights| bits(&logits(&fixture, precision, weights)));
            assert!(whole == same, "{name} {precision:?}");
        }
    }
}

#[test]
fn weights_that_are_no_numbers_are_not_requantised() {
    for tensor in ["model.layers.1.mlp.down_proj.weight", "lm_head.weight"] {
        let (_folder, broken) = fixture("hf/llama2-f16").rewritten(|view, bytes| {
            if view.name == tensor {
                spoil(view, bytes, 3);
            }
        });
        for precision in BOTH {
            let error = broken.load(&options(precision).with_weights(DType::Q4_0)).err().unwrap();
            let Error::NotFinite { place, index, .. } = &error else { panic!("{error}") };
            let (_, config) = broken.source();
            let width = if tensor.contains("down") { config.feed_forward } else { config.hidden };
            assert_eq!((place.as_str(), *index), (format!("tensor `{tensor}`").as_str(), 3 * width), "{precision:?}");
        }
    }
}

/// A greedy model that is told nothing but the question.
fn open(name: &str, options: &LoadOptions) -> LocalModel {
    LocalModel::open(&fixture(name).path, options).unwrap().with_prompt(Prompt::none())
}

fn trimmed(precision: Precision, ids: &[u32]) -> LoadOptions {
    options(precision).with_head(HeadTokens::new(ids.iter().copied()).unwrap())
}

#[test]
fn kept_tokens_have_the_logits_of_the_whole_head() {
    for fixture in fixtures() {
        let kept: Vec<u32> = (0..fixture.source().1.vocabulary as u32).filter(|id| id % 7 < 2).collect();
        for precision in BOTH {
            let whole = logits(&fixture, precision, None);
            let decoder = fixture.load(&trimmed(precision, &kept)).unwrap();
            assert_eq!((decoder.head_ids(), decoder.head_width()), (Some(&kept[..]), kept.len()));
            let ids = fixture.ids();
            let spans = &mut [Span { cache: &mut decoder.cache(), tokens: &ids, outputs: Outputs::All }];
            let ours = decoder.forward(spans).unwrap().unwrap().logits.into_data_as::<f32>();
            for (ours, whole) in ours.as_slice::<f32>().unwrap().chunks(kept.len()).zip(whole) {
                let expected: Vec<f32> = kept.iter().map(|&id| whole[id as usize]).collect();
                let same = match precision {
                    Precision::Packed => ours == expected,
                    Precision::Plain | Precision::Half => {
                        ours.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 5e-5)
                    }
                };
                assert!(same, "{} {precision:?}", fixture.name);
            }
        }
    }
}

#[test]
fn greedy_text_is_that_of_the_whole_head_where_its_tokens_are_kept() {
    let problem = Problem::new("How many eggs?");
    for name in [LLAMA, QWEN] {
        for precision in BOTH {
            let whole = draft(&mut model(name, precision), 0, &problem, &[], 12);
            let mut lean = open(name, &trimmed(precision, &whole.tokens));
            let step = draft(&mut lean, 0, &problem, &[], whole.tokens.len());
            assert_eq!((step.text, step.tokens), (whole.text, whole.tokens), "{name} {precision:?}");
        }
    }
}

#[test]
fn only_kept_tokens_and_ends_are_written() {
    let kept: Vec<u32> = (40..90).collect();
    let mut lean =
        open(LLAMA, &trimmed(Precision::Packed, &kept)).with_sampling(Sampling::at_temperature(5.0).unwrap());
    let ends = lean.tokenizer().eos_ids().to_vec();
    assert!(ends.iter().all(|end| lean.decoder().head_ids().unwrap().contains(end)));
    let mut seen = std::collections::HashSet::new();
    for id in 0..8 {
        let step = draft(&mut lean, id, &Problem::new("Eggs?").with_seed(id), &[], 30);
        assert!(step.tokens.iter().all(|token| kept.contains(token)), "{:?}", step.tokens);
        assert!(step.finish == Finish::EndOfText || step.tokens.len() >= 25);
        seen.extend(step.tokens);
    }
    assert!(seen.len() > 30, "a hot draw reaches most of {} tokens, not {}", kept.len(), seen.len());
}

#[test]
fn a_judge_answers_with_what_its_head_keeps() {
    let problem = Problem::new("How many eggs?");
    let step = Step::new(" 12", Finish::Boundary);
    let digits = ["3", "7"];
    let whole = model(LLAMA, Precision::Packed);
    let kept: Vec<u32> =
        digits.map(|digit| whole.tokenizer().encode(digit, EncodeMode::Continuation).unwrap()[0]).into();
    let mut lean = open(LLAMA, &trimmed(Precision::Packed, &kept));
    let mut ask = |choices: &[&str]| {
        let prefix = Prefix::new(SequenceId(0), &problem, &[]);
        lean.next_token(&[Question { prefix, step: &step, instruction: "Which?", choices }]).pop().unwrap()
    };
    let answer = ask(&digits).unwrap();
    let mass: f32 = answer.iter().map(|logprob| logprob.exp()).sum();
    assert!(answer.len() == 2 && mass > 0.0 && mass <= 1.0 + 1e-6, "{answer:?}");
    let error = ask(&["3", "8"]).unwrap_err();
    let Some(Error::Parameter { name: "choice", found, .. }) = error.downcast_ref() else { panic!("{error}") };
    assert!(found.contains("`8`"), "{found}");
}

#[test]
fn frequent_tokens_are_kept_with_those_that_no_text_can_do_without() {
    let ModelFiles { tokenizer, .. } = ModelFiles::open(fixture(QWEN).path).unwrap();
    let text = "eggs eggs eggs hens";
    let [eggs, hens] = ["eggs", " hens"].map(|word| tokenizer.encode(word, EncodeMode::Continuation).unwrap());
    let counted = HeadTokens::counted([text], 300, &tokenizer).unwrap();
    let few = HeadTokens::counted([text, text], 1, &tokenizer).unwrap();
    let first = HeadTokens::first(1, &tokenizer).unwrap();
    assert!(eggs.iter().chain(&hens).all(|id| counted.ids().contains(id)));
    assert!(few.ids().len() <= first.ids().len() + 1);
    for head in [&counted, &few, &first] {
        assert!(head.ids().is_sorted() && head.ids().contains(&tokenizer.eos_ids()[0]));
        let spelt = |byte| head.ids().iter().any(|&id| tokenizer.token_bytes(id) == Some(&[byte]));
        assert!((0..=255).all(spelt));
        let control = (0..tokenizer.vocab_size() as u32).filter(|&id| tokenizer.is_special(id));
        assert!(control.into_iter().all(|id| head.ids().contains(&id)));
    }
    let whole = HeadTokens::first(tokenizer.vocab_size(), &tokenizer).unwrap();
    let tokens = (0..tokenizer.vocab_size() as u32).filter(|&id| tokenizer.token_bytes(id).is_some()).count();
    assert_eq!(whole.ids().len(), tokens);
}

#[test]
fn heads_of_nothing_and_of_what_is_not_there_are_refused() {
    let ModelFiles { tokenizer, config, .. } = ModelFiles::open(fixture(QWEN).path).unwrap();
    let outside = trimmed(Precision::Packed, &[3, config.vocabulary as u32]);
    let errors = [
        HeadTokens::new([]).unwrap_err(),
        HeadTokens::first(0, &tokenizer).unwrap_err(),
        HeadTokens::counted(["eggs"], tokenizer.vocab_size() + 1, &tokenizer).unwrap_err(),
        fixture(QWEN).load(&outside).err().unwrap(),
        LocalModel::open(fixture(QWEN).path, &outside).err().unwrap(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Parameter { name: "head", .. }), "{error}");
    }
}

#[test]
fn a_lean_model_says_so_in_its_name() {
    let options = trimmed(Precision::Packed, &[1, 2, 3]).with_weights(DType::Q4_0);
    let lean = open(QWEN, &options);
    let kept = lean.decoder().head_width();
    assert_eq!(arbitrage_core::Drafter::name(&lean), format!("qwen2-q5_0-q8_0+q4_0+head{kept}"));
}
