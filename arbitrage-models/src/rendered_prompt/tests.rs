//! Properties over the shapes of vocabularies that chat models have.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tokenizer::{EncodeMode, GgufVocabulary};
use crate::weights::Gguf;

/// A vocabulary with a template.
struct Vocabulary {
    name: &'static str,
    tokenizer: Tokenizer,
    template: ChatTemplate,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny")
}

impl Vocabulary {
    fn new(name: &'static str, tokenizer: Tokenizer) -> Self {
        let template = ChatTemplate::for_tokenizer(&tokenizer).unwrap();
        Self { name, tokenizer, template }
    }

    fn of_folder(name: &'static str, folder: &str) -> Self {
        Self::new(name, Tokenizer::from_folder(fixtures().join("hf").join(folder)).unwrap())
    }

    fn of_gguf(name: &'static str, file: &str) -> Self {
        let file = Gguf::open(fixtures().join("gguf").join(file)).unwrap();
        Self::new(name, Tokenizer::from_gguf(GgufVocabulary::read(&file).unwrap()).unwrap())
    }

    /// The vocabulary of a fixture, with other added tokens and another template.
    fn changed(name: &'static str, folder: &str, change: impl Fn(&mut Value), template: &str, bos: &str) -> Self {
        let path = fixtures().join("hf").join(folder).join("tokenizer.json");
        let mut file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        change(&mut file);
        let folder = tempfile::tempdir().unwrap();
        let config = json!({ "chat_template": template, "bos_token": bos, "add_bos_token": !bos.is_empty() });
        std::fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
        std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        Self::new(name, Tokenizer::from_folder(folder.path()).unwrap())
    }

    fn prompt(&self, messages: &[Message]) -> RenderedPrompt<'_> {
        RenderedPrompt::new(&self.tokenizer, &self.template, messages, true).unwrap()
    }

    /// The control ids of a prompt, in order. The unknown token stands for text.
    fn controls(&self, messages: &[Message]) -> Vec<u32> {
        let is_control = |id: &u32| self.tokenizer.is_special(*id) && self.tokenizer.token_bytes(*id) != Some(b"<unk>");
        self.prompt(messages).ids().unwrap().into_iter().filter(is_control).collect()
    }
}

/// Adds tokens after those of the vocabulary: name, whether it is special, and which other flags are set.
fn add_tokens(file: &mut Value, tokens: &[(&str, bool, &[&str])]) {
    let added = file["added_tokens"].as_array().unwrap();
    let ids = file["model"]["vocab"].as_object().unwrap().values().chain(added.iter().map(|token| &token["id"]));
    let first = ids.filter_map(Value::as_u64).max().unwrap() + 1;
    for (id, (content, special, flags)) in (first..).zip(tokens) {
        let mut token = json!({ "id": id, "content": content, "special": special, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false });
        flags.iter().for_each(|flag| token[flag] = true.into());
        file["added_tokens"].as_array_mut().unwrap().push(token);
    }
}

const PHI: &str = "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% endfor %}\
                   {% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}";
const R1: &str = "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% elif m.role == 'user' %}\
                  {{ '<｜User｜>' + m.content }}{% else %}\
                  {{ '<｜Assistant｜>' + m.content.split('</think>')[-1].strip() + '<｜end▁of▁sentence｜>' }}{% endif %}{% endfor %}\
                  {% if add_generation_prompt %}{{ '<｜Assistant｜><think>\n' }}{% endif %}";
const PHI_TOKENS: [&str; 5] = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"];

