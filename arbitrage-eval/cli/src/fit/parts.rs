//! The parts of the problems: for training, calibration and the test. No problem is in two of them.

use std::path::Path;

use arbitrage_core::Problem;
use arbitrage_core::fs::write_atomic;
use arbitrage_core::text::fnv1a;
use arbitrage_eval::gold::Gold;
use arbitrage_router::labels::{Split, Subset};
use serde_json::json;

use crate::Failure;
use crate::cli::{BadRowOptions, ProblemOptions};
use crate::files::in_file;
use crate::problem_set::ProblemSet;

/// Shares of the problems for training, calibration and the test.
const SHARES: [f64; 3] = [0.4, 0.35, 0.25];

/// Makes the seed of the parts another one than that of a training's split into training and validation, which takes the same hash: all
/// problems for training would be on one side of it.
const PARTS_SEED: u64 = 0x7061_7274_7300;

/// A problem as it is written into a file for a stage.
struct PartRow {
    problem: Problem,
    source: String,
    /// The answer of its row, which may be a whole solution; that of a generated problem is computed.
    answer: String,
    tolerance: Option<f64>,
}

/// The problems of a fit in three parts, each in random order.
pub(super) struct Parts {
    training: Vec<PartRow>,
    calibration: Vec<PartRow>,
    test: Vec<PartRow>,
}

impl Parts {
    /// Divides the problems by a hash of seed and id, so that the part of a problem does not depend on the others. Every problem needs a gold
    /// answer.
    pub(super) fn new(set: &ProblemSet, seed: u64) -> Result<Self, Failure> {
        let split = Split::new(SHARES[0], SHARES[1], SHARES[2])?.with_seed(seed ^ PARTS_SEED);
        let mut parts = Self { training: Vec::new(), calibration: Vec::new(), test: Vec::new() };
        for (at, problem) in set.problems.iter().enumerate() {
            let part = match split.subset(&problem.id) {
                Subset::Train => &mut parts.training,
                Subset::Validation => &mut parts.calibration,
                Subset::Test => &mut parts.test,
            };
            part.push(row(set, at, problem, &set.gold)?);
        }
        // Files are often sorted by difficulty, and a stage takes the first problems of a part.
        let order = |row: &PartRow| fnv1a(seed.to_le_bytes().iter().chain(row.problem.id.as_bytes()));
        [&mut parts.training, &mut parts.calibration, &mut parts.test]
            .into_iter()
            .for_each(|part| part.sort_by_cached_key(|row| (order(row), row.problem.id.clone())));
        Ok(parts)
    }

    /// The number of problems for training, calibration and the test.
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.training.len(), self.calibration.len(), self.test.len()]
    }

    /// The ids of each part, for the record.
    pub(super) fn ids(&self) -> serde_json::Value {
        let ids = |part: &[PartRow]| part.iter().map(|row| row.problem.id.clone()).collect::<Vec<_>>();
        json!({ "training": ids(&self.training), "calibration": ids(&self.calibration), "test": ids(&self.test) })
    }

    /// Writes the first `count` training problems.
    pub(super) fn write_sample(&self, count: usize, path: &Path) -> Result<(), Failure> {
        write(self.training.iter().take(count), path)
    }

    /// Writes the `count` training problems after the sample.
    pub(super) fn write_training(&self, sample: usize, count: usize, path: &Path) -> Result<(), Failure> {
        write(self.training.iter().skip(sample).take(count), path)
    }

    /// Writes the first `count` problems for calibration.
    pub(super) fn write_calibration(&self, count: usize, path: &Path) -> Result<(), Failure> {
        write(self.calibration.iter().take(count), path)
    }

    /// Writes the first `count` problems of the test.
    pub(super) fn write_test(&self, count: usize, path: &Path) -> Result<(), Failure> {
        write(self.test.iter().take(count), path)
    }
}

/// The options that read a file of a part, with so many problems in flight.
pub(super) fn part_options(path: &Path, options: &ProblemOptions) -> ProblemOptions {
    ProblemOptions {
        problems: vec![path.to_owned()],
        format: None,
        count: None,
        bad_rows: BadRowOptions { skip_bad_rows: false },
        mini: None,
        family: None,
        in_flight: options.in_flight,
        seed: options.seed,
    }
}

/// The rows of a set are those of its first problems; the others were generated.
fn row(set: &ProblemSet, at: usize, problem: &Problem, gold: &Gold) -> Result<PartRow, Failure> {
    let answer = gold.answer(problem)?.into_owned();
    Ok(match set.rows.get(at) {
        Some(row) => PartRow {
            problem: problem.clone(),
            source: row.source.clone(),
            answer: row.answer.clone().unwrap_or(answer),
            tolerance: row.tolerance,
        },
        None => PartRow { problem: problem.clone(), source: "mini".to_owned(), answer, tolerance: None },
    })
}

