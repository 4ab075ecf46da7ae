//! Writes an evaluation of models that babble, and its report, to look at:
//!
//! ```sh
//! cargo run --release -p arbitrage-eval --no-default-features --example report_demo -- FOLDER [PROBLEMS]
//! ```
//!
//! or the report of an evaluation that is there already: `report_demo -- --read FOLDER`.

mod fixture;

use std::path::Path;

use arbitrage_core::BoxError;
use arbitrage_eval::report::{Evaluation, Options, html, markdown};

fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, problems) = match arguments[..] {
        ["--read", folder] => (Path::new(folder), None),
        [folder] => (Path::new(folder), Some(120)),
        [folder, problems] => (Path::new(folder), Some(problems.parse::<usize>()?)),
        _ => return Err("expected FOLDER [PROBLEMS] or --read FOLDER".into()),
    };
    if let Some(problems) = problems {
        fixture::write(folder, "babble", problems, &fixture::POLICIES)?;
        fixture::write(folder, "hostile", problems.min(20), &fixture::POLICIES[..4])?;
    }
    let evaluation = Evaluation::read(folder)?;
    let options = Options::default().with_title("Babblers, routed");
    std::fs::write(folder.join("report.html"), html(&evaluation, &options)?)?;
    std::fs::write(folder.join("report.md"), markdown(&evaluation, &options)?)?;
    Ok(())
}