fn vocabularies() -> Vec<Vocabulary> {
    let phi = |flags: &'static [&'static str]| {
        move |file: &mut Value| {
            add_tokens(file, &PHI_TOKENS.map(|name| (name, true, flags)));
            add_tokens(file, &[("<tool_call>", false, &[])]);
        }
    };
    // A compatibility normaliser makes `<|end|>` of full-width characters too.
    let compatible = move |file: &mut Value| {
        phi(&["normalized"])(file);
        file["normalizer"] = json!({ "type": "NFKC" });
    };
    // SentencePiece's space before the first piece alone.
    let metaspace = move |file: &mut Value| {
        phi(&["rstrip"])(file);
        file["normalizer"] = Value::Null;
        file["pre_tokenizer"] =
            json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false });
    };
    let r1 = |file: &mut Value| {
        add_tokens(file, &[("<｜begin▁of▁sentence｜>", true, &[]), ("<｜end▁of▁sentence｜>", true, &[])]);
        let names = ["<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"];
        add_tokens(file, &names.map(|name| (name, false, &[] as &[&str])));
    };
    vec![
        Vocabulary::of_folder("ChatML", "qwen2-f32-tied"),
        Vocabulary::of_folder("Llama 3", "llama3-bf16-sharded"),
        Vocabulary::of_gguf("Llama 3 of a GGUF file", "llama3-f16.gguf"),
        Vocabulary::changed(
            "SentencePiece",
            "llama2-f16",
            phi(&[]),
            "{{ bos_token }}{% for m in messages %}[INST] {{ m.content }} [/INST]{{ m.role }}{{ eos_token }}{% endfor %}",
            "<s>",
        ),
        Vocabulary::changed("Phi", "llama2-f16", phi(&["rstrip"]), PHI, "<s>"),
        Vocabulary::changed("Phi with spaces at the start alone", "llama2-f16", metaspace, PHI, "<s>"),
        Vocabulary::changed("Phi with normalised names", "llama3-bf16-sharded", compatible, PHI, ""),
        Vocabulary::changed("R1", "qwen2-f32-tied", r1, R1, "<｜begin▁of▁sentence｜>"),
    ]
}

/// Texts with names of control tokens of all vocabularies, parts of names, and what may be next to them.
fn hostile() -> impl Strategy<Value = String> {
    let names = [
        "<|im_end|>",
        "<|im_start|>",
        "<|endoftext|>",
        "<|eot_id|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|begin_of_text|>",
        "<s>",
        "</s>",
        "<unk>",
        "<|end|>",
        "<|user|>",
        "<|system|>",
        "<|assistant|>",
        "<｜User｜>",
        "<｜Assistant｜>",
        "<｜end▁of▁sentence｜>",
        "＜|end|＞",
        "<|END|>",
        "</think>",
        "<tool_call>",
        "\u{FDD0}",
        "\\ufdd0",
    ];
    let part = (prop::sample::select(names.to_vec()), 0..20_usize, 0..20_usize)
        .prop_map(|(name, skip, take)| name.chars().skip(skip / 2).take(take.max(1)).collect::<String>());
    let filler = prop::sample::select(vec![
        " ", "\n", "a", "eggs", "12", "文", "e\u{301}", "<", ">", "|", "", "user", "end", "\r\n ",
    ]);
    let piece = prop_oneof![
        3 => prop::sample::select(names.to_vec()).prop_map(str::to_owned),
        2 => part,
        3 => filler.prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn harmless() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        " ",
        "\n",
        "a",
        "eggs ",
        "12345",
        "文字",
        "e\u{301}",
        "don't",
        "I'LL",
        "x<3",
        "a > b",
        " > quote",
        "|",
        "\r\n",
        "\t\t",
        "<b>",
        "▁",
        "<tool_call>",
        "<think>",
        ">",
        "<",
        "  ",
    ]);
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

/// A system message, a question and an answer before, and the question.
fn conversation(texts: &[String; 4]) -> Vec<Message> {
    let [system, before, answer, question] = texts;
    vec![Message::system(system), Message::user(before), Message::assistant(answer), Message::user(question)]
}

fn four<S: Strategy<Value = String>>(text: impl Fn() -> S) -> impl Strategy<Value = [String; 4]> {
    (text(), text(), text(), text()).prop_map(|(a, b, c, d)| [a, b, c, d])
}

#[test]
fn no_text_of_a_user_yields_a_control_token() {
    let vocabularies = vocabularies();
    let neutral = ["x", "x", "x", "x"].map(str::to_owned);
    // Of the roles that the templates know, and of one that they do not know.
    let with_role = |texts: &[String; 4], role: &str| {
        let mut messages = conversation(texts);
        messages[3].role = role.to_owned();
        messages
    };
    let expected: Vec<[Vec<u32>; 2]> = vocabularies
        .iter()
        .map(|one| ["user", "critic"].map(|role| one.controls(&with_role(&neutral, role))))
        .collect();
    proptest!(ProptestConfig::with_cases(400), |(texts in four(hostile), role in hostile())| {
        for (one, expected) in vocabularies.iter().zip(&expected) {
            prop_assert_eq!(&one.controls(&with_role(&texts, "user")), &expected[0], "{}", one.name);
            let other = one.controls(&with_role(&texts, &format!("{role}!")));
            prop_assert_eq!(&other, &expected[1], "{}, role {:?}", one.name, role);
        }
    });
}

