//! Reports are well-formed, escaped, agree with the metrics, and are deterministic.

#[path = "../examples/report_demo/fixture.rs"]
mod fixture;
#[path = "report/page.rs"]
mod page;

use std::fs;
use std::path::Path;

use arbitrage_core::Usage;
use arbitrage_eval::metrics::{PolicySummary, compare};
use arbitrage_eval::report::{
    BenchmarkRuns, EvaluationRuns, PolicyRun, ReportSettings, SkipReason, html, markdown, write,
};
use arbitrage_router::metrics::Bootstrap;
use page::Page;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// Few resamples, since intervals are tested elsewhere.
fn options() -> ReportSettings {
    ReportSettings::default().with_title("A <report>").with_bootstrap(Bootstrap::new(40, 0.95).unwrap())
}

fn folder(policies: &[(&str, &str, &str)]) -> TempDir {
    let folder = tempdir().unwrap();
    fixture::write(folder.path(), "babble", 24, policies).unwrap();
    fixture::write(folder.path(), "hostile", 3, &policies[..policies.len().min(2)]).unwrap();
    folder
}

fn page(folder: &Path) -> Page {
    Page::new(html(&EvaluationRuns::read(folder).unwrap(), &options()).unwrap())
}

#[test]
fn the_page_is_well_formed_and_self_contained() {
    let folder = folder(&fixture::POLICIES);
    let page = page(folder.path());
    let document = page.document();
    let mut ids: Vec<&str> = document.descendants().filter_map(|node| node.attribute("id")).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "ids are unique");
    for node in document.descendants() {
        assert!(node.attribute("src").is_none(), "nothing is fetched");
        assert!(node.attribute("href").is_none_or(|target| ids.contains(&&target[1..]) && target.starts_with('#')));
        assert!(node.attributes().all(|attribute| !attribute.name().starts_with("on")), "no handler in markup");
        if node.has_tag_name("table") {
            let columns = node.descendants().filter(|node| node.attribute("scope") == Some("col")).count();
            let rows = node.descendants().filter(|node| node.has_tag_name("tr")).skip(1);
            rows.for_each(|row| assert_eq!(row.children().filter(|cell| cell.is_element()).count(), columns));
        }
    }
    let charts: Vec<_> = document.descendants().filter(|node| node.attribute("role") == Some("img")).collect();
    assert!(charts.len() >= 8, "{}", charts.len());
    for chart in charts {
        let names = chart.attribute("aria-labelledby").unwrap().split(' ');
        names.for_each(|name| assert!(ids.contains(&name)));
        let numbers = ["x", "y", "x1", "y1", "x2", "y2", "width", "height"];
        for (node, name) in chart.descendants().flat_map(|node| numbers.map(|name| (node, name))) {
            let number = node.attribute(name).map_or(Ok(0.0), str::parse::<f64>);
            assert!(number.is_ok_and(|number| (-1.0..2000.0).contains(&number)), "{node:?}");
        }
    }
}

#[test]
fn untrusted_text_is_escaped() {
    let folder = folder(&fixture::POLICIES[..4]);
    let page = page(folder.path());
    assert_eq!(page.text.matches("<script").count(), 2);
    assert_eq!(page.text.matches("</script").count(), 2);
    let acts = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{2028}';
    assert!(!page.text.contains(acts) && !page.text.contains("<img"));
    let data = page.data();
    let problem = &data["benchmarks"][1]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .find(|problem| problem["id"].as_str().unwrap().contains("hostile-000"));
    let shown = "</script><img src=x onerror=alert(1)>⟨U+202E⟩␇␀ ]]> --> {{ 7*7 }} | `x` ⟨U+2028⟩";
    let problem = problem.unwrap();
    assert_eq!(problem["id"], format!("hostile-000{shown}"));
    assert_eq!(data["texts"][problem["question"].as_u64().unwrap() as usize], shown);
    assert_eq!(problem["runs"][0]["answer"], shown);

    let hostile = "a|b<b>`*_\n# x";
    fixture::write(folder.path(), "other", 2, &[("target", hostile, "target"), (hostile, hostile, "draft")]).unwrap();
    let evaluation = EvaluationRuns::read(folder.path()).unwrap();
    let text = markdown(&evaluation, &options()).unwrap();
    assert!(text.contains("| a\\|b&lt;b\\>\\`\\*\\_ \\# x |") && !text.contains("<b>"), "{text}");
    assert!(text.contains("\n|---|---:|") && text.contains("\n|---|---|"), "{text}");
    Page::new(html(&evaluation, &options()).unwrap()).document();
}

