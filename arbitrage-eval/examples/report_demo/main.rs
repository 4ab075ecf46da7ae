//! Writes a synthetic evaluation with random text in place of model outputs, and its report:
//!
//! ```sh
//! cargo run --release -p arbitrage-eval --example report_demo -- FOLDER [PROBLEMS]
//! ```

mod fixture;

use std::path::Path;

use arbitrage_core::BoxError;
use arbitrage_eval::report::{ReportSettings, write};

fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, problems) = match arguments[..] {
        [folder] => (Path::new(folder), 120),
        [folder, problems] => (Path::new(folder), problems.parse::<usize>()?),
        _ => return Err("expected FOLDER [PROBLEMS]".into()),
    };
    fixture::write(folder, "babble", problems, &fixture::POLICIES)?;
    fixture::write(folder, "hostile", problems.min(20), &fixture::POLICIES[..4])?;
    write(folder, &ReportSettings::default().with_title("Babblers, routed"))?;
    Ok(())
}
