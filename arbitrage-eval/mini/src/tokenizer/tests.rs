//! The contents of the vocabulary, and the digests of its files.

use super::*;
use crate::{Generator, Stream, corpus};
use arbitrage_core::text::fnv1a;

fn count(text: &str) -> usize {
    let vocabulary: std::collections::HashSet<Vec<u8>> = vocabulary().into_iter().collect();
    pieces(text).iter().map(|piece| if vocabulary.contains(piece.as_bytes()) { 1 } else { piece.len() }).sum()
}

#[test]
fn the_files_are_pinned() {
    let files = files::all(&vocabulary());
    let digests: Vec<String> =
        files.iter().map(|(name, text)| format!("{name} {:016x}", fnv1a(text.as_bytes()))).collect();
    let pinned = [
        "tokenizer.json 6c51cff0bfe68067",
        "tokenizer_config.json b6a9587c868c2908",
        "generation_config.json d95a4821aa011138",
    ];
    assert_eq!(digests, pinned);
}

#[test]
fn the_vocabulary_is_small_and_without_duplicates() {
    let vocabulary = vocabulary();
    assert!(vocabulary.len() <= 640, "{}", vocabulary.len());
    assert!(words().len() < 200, "{:?}", words());
    assert_eq!(vocabulary.iter().collect::<BTreeSet<_>>().len(), vocabulary.len());
    assert_eq!((vocabulary[END_ID as usize].as_slice(), vocabulary[1 + 65].as_slice()), (END.as_bytes(), &b"A"[..]));
}

#[test]
fn files_are_json() {
    for (name, text) in files::all(&vocabulary()) {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        if name == "tokenizer.json" {
            assert_eq!(value["model"]["vocab"].as_object().unwrap().len(), vocabulary().len());
        }
    }
}

#[test]
fn pieces_are_whole_tokens() {
    for (text, tokens) in [
        ("Model 0: ", 3),
        (" She sells 12.", 5),
        ("3*14=42\n\n", 8),
        (r"54/2=\boxed{27}", 9),
        ("345 mod 13=7\n\n", 9),
        ("20%*150=30\n\n", 11),
        ("Ann has 12 pens.", 6),
    ] {
        assert_eq!(count(text), tokens, "{:?}", pieces(text));
    }
}

#[test]
fn every_word_of_the_corpus_is_one_token() {
    let (generator, known) = (Generator::default(), words());
    for stream in Stream::ALL {
        for row in corpus::rows(&generator, stream, 0..3000) {
            let text = row.text();
            let unknown = pieces(&text).into_iter().find(|piece| piece.len() > 1 && !known.contains(*piece));
            assert_eq!(unknown, None, "{}", row.question);
        }
    }
}

#[test]
fn problems_are_compact() {
    let rows = corpus::rows(&Generator::default(), Stream::Train, 0..2000);
    let counts: Vec<usize> = rows.map(|row| count(&row.text()) + 1).collect();
    let mean = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    let most = counts.iter().max().copied().unwrap_or_default();
    assert!(mean < 75.0 && most < 120, "{mean} {most}");
}