#[test]
fn figures_in_tables_agree_with_the_metrics() {
    let folder = folder(&fixture::POLICIES);
    let (evaluation, page) = (EvaluationRuns::read(folder.path()).unwrap(), page(folder.path()));
    let benchmark = evaluation.benchmarks.iter().find(|benchmark| benchmark.name == "babble").unwrap();
    let target = &benchmark.target().unwrap().results;
    let share = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{:.1}%", 100.0 * value));
    for run in &benchmark.runs {
        let summary = PolicySummary::of(&run.results);
        let accuracy = page.row("benchmark-0", "Accuracy", &run.label);
        let outcomes = summary.outcomes;
        assert_eq!(accuracy[5..], [outcomes.right, outcomes.wrong, outcomes.errored].map(|count| count.to_string()));
        let range = summary.accuracy.unwrap();
        let shares = [range.value, range.low, range.high].map(|value| share(Some(value)));
        assert_eq!(accuracy[0], format!("{} [{}, {}]", shares[0], shares[1], shares[2]));
        if !run.is_target() {
            let against = compare(&run.results, target, &Bootstrap::new(40, 0.95).unwrap()).unwrap();
            let points = format!("{:+.1}", 100.0 * against.difference.unwrap().value).replace('-', "−");
            assert!(accuracy[1].starts_with(&points), "{accuracy:?} {points}");
            let speed = page.row("benchmark-0", "Latency", &run.label)[4].clone();
            assert!(speed.starts_with(&format!("{:.2}×", against.speed.unwrap().value)), "{speed}");
        }
        let calls = page.row("benchmark-0", "Acceptance and waste", &run.label);
        assert_eq!(calls[0], share(summary.acceptance.by_steps));
        assert_eq!(calls[1], share(summary.acceptance.by_tokens));
        assert_eq!(calls[4], share(summary.waste.and_then(|waste| waste.of_steps)));
        let seconds: f64 = page.row("benchmark-0", "Latency", &run.label)[1].parse().unwrap();
        assert!((seconds / summary.latency.unwrap().mean - 1.0).abs() < 0.01);
        let title = format!("{}: {} at {}", run.label, share(summary.accuracy.map(|range| range.value)), calls[0]);
        assert!(page.text.contains(&format!("<title>{title}</title>")), "{title}");
    }
}

#[test]
fn an_empty_evaluation_and_one_policy_have_a_page() {
    let empty = tempdir().unwrap();
    let nothing = page(empty.path());
    assert!(nothing.text.contains("no graded run"));
    nothing.document();
    for policy in [("target", "target", "target"), ("draft", "draft", "draft"), ("what", "what", "random:0.5")] {
        let folder = tempdir().unwrap();
        fixture::write(folder.path(), "one", 1, &[policy]).unwrap();
        let page = page(folder.path());
        page.document();
        assert_eq!(page.row("benchmark-0", "Accuracy", policy.0).len(), 8);
    }
}

#[test]
fn reports_are_deterministic() {
    let (one, other) = (folder(&fixture::POLICIES[..6]), folder(&fixture::POLICIES[..6]));
    assert_eq!(page(one.path()).text, page(other.path()).text);
    let text = |folder: &TempDir| markdown(&EvaluationRuns::read(folder.path()).unwrap(), &options()).unwrap();
    assert_eq!(text(&one), text(&other));
}

