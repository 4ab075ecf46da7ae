//! Classifiers on tiny decoders: outputs of transformers, independence of caches and batches, and errors of broken files.
#![cfg(feature = "flex")]

mod support;

use arbitrage_core::SequenceId;
use arbitrage_models::classifier::ClassifierInput;
use arbitrage_models::{Classifier, Error, Outputs, Precision, Span};
use proptest::prelude::*;
use support::local::BOTH;
use support::options;
use support::scorers::{CLASSES, OwnedTensor, SCORERS, SEQUENCE, Solution, VALUE, changed, classifier, folder};

fn tolerance(precision: Precision) -> f32 {
    match precision {
        Precision::Plain | Precision::Half => 1e-4,
        Precision::Packed => 1e-2,
    }
}

fn text(id: u64, tokens: &[u32], first_output: usize) -> ClassifierInput<'_> {
    ClassifierInput { id: SequenceId(id), tokens, first_output }
}

fn alone(name: &str, precision: Precision, tokens: &[u32], first: usize) -> Vec<Vec<f32>> {
    classifier(name, precision).classify(&[text(0, tokens, first)]).pop().unwrap().unwrap()
}

fn assert_near(ours: &[f32], theirs: &[f32], tolerance: f32, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "{what}: off by {worst}");
}

/// Equal bits on the packed path, equal numbers within rounding on the plain one.
fn assert_same(precision: Precision, ours: &[Vec<f32>], theirs: &[Vec<f32>], what: &str) {
    let flat = |rows: &[Vec<f32>]| rows.concat();
    match precision {
        Precision::Packed => assert_eq!(ours, theirs, "{what}"),
        Precision::Plain | Precision::Half => assert_near(&flat(ours), &flat(theirs), 5e-5, what),
    }
}

#[test]
fn outputs_are_those_of_transformers() {
    for (name, outputs) in [(VALUE, 1), (CLASSES, 2), (SEQUENCE, 3)] {
        let solution = Solution::of(name);
        for precision in BOTH {
            let mut model = classifier(name, precision);
            assert_eq!(model.outputs(), outputs);
            let last = model.classify(&[text(0, &solution.ids, solution.ids.len() - 1)]).pop().unwrap().unwrap();
            assert_near(&last[0], solution.outputs.last().unwrap(), tolerance(precision), name);
            // And at the ends of all steps, wherever they are.
            let all = model.classify(&[text(1, &solution.ids, 0)]).pop().unwrap().unwrap();
            assert_eq!(all.len(), solution.ids.len());
            let mut at = 0;
            for expected in &solution.outputs {
                let near =
                    |row: &Vec<f32>| row.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance(precision));
                at +=
                    all[at..].iter().position(near).unwrap_or_else(|| panic!("{name}: {expected:?} is not there")) + 1;
            }
        }
    }
}

#[test]
fn passes_with_the_callers_caches_give_the_same() {
    let ids = Solution::of(CLASSES).ids;
    for precision in BOTH {
        let model = classifier(CLASSES, precision);
        let (mut one, mut other) = (model.cache(), model.cache());
        let rows = model.forward(&mut [
            Span { cache: &mut one, tokens: &ids, outputs: Outputs::Tail(3) },
            Span { cache: &mut other, tokens: &ids[..5], outputs: Outputs::None },
        ]);
        assert_same(precision, &rows.unwrap(), &alone(CLASSES, precision, &ids, ids.len() - 3), "forward");
        assert!(
            model.forward(&mut [Span { cache: &mut one, tokens: &[1], outputs: Outputs::None }]).unwrap().is_empty()
        );
    }
}

#[test]
fn decoders_are_found_under_every_prefix() {
    let expected = Solution::of(VALUE);
    let last = expected.ids.len() - 1;
    for (prefix, extra) in [("pretrained_model.model.", "pretrained_model.lm_head.weight"), ("", "lm_head.weight")] {
        let moved = changed(VALUE, |tensors| {
            for tensor in tensors.iter_mut() {
                if let Some(rest) = tensor.name.strip_prefix("model.") {
                    tensor.name = format!("{prefix}{rest}");
                }
            }
            tensors.push(OwnedTensor::ones(extra, &[2, 2]));
        });
        for precision in BOTH {
            let mut model = Classifier::open(moved.path(), &options(precision)).unwrap();
            let rows = model.classify(&[text(0, &expected.ids, last)]).pop().unwrap().unwrap();
            assert_same(precision, &rows, &alone(VALUE, precision, &expected.ids, last), prefix);
        }
    }
}

