//! `arbitrage compare A B`: whether two runs differ significantly.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use arbitrage_core::trace::Trace;
use arbitrage_eval::gold::Gold;
use arbitrage_eval::harness::grade;
use arbitrage_eval::metrics::{PolicyComparison, PolicySummary, compare};
use arbitrage_eval::results::{Grades, PolicyResults, problem_results};
use arbitrage_router::metrics::{Bootstrap, Interval};
use serde_json::json;

use crate::Failure;
use crate::cli::CompareOptions;
use crate::figures::or_dash;
use crate::files::{in_file, write_json};
use crate::problem_set::{gold_answers, problem_rows};

/// Prints the accuracy of both runs, and their difference with an interval and a test.
pub(crate) fn run([a, b]: [&Path; 2], options: &CompareOptions) -> Result<(), Failure> {
    let gold = gold_answers(&problem_rows(&options.problems)?);
    let [one, other] = [results(a, &gold)?, results(b, &gold)?];
    let comparison = compare(&one, &other, &Bootstrap::new(options.table.resamples, 0.95)?)?;
    let [first, second] = [PolicySummary::of(&one), PolicySummary::of(&other)];
    for (path, summary) in [(a, &first), (b, &second)] {
        println!("{}: {} right of {}", path.display(), accuracy(summary.accuracy), one.problems().len());
    }
    print(&comparison);
    write_json(options.table.json.as_deref(), &json!({ "a": first, "b": second, "comparison": comparison }))
}

/// The results of a run by the file of grades next to its trace, or graded now if there is none.
fn results(path: &Path, gold: &Gold) -> Result<PolicyResults, Failure> {
    let trace = Trace::read(path)?;
    let grades_path = path.with_extension("grades.jsonl");
    let grades = if grades_path.is_file() {
        let file = File::open(&grades_path).map_err(in_file(&grades_path))?;
        Grades::read(&grades_path, BufReader::new(file))?
    } else {
        Grades::new(grade(&trace, gold))
    };
    let results = problem_results(&trace, &grades, 0).map_err(in_file(path))?;
    Ok(PolicyResults::new("", path.display().to_string(), None, results.problems)?)
}

fn print(comparison: &PolicyComparison) {
    let pairs = &comparison.pairs;
    println!(
        "solved by both {}, by A alone {}, by B alone {}, by neither {}; {} skipped because of errors",
        pairs.both, pairs.first_only, pairs.second_only, pairs.neither, pairs.errored
    );
    let Some(difference) = comparison.difference else { return println!("no problem is graded in both runs") };
    let Interval { value, low, high, .. } = difference;
    let [value, low, high] = [value, low, high].map(|share| 100.0 * share);
    let verdict = if low > 0.0 || high < 0.0 { "significant" } else { "not significant" };
    println!("A − B: {value:+.2} points [{low:+.2}, {high:+.2}]: {verdict}");
    if let Some(test) = comparison.test {
        println!("McNemar: p = {:.4} (mid-p), {:.4} (exact)", test.mid, test.exact);
    }
    if let Some(speed) = comparison.speed {
        println!("seconds per problem, B divided by A: {speed:.3}");
    }
}

fn accuracy(estimate: Option<Interval>) -> String {
    or_dash(estimate, |Interval { value, low, high, .. }| {
        format!("{:.1}% [{:.1}, {:.1}]", 100.0 * value, 100.0 * low, 100.0 * high)
    })
}