#[test]
fn a_report_is_written_atomically() {
    let folder = folder(&fixture::POLICIES[..2]);
    let path = |name: &str| folder.path().join(name);
    let names = || {
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    for _ in 0..2 {
        let files = write(folder.path(), &options()).unwrap();
        assert_eq!((&files.html, &files.markdown), (&path("report.html"), &path("report.md")));
        assert_eq!(fs::read_to_string(files.html).unwrap(), page(folder.path()).text);
        assert!(fs::read_to_string(files.markdown).unwrap().starts_with("# A &lt;report\\>"));
        assert_eq!(names(), ["babble", "hostile", "report.html", "report.md"]);
    }
    fs::remove_file(path("report.html")).unwrap();
    fs::create_dir(path("report.html")).unwrap();
    let error = write(folder.path(), &options()).unwrap_err().to_string();
    assert!(error.contains("report.html:"), "{error}");
    assert_eq!(names(), ["babble", "hostile", "report.html", "report.md"]);
}

#[test]
fn speculation_is_not_the_baseline_and_is_compared_with() {
    let folder = folder(&fixture::POLICIES);
    let evaluation = EvaluationRuns::read(folder.path()).unwrap();
    let labels: Vec<&str> = evaluation.benchmarks[0].runs.iter().map(|run| run.label.as_str()).collect();
    assert_eq!(labels[..3], ["target", "speculative", "draft"]);
    let [target, speculative, ..] = &evaluation.benchmarks[0].runs[..] else { unreachable!() };
    assert_eq!([target.is_target(), target.is_speculative()], [true, false]);
    assert_eq!([speculative.is_target(), speculative.is_speculative()], [false, true]);
    assert_eq!(evaluation.benchmarks[0].target(), Some(target));
    assert_eq!(evaluation.benchmarks[0].speculative(), Some(speculative));
    let alone = BenchmarkRuns::new("alone", vec![speculative.clone()]);
    assert_eq!((alone.target(), alone.speculative()), (Some(speculative), None), "there is no run without speculation");
    // Both write the same text, so that the speed-up is the ratio of latencies.
    let page = page(folder.path());
    let (family, baseline) = ("speculative", "target");
    let speed = |family: &str| page.row("benchmark-0", "Speed-up at matched accuracy", family);
    let mean = page.row("benchmark-0", "Latency", family)[4].clone();
    let (family, baseline) = (speed(family), speed(baseline));
    let figure = |cell: &String| cell.split(' ').next().unwrap().to_owned();
    assert_eq!(figure(family.last().unwrap()), figure(&mean));
    assert!(figure(&mean).trim_end_matches('×').parse::<f64>().unwrap() > 1.2, "{mean}");
    assert_eq!((family[family.len() - 2].as_str(), baseline.last().unwrap().as_str()), ("–", "–"));
    let back: f64 = figure(&baseline[baseline.len() - 2]).trim_end_matches('×').parse().unwrap();
    assert!(back < 0.9, "{back}");
}

#[test]
fn break_even_agrees_with_the_formula() {
    let folder = folder(&fixture::POLICIES);
    let page = page(folder.path());
    let row = page.row("benchmark-0", "Break-even", "probe");
    let [draft, decision, target_prefill, target, draft_prefill] =
        [1, 2, 3, 4, 5].map(|at| row[at].parse::<f64>().unwrap_or_else(|_| panic!("{row:?}")));
    assert!((decision - 0.004).abs() < 1e-9, "{row:?}");
    let benchmark = &EvaluationRuns::read(folder.path()).unwrap().benchmarks[0];
    let usage =
        |runs: &[PolicyRun]| runs.iter().flat_map(|run| run.results.problems()).map(|one| one.usage).sum::<Usage>();
    let (probe, alone) = (usage(benchmark.family("probe")).draft, usage(benchmark.family("target")).target);
    for (found, role, seconds_a_token) in [(draft, probe, 0.004), (target, alone, 0.016)] {
        let expected = seconds_a_token * role.decoded as f64 / role.calls as f64;
        assert!((found / expected - 1.0).abs() < 0.01, "{found} {expected}");
    }
    let rate = 100.0 * (target - draft - decision - target_prefill) / (target + draft_prefill - target_prefill);
    let shown: f64 = row[0].trim_end_matches('%').parse().unwrap_or_else(|_| panic!("{row:?}"));
    assert!((rate - shown).abs() < 1.0, "{rate} {row:?}");
    assert!(page.text.contains("id=\"chart-0-break-even\""));
}

#[test]
fn problems_on_which_policies_differ_come_first() {
    let folder = folder(&fixture::POLICIES[..4]);
    let evaluation = EvaluationRuns::read(folder.path()).unwrap();
    let page = Page::new(html(&evaluation, &options().with_problems(7)).unwrap());
    let shown = &page.data()["benchmarks"][0];
    let differs: Vec<bool> =
        shown["problems"].as_array().unwrap().iter().map(|one| one["differs"].as_bool().unwrap()).collect();
    assert_eq!(differs.len(), 7);
    assert!(differs[0] && differs.is_sorted_by(|one, other| one >= other), "{differs:?}");
    assert!(shown["about"].as_str().unwrap().starts_with("7 of 24 problems, under 4 runs"), "{shown}");
    let is_whole = |run: &Value| run["steps"].as_array().is_some_and(|steps| !steps.is_empty());
    assert!(shown["problems"][0]["runs"].as_array().unwrap().iter().all(is_whole));
}

#[test]
fn ungraded_and_incomplete_traces_are_skipped_and_listed() {
    let folder = folder(&fixture::POLICIES[..4]);
    let path = |name: &str| folder.path().join("babble").join(name);
    fs::remove_file(path("draft.grades.jsonl")).unwrap();
    let trace = fs::read(path("rsd_0.7.jsonl")).unwrap();
    fs::write(path("rsd_0.7.jsonl"), &trace[..trace.len() / 2]).unwrap();
    let trace = fs::read_to_string(path("oracle_0.jsonl")).unwrap();
    fs::write(path("oracle_0.jsonl"), trace.split_once('\n').unwrap().1).unwrap();
    let evaluation = EvaluationRuns::read(folder.path()).unwrap();
    let names: Vec<&str> = evaluation.benchmarks[0].runs.iter().map(|run| run.label.as_str()).collect();
    assert_eq!(names, ["target"]);
    let reasons: Vec<SkipReason> = evaluation.skipped.iter().map(|one| one.reason).collect();
    assert!(
        matches!(
            reasons[..],
            [SkipReason::Ungraded, SkipReason::NoRunRecord, SkipReason::Incomplete { ended: 1.., expected: 24 }]
        ),
        "{reasons:?}"
    );
    assert!(page(folder.path()).text.contains("draft.jsonl: expected a file of grades next to it, found none"));
}

#[test]
fn errors_name_the_file() {
    let folder = folder(&fixture::POLICIES[..2]);
    let path = |name: &str| folder.path().join("babble").join(name);
    let grades = fs::read_to_string(path("draft.grades.jsonl")).unwrap();
    let error = |name: &str, text: &str| {
        let before = fs::read(path(name)).unwrap();
        fs::write(path(name), text).unwrap();
        let error = EvaluationRuns::read(folder.path()).unwrap_err().to_string();
        fs::write(path(name), before).unwrap();
        error
    };
    for (name, text, part) in [
        ("draft.grades.jsonl", "{\"id\": 1}\n", "line 1"),
        ("draft.grades.jsonl", grades.split_once('\n').unwrap().1, "its grade is missing"),
        ("draft.jsonl", "{}\n", "draft.jsonl:1"),
    ] {
        let error = error(name, text);
        assert!(error.contains(part) && error.contains(name.split('.').next().unwrap()), "{error}");
    }
    assert!(EvaluationRuns::read(&path("nowhere")).unwrap_err().to_string().contains("nowhere"));
}