/// Writes rows that [`read_file`](arbitrage_eval::problems::read_file) reads: those with a tolerance in the format of OlympiadBench, which has
/// a field for it.
fn write<'r>(rows: impl Iterator<Item = &'r PartRow>, path: &Path) -> Result<(), Failure> {
    let line = |PartRow { problem, source, answer, tolerance }: &PartRow| match tolerance {
        None => json!({ "id": problem.id, "question": problem.question, "answer": answer, "source": source }),
        Some(tolerance) => {
            json!({ "id": problem.id, "question": problem.question, "final_answer": answer, "error": tolerance, "source": source })
        }
    };
    let text: String = rows.map(|row| format!("{}\n", line(row))).collect();
    write_atomic(path, |file| file.write_all(text.as_bytes())).map_err(in_file(path))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::cli::MiniRange;

    fn options(folder: &Path, text: &str) -> ProblemOptions {
        let path = folder.join("problems.jsonl");
        std::fs::write(&path, text).unwrap();
        part_options(&path, &mini("train:0..1"))
    }

    fn mini(range: &str) -> ProblemOptions {
        let mini: MiniRange = range.parse().unwrap();
        ProblemOptions {
            problems: vec![],
            format: None,
            count: None,
            bad_rows: BadRowOptions { skip_bad_rows: false },
            mini: Some(mini),
            family: None,
            in_flight: 4,
            seed: 3,
        }
    }

    #[test]
    fn every_problem_is_in_one_part_and_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let set = ProblemSet::load(&mini("train:0..400")).unwrap();
        let parts = Parts::new(&set, 3).unwrap();
        let sizes = parts.sizes();
        assert_eq!(sizes.iter().sum::<usize>(), 400);
        assert!(sizes.iter().all(|size| *size > 60), "{sizes:?}");
        let path = folder.path().join("part.jsonl");
        let mut seen = HashSet::new();
        let mut read = |written: Result<(), Failure>| {
            written.unwrap();
            let back = ProblemSet::load(&part_options(&path, &mini("train:0..1"))).unwrap();
            for problem in &back.problems {
                let before = set.problems.iter().find(|before| before.id == problem.id).unwrap();
                assert_eq!(before.question, problem.question);
                assert_eq!(set.gold.answer(before).unwrap(), back.gold.answer(problem).unwrap());
                assert!(seen.insert(problem.id.clone()), "{} is in two parts", problem.id);
            }
            back.problems.len()
        };
        let counts = [
            read(parts.write_sample(10, &path)),
            read(parts.write_training(10, 40, &path)),
            read(parts.write_calibration(30, &path)),
            read(parts.write_test(1000, &path)),
        ];
        assert_eq!(counts, [10, 40, 30, sizes[2]]);
        // A training divides its problems by the same hash, and needs some on both sides.
        let training = Split::new(0.9, 0.1, 0.0).unwrap().with_seed(3);
        let validation = parts.training.iter().filter(|row| training.subset(&row.problem.id) == Subset::Validation);
        assert!((5..40).contains(&validation.count()));
        let again = Parts::new(&set, 3).unwrap();
        assert_eq!(parts.ids(), again.ids());
        assert_ne!(parts.ids(), Parts::new(&set, 4).unwrap().ids());
    }

    #[test]
    fn reference_solutions_and_tolerances_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let row = |at: usize| match at % 2 {
            0 => format!("{{\"question\": \"{at}+1?\", \"answer\": \"<<{at}+1=9>>9 #### 9\", \"source\": \"s\"}}\n"),
            _ => format!(
                "{{\"question\": \"{at}π?\", \"final_answer\": \"3.14\", \"error\": 0.01, \"id\": \"p{at}\"}}\n"
            ),
        };
        let rows: String = (0..60).map(row).collect();
        let set = ProblemSet::load(&options(folder.path(), &rows)).unwrap();
        let parts = Parts::new(&set, 0).unwrap();
        let path = folder.path().join("part.jsonl");
        let mut back = Vec::new();
        for write in [Parts::write_sample, Parts::write_calibration, Parts::write_test] {
            write(&parts, 60, &path).unwrap();
            back.extend(crate::problem_set::problem_rows(std::slice::from_ref(&path)).unwrap());
        }
        back.sort_by(|one, other| one.problem.id.cmp(&other.problem.id));
        let mut expected = set.rows.clone();
        expected.sort_by(|one, other| one.problem.id.cmp(&other.problem.id));
        assert_eq!(back, expected);
    }

    #[test]
    fn a_problem_without_an_answer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let set = ProblemSet::load(&options(folder.path(), "{\"question\": \"How many?\", \"id\": \"q1\"}\n")).unwrap();
        assert!(Parts::new(&set, 0).err().unwrap().to_string().contains("`q1`"));
    }
}
