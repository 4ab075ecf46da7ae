//! Writes rows of the mini family as JSONL and, where a folder is given, the family's tokenizer:
//!
//! ```sh
//! cargo run --release -p arbitrage-mini --example mini_rows -- train 0 70000 tokenizer/ > train.jsonl
//! ```

use arbitrage_mini::{Generator, MiniError, Stream, corpus, tokenizer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [stream, from, to, folder @ ..] = arguments.as_slice() else {
        return Err("expected: STREAM FROM TO [FOLDER]".into());
    };
    for folder in folder {
        tokenizer::write(folder)?;
    }
    let rows = stream_rows(stream.parse()?, from.parse()?..to.parse()?)?;
    eprintln!("{rows} rows");
    Ok(())
}

fn stream_rows(stream: Stream, range: std::ops::Range<u64>) -> Result<u64, MiniError> {
    let writer = std::io::BufWriter::new(std::io::stdout().lock());
    corpus::write_rows(corpus::rows(&Generator::default(), stream, range), writer)
}
