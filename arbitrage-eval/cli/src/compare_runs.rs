//! `arbitrage compare A B`: are two runs' differences more than noise?

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use arbitrage_core::trace::read_jsonl;
use arbitrage_eval::gold::Gold;
use arbitrage_eval::harness::grade;
use arbitrage_eval::metrics::{Comparison, Range, Summary, compare};
use arbitrage_eval::problems::{BadRows, read_file};
use arbitrage_eval::results::{Grade, Grades, PolicyResults, problem_results};
use arbitrage_router::metrics::Bootstrap;
use serde_json::json;

use crate::Failure;
use crate::cli::CompareOptions;

/// Prints both, and what is between them.
pub fn run([a, b]: [&Path; 2], options: &CompareOptions) -> Result<(), Failure> {
    let gold = gold(&options.problems)?;
    let [one, other] = [results(a, &gold)?, results(b, &gold)?];
    let bootstrap = Bootstrap::new(options.table.resamples, 0.95)?;
    let found = compare(&one, &other, &bootstrap)?;
    let [first, second] = [Summary::of(&one), Summary::of(&other)];
    for (path, summary) in [(a, &first), (b, &second)] {
        println!("{}: {} right of {}", path.display(), percent(summary.accuracy), one.problems().len());
    }
    print(&found);
    if let Some(path) = &options.table.json {
        let all = json!({ "a": first, "b": second, "comparison": found });
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// The answers that problems' files hold.
fn gold(paths: &[std::path::PathBuf]) -> Result<Gold, Failure> {
    let mut rows = Vec::new();
    for path in paths {
        rows.extend(read_file(path, BadRows::Fail)?.rows);
    }
    Ok(Gold::new(&rows).with_fallback(arbitrage_mini::answer))
}

/// A run by the grades that stand beside it, or else graded now.
fn results(path: &Path, gold: &Gold) -> Result<PolicyResults, Failure> {
    let records = read_jsonl(path)?;
    let beside = path.with_extension("grades.jsonl");
    let grades = if beside.is_file() {
        let file = File::open(&beside).map_err(|error| format!("{}: {error}", beside.display()))?;
        Grades::read(&beside, BufReader::new(file))?
    } else {
        Grades::new(grade(&records, gold).into_iter().map(|grade| Grade::new(grade.id, grade.verdict)))
    };
    let found = problem_results(&records, &grades, 0).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(PolicyResults::new("", path.display().to_string(), None, found.problems)?)
}

fn print(found: &Comparison) {
    let pairs = &found.pairs;
    println!(
        "solved by both {}, by A alone {}, by B alone {}, by neither {}; left out, for errors, {}",
        pairs.both, pairs.first_only, pairs.second_only, pairs.neither, pairs.errored
    );
    let Some(difference) = found.difference else { return println!("no problem is graded in both") };
    let Range { value, low, high, .. } = difference;
    let [value, low, high] = [value, low, high].map(|share| 100.0 * share);
    let told = if low > 0.0 || high < 0.0 { "more than noise" } else { "may be noise" };
    println!("A less B: {value:+.2} points [{low:+.2}, {high:+.2}]: {told}");
    if let Some(test) = found.test {
        println!("McNemar: p = {:.4} (mid-p), {:.4} (exact)", test.mid, test.exact);
    }
    if let Some(speed) = found.speed {
        println!("seconds a problem, B over A: {speed:.3}");
    }
}

fn percent(range: Option<Range>) -> String {
    let shown =
        |range: Range| format!("{:.1}% [{:.1}, {:.1}]", 100.0 * range.value, 100.0 * range.low, 100.0 * range.high);
    range.map_or_else(|| "–".to_owned(), shown)
}
