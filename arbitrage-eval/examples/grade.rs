//! Grades a file of rows, as the command `arbitrage grade` does: `grade FILE.jsonl [strict|qwen-compat]`.
//!
//! A JSON row an answer goes to standard output, the summary to standard error.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use arbitrage_eval::harness::{grade_rows, read_rows};
use arbitrage_eval::problems::BadRows;
use arbitrage_grader::{Grader, Profile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected a file of rows")?;
    let profile: Profile = arguments.next().as_deref().unwrap_or("strict").parse()?;
    let (rows, _) = read_rows(Path::new(&path), BufReader::new(File::open(&path)?), BadRows::Fail)?;
    let mut out = std::io::stdout().lock();
    let summary = grade_rows(Grader::new(profile), &rows, |_, graded| -> std::io::Result<()> {
        writeln!(out, "{}", serde_json::to_string(graded)?)
    })?;
    eprintln!("{summary}");
    Ok(())
}