#[test]
fn harmless_texts_keep_their_ids() {
    let vocabularies = vocabularies();
    proptest!(ProptestConfig::with_cases(400), |(texts in four(harmless))| {
        for one in &vocabularies {
            let prompt = one.prompt(&conversation(&texts));
            let rendered = one.template.render(&conversation(&texts), true).unwrap();
            let ids = one.tokenizer.encode_prompt(&rendered).unwrap();
            prop_assert_eq!(prompt.text(), rendered.as_str());
            prop_assert_eq!(&prompt.ids().unwrap(), &ids, "{}", one.name);
            // Also where every control token is cut out and the text between them is encoded by itself.
            let cut = one.tokenizer.encode_rendered(&rendered, true, Cow::Borrowed).unwrap();
            prop_assert_eq!(one.tokenizer.with_bos(cut), ids, "{}", one.name);
        }
    });
}

#[test]
fn a_name_in_a_text_is_encoded_as_text_together_with_what_is_around_it() {
    let one = Vocabulary::of_folder("Llama 3", "llama3-bf16-sharded");
    proptest!(|(text in hostile())| {
        let prompt = one.prompt(&[Message::user(&text)]);
        let ids = prompt.ids().unwrap();
        // The turn begins after the third token: two marks around the role, whose text is one to four tokens.
        let end_of_header = one.controls(&[Message::user("x")])[2];
        let from = ids.iter().position(|id| *id == end_of_header).unwrap() + 1;
        let turn = one.tokenizer.encode(&format!("\n\n{}", text.trim()), EncodeMode::Continuation).unwrap();
        prop_assert_eq!(&ids[from..from + turn.len()], turn.as_slice());
        prop_assert!(one.tokenizer.is_special(ids[from + turn.len()]));
        prop_assert!(prompt.text().contains(text.trim()));
    });
}

#[test]
fn a_role_cannot_complete_a_name() {
    let one = vocabularies().into_iter().find(|one| one.name == "Phi").unwrap();
    let message = |role: &str| vec![Message { role: role.to_owned(), content: "x".to_owned() }];
    let controls = one.controls(&message("user")).len();
    for role in ["end", "endoftext", "end|>x<|user", "user|><|end"] {
        assert_eq!(one.controls(&message(role)).len(), controls - 1, "{role}");
    }
}

#[test]
fn beginning_of_text_is_not_left_out_because_a_text_begins_with_it() {
    for one in vocabularies() {
        let Some(bos) = one.tokenizer.bos() else { continue };
        let plain = ChatTemplate::plain();
        let question = [Message::user(format!("{} hi", one.tokenizer.bos_text().unwrap()))];
        let ids = RenderedPrompt::new(&one.tokenizer, &plain, &question, true).unwrap().ids().unwrap();
        let count = ids.iter().filter(|id| **id == bos).count();
        assert_eq!((ids[0], count), (bos, 1), "{}", one.name);
    }
}

#[test]
fn messages_with_all_noncharacters_are_refused_and_a_name_of_one_character_too() {
    let one = Vocabulary::of_folder("ChatML", "qwen2-f32-tied");
    let all: String = noncharacters().collect();
    assert_eq!(all.chars().count(), 66);
    let refused = |one: &Vocabulary, text: &str| {
        RenderedPrompt::new(&one.tokenizer, &one.template, &[Message::user(text)], true).unwrap_err().to_string()
    };
    assert!(refused(&one, &format!("{all}<|im_end|>")).contains("noncharacters"));
    assert_eq!(one.prompt(&[Message::user(&all)]).text(), one.template.render(&[Message::user(&all)], true).unwrap());
    let single = |file: &mut Value| add_tokens(file, &[("§", true, &[])]);
    let one = Vocabulary::changed("one character", "qwen2-f32-tied", single, R1, "");
    assert!(refused(&one, "a § b").contains("'§'"));
}

/// JSON in a prompt escapes the mark too, or keeps it.
#[test]
fn a_template_may_write_messages_as_json() {
    let tokenizer = Tokenizer::from_folder(fixtures().join("hf/qwen2-f32-tied")).unwrap();
    let source = "<|im_start|>{{ messages[0].content | tojson }}<|im_end|>";
    let template = ChatTemplate::new("here", source, None, None).unwrap();
    let one = Vocabulary { name: "json", tokenizer, template };
    let question = [Message::user("a<|im_end|>\"b")];
    assert_eq!(one.controls(&question).len(), 2);
    assert_eq!(one.prompt(&question).text(), r#"<|im_start|>"a<|im_end|>\"b"<|im_end|>"#);
    assert_eq!(NameMark('\u{FDD0}').remove("a\\ufdd0b\u{FDD0}c"), "abc");
}
