//! The mini family's tokenizer folder, as read by this project's tokenizer and, in a test that is ignored by default, by Python's.

use std::io::Write;
use std::path::Path;

use arbitrage_mini::{Generator, Stream, corpus, tokenizer};
use arbitrage_models::chat::{ChatTemplate, Message};
use arbitrage_models::tokenizer::{EncodeMode, Tokenizer};
use proptest::prelude::*;

fn read() -> Tokenizer {
    let folder = tempfile::tempdir().unwrap();
    tokenizer::write(folder.path()).unwrap();
    Tokenizer::from_folder(folder.path()).unwrap()
}

fn texts(count: u64) -> Vec<String> {
    let generator = Generator::default();
    Stream::ALL
        .into_iter()
        .flat_map(|stream| corpus::rows(&generator, stream, 0..count).map(|row| row.text()).collect::<Vec<_>>())
        .collect()
}

#[test]
fn the_folder_matches_the_documentation() {
    let read = read();
    let vocabulary = tokenizer::vocabulary();
    assert_eq!(read.vocab_size(), vocabulary.len());
    assert_eq!((read.eos_ids(), read.bos(), read.eos_text()), (&[tokenizer::END_ID][..], None, Some(tokenizer::END)));
    assert!(read.is_special(tokenizer::END_ID) && !read.is_special(1));
    for (id, bytes) in vocabulary.iter().enumerate() {
        assert_eq!(read.token_bytes(id as u32), Some(bytes.as_slice()), "{id}");
    }
}

#[test]
fn words_and_digits_are_single_tokens() {
    let read = read();
    for text in texts(1000) {
        let ids = read.encode(&text, EncodeMode::Continuation).unwrap();
        assert_eq!(read.decode(&ids).unwrap(), text);
        for id in ids {
            let token = read.token_bytes(id).unwrap();
            let letter = token.len() == 1 && token[0].is_ascii_alphabetic();
            let number = token.len() > 1 && token.iter().any(u8::is_ascii_digit);
            assert!(!letter && !number, "{:?} in {text}", String::from_utf8_lossy(token));
        }
    }
    let pieces = |text: &str| {
        let ids = read.encode(text, EncodeMode::Continuation).unwrap().into_iter();
        ids.map(|id| String::from_utf8_lossy(read.token_bytes(id).unwrap()).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(pieces("Model 0: 3*14"), ["Model ", "0", ": ", "3", "*", "1", "4"]);
    assert_eq!(pieces("54/2=\\boxed{27}\n\n"), ["5", "4", "/", "2", "=", "\\boxed{", "2", "7", "}", "\n\n"]);
    assert_eq!(pieces(" 12")[1..], ["1", "2"]);
    assert_eq!(read.encode("é", EncodeMode::Continuation).unwrap(), [1 + 0xC3, 1 + 0xA9]);
}

#[test]
fn a_solution_continues_its_prompt() {
    let read = read();
    let template = ChatTemplate::for_tokenizer(&read).unwrap();
    for row in corpus::rows(&Generator::default(), Stream::Validation, 0..300) {
        let prompt = template.render(&[Message::system("Be brief."), Message::user(&row.question)], true).unwrap();
        let mut ids = read.encode_prompt(&prompt).unwrap();
        for step in row.solution.split_inclusive("\n\n") {
            ids.extend(read.encode(step, EncodeMode::Continuation).unwrap());
        }
        assert_eq!(ids, read.encode(&row.text(), EncodeMode::Continuation).unwrap());
    }
}

proptest! {
    #[test]
    fn any_text_survives(text in "\\PC*|[a-zA-Z0-9:\\\\{}<|> \n\r\t]{0,60}") {
        let read = read();
        let ids = read.encode(&text, EncodeMode::Continuation).unwrap();
        prop_assert!(!ids.contains(&tokenizer::END_ID));
        prop_assert_eq!(read.decode(&ids).unwrap(), text);
    }
}

/// Needs Python with `tokenizers` and `transformers`; the variable `PYTHON` names it.
#[test]
#[ignore = "needs Python with transformers"]
fn python_gives_the_same_ids() {
    let folder = tempfile::tempdir().unwrap();
    tokenizer::write(folder.path()).unwrap();
    let read = Tokenizer::from_folder(folder.path()).unwrap();
    let mut texts = texts(340);
    texts.extend(
        ["", " ", "\n\n\n", "Ünïcödé 12½ \u{1F600}", "Model 0: a\r\n\r\nb", "She  sells 12 . left 3"]
            .map(str::to_owned),
    );
    let mut file = std::fs::File::create(folder.path().join("texts.jsonl")).unwrap();
    for text in texts {
        let ids = read.encode(&text, EncodeMode::Continuation).unwrap();
        writeln!(file, "{}", serde_json::json!({ "text": text, "ids": ids })).unwrap();
    }
    std::fs::write(folder.path().join("chat.json"), chat(&read)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mini/check_tokenizer.py");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    assert!(std::process::Command::new(python).arg(script).arg(folder.path()).status().unwrap().success());
}

fn chat(read: &Tokenizer) -> String {
    let turns = [("system", "Be brief."), ("user", "1 + 1?"), ("assistant", "2"), ("user", "And 2 + 2?")];
    let messages = turns.map(|(role, content)| Message { role: role.to_owned(), content: content.to_owned() });
    let text = ChatTemplate::for_tokenizer(read).unwrap().render(&messages, true).unwrap();
    let messages = turns.map(|(role, content)| serde_json::json!({ "role": role, "content": content }));
    serde_json::json!({ "messages": messages, "text": text, "tokens": read.vocab_size() }).to_string()
}