#[test]
fn tensors_without_a_use_are_refused() {
    for name in ["model.layers.0.self_attn.q_norm.weight", "model.layers.1.mlp.up_proj.weight", "lm_head.scale"] {
        let error = refusal(VALUE, Precision::Plain, |tensors| tensors.push(OwnedTensor::ones(name, &[2])));
        assert!(error.to_string().contains(&format!("unused `{name}`")), "{error}");
    }
}

/// Why a fixture with other tensors is refused.
fn refusal(name: &str, precision: Precision, change: impl Fn(&mut Vec<OwnedTensor>)) -> Error {
    Classifier::open(changed(name, change).path(), &options(precision)).expect_err("to be refused")
}

fn assert_report(error: &Error, parts: &[&str]) {
    assert!(matches!(error, Error::Weights { .. }), "{error}");
    parts.iter().for_each(|part| assert!(error.to_string().contains(part), "`{part}` in: {error}"));
}

#[test]
fn heads_that_are_missing_or_misshapen_are_reported_by_name() {
    for precision in BOTH {
        let drop =
            |name: &'static str| move |tensors: &mut Vec<OwnedTensor>| tensors.retain(|tensor| tensor.name != name);
        let error = refusal(CLASSES, precision, drop("score.weight"));
        assert_report(&error, &["missing `score.weight`"]);
        assert_report(&refusal(VALUE, precision, drop("v_head.summary.bias")), &["missing `v_head.summary.bias`"]);
        let rename = |from: &'static str, to: &'static str| {
            move |tensors: &mut Vec<OwnedTensor>| {
                tensors.iter_mut().filter(|t| t.name == from).for_each(|t| t.name = to.to_owned());
            }
        };
        let error = refusal(VALUE, precision, rename("v_head.summary.weight", "v_head.summery.weight"));
        assert_report(&error, &["missing `v_head.summary.weight`", "nearest unused name is `v_head.summery.weight`"]);
        let error = refusal(SEQUENCE, precision, rename("score.weight", "scores.weight"));
        assert_report(&error, &["missing `score.weight`", "nearest unused name is `scores.weight`"]);
        let both = |tensors: &mut Vec<OwnedTensor>| {
            tensors.retain(|t| !t.name.starts_with("v_head") && t.name != "model.norm.weight");
            tensors.push(OwnedTensor::ones("v_heat.summary.weight", &[1, 16]));
        };
        let parts = ["missing `v_head.summary.weight`", "`v_heat.summary.weight`", "missing `model.norm.weight`"];
        assert_report(&refusal(VALUE, precision, both), &parts);
        let replace = |name: &'static str, shape: &'static [usize]| {
            move |tensors: &mut Vec<OwnedTensor>| {
                tensors.retain(|tensor| tensor.name != name);
                tensors.push(OwnedTensor::ones(name, shape));
            }
        };
        let error = refusal(VALUE, precision, replace("v_head.summary.weight", &[2, 16]));
        assert_report(&error, &["misshapen `v_head.summary.weight`: expected [1, 16], found [2, 16]"]);
        let error = refusal(CLASSES, precision, replace("score.weight", &[2, 15]));
        assert_report(&error, &["misshapen `score.weight`: expected [2, 16], found [2, 15]"]);
        for shape in [&[16][..], &[0, 16], &[5000, 16], &[2, 2, 4]] {
            assert_report(&refusal(CLASSES, precision, replace("score.weight", shape)), &["misshapen `score.weight`"]);
        }
        let error = refusal(CLASSES, precision, replace("score.bias", &[3]));
        assert_report(&error, &["misshapen `score.bias`: expected [2], found [3]"]);
    }
}

#[test]
fn a_second_head_is_refused() {
    for precision in BOTH {
        let error = refusal(VALUE, precision, |tensors| tensors.push(OwnedTensor::ones("score.weight", &[2, 16])));
        assert_report(&error, &["`score.weight`", "a second head, in addition to `v_head.summary.weight`"]);
    }
}

#[test]
fn a_head_with_nan_or_infinity_is_refused() {
    for (name, tensor) in [(VALUE, "v_head.summary.weight"), (VALUE, "v_head.summary.bias"), (CLASSES, "score.weight")]
    {
        for bytes in [[0x00, 0x7E], [0x00, 0x7C], [0x00, 0xFC]] {
            let corrupt = |tensors: &mut Vec<OwnedTensor>| {
                let head = tensors.iter_mut().find(|t| t.name == tensor).unwrap();
                let end = head.bytes.len();
                head.bytes[end - 2..].copy_from_slice(&bytes);
            };
            let error = refusal(name, Precision::Packed, corrupt);
            assert!(matches!(&error, Error::NotFinite { place, .. } if place.contains(tensor)), "{error}");
        }
    }
}

