//! Runs many cases at once and says what came of them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::case::Case;
use super::child::{self, Ended};
use super::verdict::{self, Finding};

/// How far a case got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Refused,
    /// `inspect` takes it, `solve` refuses it for a reason that shows in use only.
    Inspected,
    Solved,
}

/// Counts of cases by how far they got, and of findings.
#[derive(Clone, Copy, Default)]
struct Counts {
    stages: [usize; 3],
    findings: usize,
}

#[derive(Default)]
pub(crate) struct Report {
    total: Counts,
    by_mutation: BTreeMap<&'static str, Counts>,
    pub findings: Vec<(u64, String, Finding)>,
}

/// Runs `program` on one case, with files in `folder`.
pub(crate) fn run_case(program: &Path, case: &Case, folder: &Path) -> (Ended, Ended) {
    let path = case.write(folder);
    let path = path.to_str().unwrap();
    let inspected = child::run(program, &["models", "inspect", path], folder);
    let mut arguments = vec!["solve", "--draft", path, "--target", path];
    arguments.extend(["--steps", "2", "--step-tokens", "8", "--tokens", "8"]);
    arguments.extend(["--system", if case.has_system_message { "Count." } else { "" }, "1+1?"]);
    (inspected, child::run(program, &arguments, folder))
}

/// Runs the cases of `seeds`, `workers` at a time.
pub(crate) fn run(program: &Path, seeds: Range<u64>, workers: usize) -> Report {
    let log = std::env::var_os("ARBITRAGE_CAMPAIGN_LOG")
        .map(|path| File::options().create(true).append(true).open(path).unwrap());
    let (next, report) = (AtomicU64::new(seeds.start), Mutex::new(Report::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let case = Case::new(seed);
            let folder = tempfile::tempdir().unwrap();
            let (inspected, solved) = run_case(program, &case, folder.path());
            let mut report = report.lock().unwrap();
            report.add(&case, &inspected, &solved);
            if let Some(log) = &log {
                log_case(log, &case, &inspected, &solved);
            }
            if (seed + 1 - seeds.start).is_multiple_of(1000) {
                eprintln!("{} cases, {} findings", seed + 1 - seeds.start, report.findings.len());
            }
        }
    };
    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    report.into_inner().unwrap()
}

/// One line a case: what was changed, and how both commands took it.
fn log_case(mut log: &File, case: &Case, inspected: &Ended, solved: &Ended) {
    let ends = [inspected, solved].map(|it| format!("{:?}{:?} {}", it.code, it.signal, verdict::excerpt(&it.stderr)));
    writeln!(log, "{}\t{}\t{}\t{}", case.seed, case.fixture, case.mutations.join(", "), ends.join("\t")).unwrap();
}

impl Report {
    fn add(&mut self, case: &Case, inspected: &Ended, solved: &Ended) {
        let stage = match (inspected.code, solved.code) {
            (Some(0), Some(0)) => Stage::Solved,
            (Some(0), _) => Stage::Inspected,
            _ => Stage::Refused,
        };
        let name = case.name();
        let of_inspect =
            verdict::of_run(inspected, &name).or_else(|| verdict::of_page(inspected)).map(|it| ("inspect", it));
        let of_solve = verdict::of_run(solved, &name).map(|it| ("solve", it));
        // The worse of both; that they disagree matters only where each is in order.
        let worst = [of_solve, of_inspect].into_iter().flatten().min_by_key(|(_, finding)| finding.kind);
        let found = worst.or_else(|| verdict::of_both(inspected, solved).map(|it| ("both", it)));
        self.total.add(stage, found.is_some());
        for name in &case.mutations {
            self.by_mutation.entry(name).or_default().add(stage, found.is_some());
        }
        if let Some((command, finding)) = found {
            self.findings.push((
                case.seed,
                format!("{command}, {}: {}", case.fixture, case.mutations.join(", ")),
                finding,
            ));
        }
    }
}

impl Counts {
    fn add(&mut self, stage: Stage, is_finding: bool) {
        self.stages[stage as usize] += 1;
        self.findings += usize::from(is_finding);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cases = self.stages.iter().sum::<usize>();
        let [refused, inspected, solved] = self.stages.map(|count| 100.0 * count as f64 / cases.max(1) as f64);
        let findings = self.findings;
        write!(
            f,
            "{cases:6} cases, {refused:3.0} % refused, {inspected:3.0} % inspected, {solved:3.0} % solved, {findings} findings"
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, counts) in &self.by_mutation {
            writeln!(f, "{name:42}{counts}")?;
        }
        writeln!(f, "{:42}{}", "all", self.total)?;
        let mut findings: Vec<_> = self.findings.iter().collect();
        findings.sort_by_key(|(seed, _, finding)| (finding.kind, *seed));
        for (seed, case, finding) in findings {
            writeln!(f, "{:?}: seed {seed}: {case}: {}", finding.kind, finding.what)?;
        }
        Ok(())
    }
}

/// The program under test: the one that was built with this test, or the one that `ARBITRAGE_CAMPAIGN_PROGRAM` names.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("ARBITRAGE_CAMPAIGN_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_arbitrage").into(), PathBuf::from)
}
