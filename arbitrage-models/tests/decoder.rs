//! The decoder on tiny models of every shape and format: against transformers, and against itself.
#![cfg(feature = "flex")]

mod features;
mod support;

use arbitrage_models::config::ModelConfig;
use arbitrage_models::source::{SourceSettings, known_models};
use arbitrage_models::weights::Gguf;
use arbitrage_models::{Decoder, Error, Outputs, Precision, Span};
use support::local::ALL;
use support::{best, fixture, fixtures, options, rows, run, spoil};

/// Greatest difference of a logit from transformers', where the greatest logits are near 10. A norm's epsilon of 1e-6 for
/// 1e-5 moves logits by 5e-4, a missing rope scaling by more than 3. Seen: 2.5e-5, 7e-3 and 0.3.
fn tolerance(name: &str, precision: Precision) -> f32 {
    let has_int4 = name.contains("gptq") || name.contains("awq");
    match precision {
        Precision::Plain => 5e-5,
        // Eight bits of weights, keys, values and products, where no noise averages out.
        Precision::Half => 0.5,
        // Keys and values are kept in halves.
        Precision::Packed
            if !has_int4 && name.starts_with("hf") || ["f32", "f16", "bf16"].iter().any(|t| name.contains(t)) =>
        {
            1.5e-2
        }
        // Activations of 8 bits, in rows of one block, where no noise averages out.
        Precision::Packed => 0.4,
    }
}

#[test]
fn logits_are_those_of_transformers() {
    for fixture in fixtures() {
        for precision in ALL {
            let decoder = fixture.decoder(precision);
            let logits = run(&decoder, &mut decoder.cache(), &fixture.ids());
            let tolerance = tolerance(&fixture.name, precision);
            for (position, expected) in fixture.recorded() {
                let differences = logits[position].iter().zip(expected).map(|(ours, theirs)| (ours - theirs).abs());
                let worst = differences.fold(0.0, f32::max);
                assert!(worst <= tolerance, "{} {precision:?} at {position}: off by {worst}", fixture.name);
                let (token, lead) = best(expected);
                if lead > 2.0 * tolerance {
                    assert_eq!(best(&logits[position]).0, token, "{} {precision:?} at {position}", fixture.name);
                }
            }
        }
    }
}

#[test]
fn greedy_tokens_are_those_of_transformers() {
    for fixture in fixtures() {
        let decoder = fixture.decoder(Precision::Plain);
        let mut cache = decoder.cache();
        let mut logits = run(&decoder, &mut cache, &fixture.ids()).pop().unwrap();
        let mut written = Vec::new();
        for _ in fixture.greedy() {
            let (token, _) = best(&logits);
            written.push(token);
            logits = run(&decoder, &mut cache, &[token]).pop().unwrap();
        }
        assert_eq!(written, fixture.greedy(), "{}", fixture.name);
    }
}

/// Equal bits on the packed path, equal numbers within rounding on the plain one.
fn assert_same(precision: Precision, ours: &[Vec<f32>], whole: &[Vec<f32>], what: &str) {
    assert_eq!(ours.len(), whole.len(), "{what}");
    for (row, (ours, whole)) in ours.iter().zip(whole).enumerate() {
        let same = match precision {
            Precision::Packed => ours.iter().zip(whole).all(|(a, b)| a.to_bits() == b.to_bits()),
            Precision::Plain => ours.iter().zip(whole).all(|(a, b)| (a - b).abs() <= 5e-5),
            Precision::Half => ours.iter().zip(whole).all(|(a, b)| (a - b).abs() <= 0.2),
        };
        assert!(same, "{what}, {precision:?}, row {row}");
    }
}

#[test]
fn pieces_give_what_the_whole_gives() {
    for fixture in fixtures() {
        let ids = fixture.ids();
        for precision in ALL {
            let decoder = fixture.decoder(precision);
            let whole = run(&decoder, &mut decoder.cache(), &ids);
            for size in [1, 2, 5, ids.len() - 1] {
                let mut cache = decoder.cache();
                let pieces: Vec<_> = ids.chunks(size).flat_map(|piece| run(&decoder, &mut cache, piece)).collect();
                assert_same(precision, &pieces, &whole, &format!("{} in pieces of {size}", fixture.name));
                assert_eq!(cache.len(), ids.len());
            }
        }
    }
}

