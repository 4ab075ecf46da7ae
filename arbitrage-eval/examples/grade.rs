//! Grades a file of answer pairs, as the command `arbitrage grade` does: `grade FILE.jsonl [strict|qwen-compat]`.
//!
//! One JSON row per pair goes to standard output, the summary to standard error.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use arbitrage_eval::harness::{grade_pairs, read_pairs};
use arbitrage_eval::problems::BadRows;
use arbitrage_grader::{Grader, Profile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected the path of a file of answer pairs")?;
    let profile: Profile = arguments.next().as_deref().unwrap_or("strict").parse()?;
    let (pairs, _) = read_pairs(Path::new(&path), BufReader::new(File::open(&path)?), BadRows::Fail)?;
    let mut out = std::io::stdout().lock();
    let summary = grade_pairs(Grader::new(profile), &pairs, |_, graded| -> std::io::Result<()> {
        writeln!(out, "{}", serde_json::to_string(graded)?)
    })?;
    eprintln!("{summary}");
    Ok(())
}
