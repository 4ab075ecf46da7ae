//! Pre-tokenizers by the name that a GGUF file gives them (`tokenizer.ggml.pre`).
//!
//! The file has only a name; the rules here are those of the checkpoints' `tokenizer.json`. A wrong rule would give plausible but
//! different ids, so an unknown name is an error.

use serde_json::{Value, json};

/// How text is normalised and split before the merges, in the format of a `tokenizer.json`.
pub(super) struct PreTokenizerRules {
    pub normalizer: Value,
    pub pre_tokenizer: Value,
    /// Whether a word that is a token is taken whole, without applying the merges (`ignore_merges`).
    pub ignore_merges: bool,
}

/// The rules that several names share.
struct SplitRules {
    names: &'static [&'static str],
    /// Whether characters are composed first (NFC).
    composes: bool,
    /// Each splits the pieces that the one before it left.
    splits: &'static [SplitStep],
    ignore_merges: bool,
    /// Whether a prompt begins with beginning-of-text where the file does not say.
    adds_bos: bool,
}

/// One step that splits text into pieces.
enum SplitStep {
    /// Matches of a regular expression, and what is between them, are pieces of their own.
    Regex(&'static str),
    /// Every digit is a piece of its own.
    Digits,
    /// GPT-2's words.
    Words,
}
use SplitStep::{Digits, Regex, Words};

/// The rules that most names have, but for the splits.
const PLAIN: SplitRules =
    SplitRules { names: &[], composes: false, splits: &[], ignore_merges: false, adds_bos: false };

/// Qwen2: splits numbers into single digits.
const QWEN2: SplitStep = Regex(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
/// Llama 3: splits numbers into groups of up to three digits.
const LLAMA3: SplitStep = Regex(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
/// The same after a step that has split numbers.
const LLAMA3_WHOLE_NUMBERS: SplitStep = Regex(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
/// Seed-Coder: as Qwen2, but punctuation does not take the line breaks after it.
const SEED_CODER: SplitStep = Regex(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",
);
/// Mistral's Tekken: also splits words at a change of case.
const TEKKEN: SplitStep = Regex(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
/// GPT-4o: as Tekken, with contractions at the end of words and groups of up to three digits.
const GPT_4O: SplitStep = Regex(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
/// DeepSeek-LLM: letters of scripts with upper and lower case.
const CASED_LETTERS: SplitStep = Regex(
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
);
/// DeepSeek: characters of Chinese, Japanese and Korean.
const CJK: SplitStep = Regex("[一-龥ࠀ-一가-퟿]+");

/// All families. The names are those of llama.cpp.
const FAMILIES: &[SplitRules] = &[
    SplitRules { names: &["qwen2"], composes: true, splits: &[QWEN2], ..PLAIN },
    SplitRules { names: &["deepseek-r1-qwen", "kormo", "megrez", "stablelm2"], splits: &[QWEN2], ..PLAIN },
    SplitRules {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
        splits: &[LLAMA3],
        ignore_merges: true,
        adds_bos: true,
        ..PLAIN
    },
    SplitRules { names: &["smaug-bpe", "dbrx", "chatglm-bpe"], splits: &[LLAMA3], ..PLAIN },
    SplitRules {
        names: &["minicpm5"],
        splits: &[Regex(r"\p{N}{1,3}"), LLAMA3_WHOLE_NUMBERS],
        ignore_merges: true,
        ..PLAIN
    },
    SplitRules { names: &["seed-coder"], splits: &[SEED_CODER], ..PLAIN },
    SplitRules { names: &["tekken"], splits: &[TEKKEN], ignore_merges: true, adds_bos: true, ..PLAIN },
    SplitRules { names: &["gpt-4o", "llama4", "kanana2"], splits: &[GPT_4O], ..PLAIN },
    SplitRules {
        names: &["deepseek-llm"],
        splits: &[
            Regex(r"[\r\n]"),
            CASED_LETTERS,
            Regex(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"),
            Regex(r"\s+$"),
            CJK,
            Regex(r"\p{N}+"),
        ],
        ..PLAIN
    },
    SplitRules {
        names: &["deepseek-coder"],
        splits: &[Regex(r"[\r\n]"), Regex(r"\s?\p{L}+"), Regex(r"\s?\p{P}+"), CJK, Digits],
        ..PLAIN
    },
    SplitRules {
        names: &["deepseek-v3"],
        splits: &[
            Regex(r"\p{N}{1,3}"),
            Regex("[一-龥぀-ゟ゠-ヿ]+"),
            Regex(
                r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
            ),
        ],
        ..PLAIN
    },
    SplitRules {
        names: &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
        splits: &[Digits, Words],
        ..PLAIN
    },
    SplitRules {
        names: &[
            "gpt-2",
            "gpt2",
            "phi-2",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "trillion",
            "granite-docling",
            "jais",
            "exaone4",
        ],
        splits: &[Words],
        ..PLAIN
    },
    SplitRules { names: &["poro-chat", "bloom", "gpt3-finnish"], splits: &[BLOOM], ..PLAIN },
    SplitRules { names: &["viking"], splits: &[BLOOM, Digits], ..PLAIN },
    // What llama.cpp does for files from before names were recorded.
    SplitRules {
        names: &[DEFAULT],
        splits: &[Regex(r"[\p{P}\$\+<=>\^~\|]+"), GPT2_WORDS, Regex(r"\p{N}+"), Regex(r"[0-9][0-9][0-9]")],
        ..PLAIN
    },
];

/// The name of the rules for files from before names were recorded.
pub(super) const DEFAULT: &str = "default";
/// Bloom: punctuation of many languages.
const BLOOM: SplitStep = Regex(r" ?[^(\s|.,!?…。，、।۔،)]+");
/// GPT-2's words without its encoding of bytes, for a step that is not the last.
const GPT2_WORDS: SplitStep = Regex(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)");

fn family(name: &str) -> Option<&'static SplitRules> {
    FAMILIES.iter().find(|family| family.names.contains(&name))
}

/// The names that [`rules`] accepts.
pub(super) fn known_names() -> String {
    let names: Vec<&str> = FAMILIES.iter().flat_map(|family| family.names).copied().collect();
    names.join(", ")
}

/// Whether prompts of the rules called `name` begin with beginning-of-text where the file does not say.
pub(super) fn adds_bos(name: &str) -> bool {
    family(name).is_some_and(|family| family.adds_bos)
}

/// The rules called `name`; `None` for an unknown name.
pub(super) fn rules(name: &str) -> Option<PreTokenizerRules> {
    let family = family(name)?;
    let mut steps: Vec<Value> = family.splits.iter().map(SplitStep::step).collect();
    // The last step encodes bytes; it is GPT-2's words itself, or one more step.
    if !matches!(family.splits.last(), Some(Words)) {
        steps.push(byte_level(false));
    }
    let normalizer = if family.composes { json!({ "type": "NFC" }) } else { Value::Null };
    let pre_tokenizer = json!({ "type": "Sequence", "pretokenizers": steps });
    Some(PreTokenizerRules { normalizer, pre_tokenizer, ignore_merges: family.ignore_merges })
}

/// The first name whose rules are those of a `tokenizer.json`; `None` where no name has them.
pub(super) fn name_of(normalizer: &Value, pre_tokenizer: &Value, ignore_merges: bool) -> Option<&'static str> {
    let names = FAMILIES.iter().filter_map(|family| family.names.first()).copied();
    names.into_iter().find(|name| {
        rules(name).is_some_and(|rules| {
            rules.ignore_merges == ignore_merges
                && steps(&rules.normalizer) == steps(normalizer)
                && steps(&rules.pre_tokenizer) == steps(pre_tokenizer)
        })
    })
}

/// The steps of a description one after another, with what is left out written out and without what changes no piece.
fn steps(description: &Value) -> Vec<Value> {
    let nested = ["pretokenizers", "normalizers"].into_iter().find_map(|key| description[key].as_array());
    if let Some(nested) = nested {
        return nested.iter().flat_map(steps).collect();
    }
    let Some(fields) = description.as_object() else { return Vec::new() };
    let mut step = fields.clone();
    step.remove("trim_offsets"); // of the places of pieces in the text, which are not used
    if description["type"] == "ByteLevel" {
        step.entry("use_regex").or_insert(Value::Bool(true));
    }
    vec![Value::Object(step)]
}

impl SplitStep {
    /// The step in the format of a `tokenizer.json`.
    fn step(&self) -> Value {
        match self {
            Regex(pattern) => {
                json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false })
            }
            Digits => json!({ "type": "Digits", "individual_digits": true }),
            Words => byte_level(true),
        }
    }
}

/// GPT-2's encoding of bytes, after its word splitting if `splits_words`.
fn byte_level(splits_words: bool) -> Value {
    json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": splits_words })
}

#[cfg(test)]
mod tests {
    use super::super::alphabet::Alphabet;
    use super::super::pipeline::Pipeline;
    use super::*;
    use tokenizers::{OffsetReferential, OffsetType};

    /// The pieces of a text, joined with `·`.
    fn pieces(rules: &PreTokenizerRules, text: &str) -> String {
        let pipeline = Pipeline::new(&[], &Value::Null, &rules.pre_tokenizer).unwrap();
        let pieces = pipeline.pieces(text).unwrap();
        let decoded = |piece: &str| {
            let mut bytes = Vec::new();
            Alphabet::ByteLevel.decode(piece, &mut bytes);
            String::from_utf8(bytes).unwrap()
        };
        let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::None);
        let texts: Vec<String> = splits.iter().map(|(piece, _, _)| decoded(piece)).collect();
        texts.join("·")
    }

    #[test]
    fn rules_are_found_by_what_they_do() {
        for family in FAMILIES {
            let rules = rules(family.names[0]).unwrap();
            let name = name_of(&rules.normalizer, &rules.pre_tokenizer, rules.ignore_merges);
            assert_eq!(name, Some(family.names[0]));
            // The same splits with merges for whole words are those of another name or of none.
            assert_ne!(name_of(&rules.normalizer, &rules.pre_tokenizer, !rules.ignore_merges), name);
        }
        let words = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true });
        assert_eq!(name_of(&Value::Null, &words, false), Some("gpt-2"));
        assert_eq!(name_of(&json!({ "type": "NFKC" }), &words, false), None);
    }

    #[test]
    fn every_family_splits_texts_as_other_implementations_do() {
        let expected: Value = serde_json::from_str(include_str!("../../tests/fixtures/tokenizer/splits.json")).unwrap();
        let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
        let mut checked = 0;
        for group in expected["splits"].as_array().unwrap() {
            for name in texts(&group["names"]) {
                let rules = rules(&name).unwrap();
                for (text, expected) in texts(&expected["texts"]).iter().zip(texts(&group["pieces"])) {
                    assert_eq!(pieces(&rules, text), expected, "{name}: {text:?}");
                }
                checked += 1;
            }
        }
        let known: usize = FAMILIES.iter().map(|family| family.names.len()).sum();
        assert_eq!(checked, known, "every name is checked");
    }
}