#[test]
fn batches_give_what_sequences_give() {
    for fixture in fixtures() {
        let ids = fixture.ids();
        let other: Vec<u32> = ids.iter().rev().take(7).copied().collect();
        for precision in ALL {
            let decoder = fixture.decoder(precision);
            let alone = [&ids, &other].map(|ids| run(&decoder, &mut decoder.cache(), ids)).concat();
            let (mut first, mut second, mut third) = (decoder.cache(), decoder.cache(), decoder.cache());
            let output = decoder.forward(&mut [
                Span { cache: &mut first, tokens: &ids, outputs: Outputs::All },
                Span { cache: &mut third, tokens: &other[..2], outputs: Outputs::None },
                Span { cache: &mut second, tokens: &other, outputs: Outputs::All },
            ]);
            let logits = output.unwrap().unwrap().logits.into_data_as::<f32>();
            let together = rows(&decoder, logits.as_slice().unwrap());
            assert_same(precision, &together, &alone, &fixture.name);
            let rest = run(&decoder, &mut third, &other[2..]);
            assert_same(precision, &rest, &alone[ids.len() + 2..], &format!("{}, after no outputs", fixture.name));
        }
    }
}

/// Sequences that decode a token each stand in slots that others left, between ones that rest, with more or fewer tokens.
#[test]
fn sequences_of_one_token_each_are_not_seen_by_each_other() {
    for fixture in fixtures() {
        let ids = fixture.ids();
        for precision in ALL {
            let decoder = fixture.decoder(precision);
            let texts: Vec<&[u32]> = [9, 4, 6, 2, 8].map(|len| &ids[..len.min(ids.len() - 1)]).into();
            let mut left = decoder.cache();
            run(&decoder, &mut left, &ids);
            let mut caches: Vec<_> = texts.iter().map(|_| decoder.cache()).collect();
            texts.iter().zip(&mut caches).take(2).for_each(|(text, cache)| drop(run(&decoder, cache, text)));
            drop(left);
            texts.iter().zip(&mut caches).skip(2).for_each(|(text, cache)| drop(run(&decoder, cache, text)));
            let next = |text: &[u32]| ids[text.len()];
            let alone: Vec<_> = texts
                .iter()
                .map(|text| {
                    let mut cache = decoder.cache();
                    run(&decoder, &mut cache, text);
                    run(&decoder, &mut cache, &[next(text)]).remove(0)
                })
                .collect();
            // Backwards, all but one that rests, beside one that reads two tokens.
            let tokens: Vec<Vec<u32>> = texts.iter().map(|text| vec![next(text)]).collect();
            let two = [ids[0], ids[1]];
            let mut read = decoder.cache();
            let mut spans: Vec<_> = caches
                .iter_mut()
                .zip(&tokens)
                .enumerate()
                .filter(|(at, _)| *at != 3)
                .map(|(_, (cache, tokens))| Span { cache, tokens, outputs: Outputs::Last })
                .rev()
                .collect();
            spans.insert(1, Span { cache: &mut read, tokens: &two, outputs: Outputs::None });
            let logits = decoder.forward(&mut spans).unwrap().unwrap().logits.into_data_as::<f32>();
            let mut together = rows(&decoder, logits.as_slice().unwrap());
            together.reverse();
            let expected: Vec<_> = [0, 1, 2, 4].map(|at| alone[at].clone()).into();
            assert_same(precision, &together, &expected, &fixture.name);
        }
    }
}

#[test]
fn a_cache_of_another_decoder_is_refused() {
    let [one, other] = ["hf/qwen2-f32-tied"; 2].map(|name| fixture(name).decoder(Precision::Plain));
    let error = one.forward(&mut [Span { cache: &mut other.cache(), tokens: &[1], outputs: Outputs::Last }]).err();
    assert!(error.unwrap().to_string().contains("cache"));
}

#[test]
fn rolling_back_is_not_seen() {
    for fixture in fixtures() {
        let ids = fixture.ids();
        for precision in ALL {
            let decoder = fixture.decoder(precision);
            let whole = run(&decoder, &mut decoder.cache(), &ids);
            for kept in [0, 1, ids.len() / 2, ids.len() - 1] {
                let mut cache = decoder.cache();
                run(&decoder, &mut cache, &ids[..kept.max(1)]);
                run(&decoder, &mut cache, &ids.iter().rev().copied().collect::<Vec<_>>());
                cache.truncate(kept);
                assert_eq!(cache.len(), kept);
                let again = run(&decoder, &mut cache, &ids[kept..]);
                assert_same(precision, &again, &whole[kept..], &format!("{} back to {kept}", fixture.name));
            }
        }
    }
}

/// The error of running `tokens` after `held` others.
fn refusal(decoder: &Decoder, held: usize, tokens: &[u32]) -> Error {
    let mut cache = decoder.cache();
    for _ in 0..held {
        run(decoder, &mut cache, &[1]);
    }
    let error = decoder.forward(&mut [Span { cache: &mut cache, tokens, outputs: Outputs::Last }]).err().unwrap();
    assert_eq!(cache.len(), held, "a refused pass must not touch the cache");
    error
}