#[test]
fn a_language_model_is_refused() {
    for path in ["hf/qwen2-f32-tied", "gguf/qwen2-bf16"].map(|name| support::fixture(name).path) {
        let error = Classifier::open(path, &options(Precision::Packed)).err().unwrap();
        assert_report(&error, &["missing `score.weight`"]);
    }
    assert!(matches!(
        Classifier::open(folder("no such folder"), &options(Precision::Packed)),
        Err(Error::Io { .. } | Error::Format { .. })
    ));
}

#[test]
fn texts_that_cannot_be_classified_do_not_fail_the_others() {
    for precision in BOTH {
        let mut model = classifier(VALUE, precision);
        let context = model.config().context;
        let good = Solution::of(VALUE).ids;
        let (long, unknown) = (vec![1; context + 1], vec![1, model.config().vocabulary as u32]);
        let texts =
            [text(0, &long, 0), text(1, &good, 4), text(2, &unknown, 0), text(3, &[], 0), text(4, &good, good.len())];
        let mut rows = model.classify(&texts).into_iter();
        assert!(matches!(rows.next().unwrap(), Err(Error::ContextFull { .. })));
        assert_same(precision, &rows.next().unwrap().unwrap(), &alone(VALUE, precision, &good, 4), "the good one");
        assert!(matches!(rows.next().unwrap(), Err(Error::Parameter { name: "token", .. })));
        assert!(matches!(rows.next().unwrap(), Err(Error::EmptyPrompt { .. })));
        assert!(matches!(rows.next().unwrap(), Err(Error::Parameter { name: "first_output", .. })));
        assert!(rows.next().is_none() && model.classify(&[]).is_empty());
        // The longest that fits.
        assert_eq!(model.classify(&[text(0, &long[1..], context - 1)]).pop().unwrap().unwrap().len(), 1);
    }
}

#[test]
fn many_long_texts_take_several_passes() {
    for precision in BOTH {
        let mut model = classifier(CLASSES, precision);
        let tokens: Vec<Vec<u32>> = (0..8).map(|id| (0..100).map(|at| (7 * at + 3 * id) % 300).collect()).collect();
        let texts: Vec<_> = tokens.iter().zip(0..).map(|(tokens, id)| text(id, tokens, 90 - id as usize)).collect();
        for (rows, text) in model.classify(&texts).into_iter().zip(&texts) {
            let expected = alone(CLASSES, precision, text.tokens, text.first_output);
            assert_eq!(expected.len(), 100 - text.first_output);
            assert_same(precision, &rows.unwrap(), &expected, "in several passes");
        }
        assert_eq!(model.sequences(), 8);
        (0..8).for_each(|id| model.release(SequenceId(id)));
        assert_eq!(model.sequences(), 0);
    }
}

/// Texts with common prefixes: the beginning of one of three stems, and a tail.
fn texts() -> impl Strategy<Value = Vec<Vec<(u64, Vec<u32>, usize)>>> {
    let one = (0u64..3, 0usize..3, 1usize..40, prop::collection::vec(0u32..300, 0..6), any::<prop::sample::Index>());
    let one = one.prop_map(|(id, stem, cut, tail, first)| {
        let stem = (0..cut as u32).map(|at| (at * (stem as u32 + 5)) % 300);
        let tokens: Vec<u32> = stem.chain(tail).collect();
        let first = first.index(tokens.len());
        (id, tokens, first)
    });
    prop::collection::vec(prop::collection::vec(one, 1..5), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn outputs_do_not_depend_on_batches_and_caches(calls in texts(), plain: bool) {
        let precision = BOTH[usize::from(!plain)];
        let mut warm = classifier(VALUE, precision);
        for call in &calls {
            let texts: Vec<_> = call.iter().map(|(id, tokens, first)| text(*id, tokens, *first)).collect();
            for (rows, (_, tokens, first)) in warm.classify(&texts).into_iter().zip(call) {
                assert_same(precision, &rows.unwrap(), &alone(VALUE, precision, tokens, *first), "warm and cold");
            }
        }
        prop_assert!(warm.sequences() <= 3);
    }
}

#[test]
fn all_fixtures_are_used() {
    assert!(SCORERS.iter().all(|name| folder(name).is_dir()));
}