#[test]
fn what_cannot_be_run_is_refused_before_a_cache_is_touched() {
    for precision in ALL {
        let decoder = fixture("hf/qwen2-f32-tied").decoder(precision);
        let context = decoder.config().context;
        let full = refusal(&decoder, 3, &vec![1; context - 2]);
        assert!(matches!(full, Error::ContextFull { tokens, context: c, .. } if tokens == context + 1 && c == context));
        assert!(matches!(refusal(&decoder, 1, &[]), Error::EmptyPrompt { .. }));
        let unknown = refusal(&decoder, 1, &[5, decoder.config().vocabulary as u32]).to_string();
        assert!(unknown.contains("320"), "{unknown}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_found() {
    let tensor = "model.layers.1.mlp.down_proj.weight";
    let (_folder, broken) = fixture("hf/smollm2-mixed-tied").rewritten(|view, bytes| {
        if view.name == tensor {
            spoil(view, bytes, 3);
        }
    });
    for precision in ALL {
        let decoder = broken.decoder(precision);
        let mut cache = decoder.cache();
        // The check must not be taken for done because it failed once.
        for _ in 0..2 {
            let spans = &mut [Span { cache: &mut cache, tokens: &[1, 2, 3], outputs: Outputs::Last }];
            let error = decoder.forward(spans).err().unwrap();
            assert!(matches!(&error, Error::NotFinite { place, .. } if place == "layer 1"), "{error}");
            assert!(cache.is_empty(), "a failed pass must not be held");
        }
        let error = broken.load(&options(precision).with_scan()).err().unwrap();
        assert!(matches!(&error, Error::NotFinite { place, .. } if place.contains(tensor)), "{error}");
    }
}

#[test]
fn tensors_without_a_use_are_refused() {
    let (source, mut config) = fixture("gguf/qwen2-bf16").source();
    config.layers -= 1;
    let error = Decoder::load(source, config, &options(Precision::Packed)).err().unwrap();
    assert!(matches!(error, Error::Weights { .. }));
    let text = error.to_string();
    let unused: Vec<_> = text.lines().filter(|line| line.starts_with("  unused ")).collect();
    assert!(unused.len() == 12 && unused.iter().all(|line| line.contains("`blk.1.")), "{text}");
}

#[test]
#[ignore = "needs `arbitrage models pull` of any known model"]
fn known_models_pass_the_checks_of_loading() {
    let settings = SourceSettings::from_env().unwrap();
    let cached: Vec<_> = known_models().iter().filter_map(|model| settings.cached(model)).collect();
    assert!(!cached.is_empty());
    for path in cached {
        let file = Gguf::open(&path).unwrap();
        Decoder::check(&file, &ModelConfig::from_gguf(&file).unwrap()).unwrap();
    }
}

#[test]
fn a_shape_that_the_weights_do_not_have_is_reported_whole() {
    let (source, mut config) = fixture("gguf/qwen2-bf16").source();
    config.feed_forward += 32;
    config.layers += 1;
    let error = Decoder::load(source, config, &options(Precision::Packed)).err().unwrap();
    let text = error.to_string();
    assert!(matches!(error, Error::Weights { .. }));
    for part in ["misshapen `blk.0.ffn_gate.weight`", "missing `blk.2.", "[64, 32]", "[96, 32]"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_tensor_that_the_file_lacks_is_named() {
    let dropped = "model.layers.1.mlp.up_proj.weight";
    let (_folder, fixture) = fixture("hf/smollm2-mixed-tied").rewritten(|view, bytes| {
        if view.name == dropped {
            bytes.clear();
        }
    });
    for precision in ALL {
        let error = fixture.load(&options(precision)).err().unwrap();
        let text = error.to_string();
        assert!(matches!(error, Error::Weights { .. }) && text.contains(&format!("missing `{dropped}`")), "{text}");
    }
}

/// Runs itself again, in a process for each variable.
#[test]
fn meaningless_environment_variables_are_refused_when_a_packed_model_is_loaded() {
    const NAME: &str = "meaningless_environment_variables_are_refused_when_a_packed_model_is_loaded";
    const EXPECTED: &str = "ARBITRAGE_TEST_EXPECTED";
    let fixture = fixture("hf/qwen2-f32-tied");
    if let Ok(expected) = std::env::var(EXPECTED) {
        let error = fixture.load(&options(Precision::Packed)).err().unwrap();
        assert!(matches!(error, Error::Parameter { .. }) && error.to_string().starts_with(&expected), "{error}");
        fixture.load(&options(Precision::Plain)).unwrap();
        return;
    }
    for (variable, value, expected) in [
        ("ARBITRAGE_ISA", "avx", "ARBITRAGE_ISA: expected one of portable"),
        ("ARBITRAGE_THREADS", "0", "ARBITRAGE_THREADS: expected a number of threads from 1 to 1024, found `0`"),
        ("ARBITRAGE_THREADS", "many", "ARBITRAGE_THREADS: expected a number of threads from 1 to 1024, found `many`"),
    ] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", NAME]).env(EXPECTED, expected).env(variable, value);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{variable}={value}: {}", String::from_utf8_lossy(&output.stdout));
    }
}
