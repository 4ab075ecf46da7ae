//! Reads files of labelled steps.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::{LabelledSolution, formats};
use crate::problems::{BadRows, ProblemsError, read_lines};

/// The solutions of a file.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct LabelledSolutions {
    /// The solutions, in the file's order.
    pub solutions: Vec<LabelledSolution>,
    /// The errors of rows that were skipped.
    pub skipped: Vec<ProblemsError>,
    /// Number of duplicates that were dropped.
    pub duplicates: usize,
}

/// Reads a file of JSON lines with `question` (or `problem`), optionally `id` and `source`, and steps in one of three formats:
///
/// | | `steps` | labels |
/// |---|---|---|
/// | plain | `{"text", "label"}` | `label`, from 0 to 1 |
/// | PRM800K | `{"text", "rating"}` | `rating`: 1 and 0 are right, −1 is wrong |
/// | PRMBench | texts | steps whose number, from 1, is in `error_steps` are wrong; `original_steps` are a right solution |
///
/// Blank lines, a byte order mark and Windows line ends are accepted.
///
/// # Errors
/// [`ProblemsError`], naming file, line and field.
pub fn read_file(path: impl AsRef<Path>, bad: BadRows) -> Result<LabelledSolutions, ProblemsError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|source| ProblemsError::Io { path: path.to_owned(), source })?;
    read(path, BufReader::new(file), bad)
}

/// As [`read_file`], from any reader; `path` is only used in messages and for default names.
///
/// # Errors
/// As [`read_file`].
pub fn read(path: &Path, reader: impl BufRead, bad: BadRows) -> Result<LabelledSolutions, ProblemsError> {
    let (mut solutions, skipped) = read_lines(path, reader, bad, formats::solutions)?;
    let duplicates = deduplicate(&mut solutions);
    Ok(LabelledSolutions { solutions, skipped, duplicates })
}

/// Drops solutions with the same question and the same steps as an earlier one, whatever their labels. Returns how many.
pub fn deduplicate(solutions: &mut Vec<LabelledSolution>) -> usize {
    let (before, mut seen) = (solutions.len(), HashSet::new());
    solutions.retain(|solution| {
        let texts: Vec<String> = solution.labelled.iter().map(|labelled| labelled.step.text.clone()).collect();
        seen.insert((solution.question.clone(), texts))
    });
    before - solutions.len()
}

#[cfg(test)]
mod tests {
    use arbitrage_core::{Finish, SequenceId};

    use super::*;

    fn parse(text: &str, bad: BadRows) -> Result<LabelledSolutions, ProblemsError> {
        read(Path::new("set/steps.jsonl"), text.as_bytes(), bad)
    }

    fn labels(solution: &LabelledSolution) -> Vec<f32> {
        solution.labelled.iter().map(|labelled| labelled.label).collect()
    }

    const PRM800K: &str = r##"{"problem": "1+1?", "steps": [{"text": "Add.", "rating": 0}, {"text": " It is 2.", "rating": 1}, {"text": "So 3.", "rating": -1}]}"##;
    const PRMBENCH: &str = r##"{"question": "Q, spoilt?", "original_question": "q?", "steps": ["a", "b\n\n", "c"], "error_steps": [2, 3], "original_steps": ["a", "d \\boxed{4}"]}"##;
    const PLAIN: &str = r##"{"question": "Q?", "id": "x", "source": "s", "steps": [{"text": "a", "label": 0.25}, {"text": "# Answer\n\n4", "label": 1}]}"##;

    #[test]
    fn the_three_formats_are_recognised() {
        let found = parse(&[PRM800K, PRMBENCH, PLAIN].join("\n"), BadRows::Fail).unwrap().solutions;
        let seen: Vec<_> = found.iter().map(|s| (&*s.id, &*s.source, &*s.group, labels(s), s.first_error())).collect();
        assert_eq!(
            seen,
            [
                ("steps-1", "steps", "1+1?", vec![1.0, 1.0, 0.0], Some(2)),
                ("steps-2", "steps", "q?", vec![1.0, 0.0, 0.0], Some(1)),
                ("steps-2-original", "steps", "q?", vec![1.0, 1.0], None),
                ("x", "s", "q?", vec![0.25, 1.0], Some(0)),
            ]
        );
        assert_eq!((&*found[1].question, &*found[2].question), ("Q, spoilt?", "q?"));
        let steps: Vec<_> = found.iter().flat_map(|s| &s.labelled).map(|j| (&*j.step.text, j.step.finish)).collect();
        assert_eq!(steps[1], ("It is 2.\n\n", Finish::Boundary));
        // A solution of PRM800K may stop at a step only because the step is wrong, so that it does not end the text.
        assert_eq!(steps[2], ("So 3.\n\n", Finish::Boundary));
        assert_eq!(steps[4], ("b\n\n", Finish::Boundary));
        assert_eq!(steps[7], ("d \\boxed{4}", Finish::EndOfText));
        assert_eq!(steps[9], ("# Answer\n\n4", Finish::EndOfText));
    }

    #[test]
    fn each_step_is_requested_after_its_prefix() {
        let solution = &parse(PRM800K, BadRows::Fail).unwrap().solutions[0];
        let problem = solution.problem();
        let seen: Vec<_> = solution
            .requests(SequenceId(3), &problem)
            .map(|(prefix, step)| (prefix.id.0, prefix.text(), step.text.clone()))
            .collect();
        let expected = [("", "Add.\n\n"), ("Add.\n\n", "It is 2.\n\n"), ("Add.\n\nIt is 2.\n\n", "So 3.\n\n")];
        assert_eq!(seen, expected.map(|(before, text)| (3, before.to_owned(), text.to_owned())));
    }

    #[test]
    fn duplicates_are_dropped() {
        let right = r##"{"question": "q?", "steps": ["a", "d \\boxed{4}"], "error_steps": []}"##;
        let found = parse(&[PRMBENCH, PRMBENCH, right].join("\n"), BadRows::Fail).unwrap();
        assert_eq!((found.solutions.len(), found.duplicates), (2, 3));
    }

    #[test]
    fn bad_rows_are_named_or_skipped() {
        let step = |step: &str| format!(r##"{{"question": "q?", "steps": [{{"text": "a", "label": 1}}, {step}]}}"##);
        let bench = |errors: &str| format!(r##"{{"question": "q?", "steps": ["a", "b"], "error_steps": {errors}}}"##);
        let bad = [
            (step(r##"{"text": "b", "label": NaN}"##), "column"),
            (step(r##"{"text": "b", "label": 1e999}"##), "column"),
            (step(r##"{"text": "b", "label": null}"##), "from 0 to 1 in `steps[1].label`, found null"),
            (step(r##"{"text": "b", "label": -0.1}"##), "found -0.1"),
            (step(r##"{"text": "b", "label": 1.5}"##), "found 1.5"),
            (step(r##"{"text": "b", "label": true}"##), "found true"),
            (step(r##"{"text": "b", "rating": 1}"##), "`steps[1].label`, found null"),
            (step(r##"{"text": " ", "label": 1}"##), "text in `steps[1].text`"),
            (step(r##"{"text": 3, "label": 1}"##), "`steps[1].text`, found 3"),
            (step(r##"{"label": 1}"##), "`steps[1].text`, found null"),
            (step(r##""b""##), "`steps[1].label`"),
            (PRM800K.replace("-1", "2"), "1, 0 or -1 in `steps[2].rating`, found 2"),
            (PRM800K.replace("-1", "null"), "`steps[2].rating`"),
            (PRM800K.replace("-1", "0.5"), "`steps[2].rating`"),
            (bench("[0]"), "a step from 1 to 2 in `error_steps[0]`, found 0"),
            (bench("[1, 3]"), "`error_steps[1]`, found 3"),
            (bench("[-1]"), "found -1"),
            (bench("[1.5]"), "found 1.5"),
            (bench("[18446744073709551616]"), "`error_steps[0]`"),
            (bench("2"), "`error_steps`, found 2"),
            (PRMBENCH.replace("\"a\", \"b", "\"\", \"b"), "`steps[0]`"),
            (PRMBENCH.replace("[\"a\", \"d", "[7, \"d"), "`original_steps[0]`, found 7"),
            (r##"{"question": "q?", "steps": []}"##.into(), "a list of steps in `steps`, found []"),
            (r##"{"question": "q?", "steps": {}}"##.into(), "`steps`"),
            (r##"{"question": "q?"}"##.into(), "`steps`, found nothing"),
            (r##"{"question": "q?", "steps": ["a"]}"##.into(), "`rating` or `label`"),
            (r##"{"question": "q?", "steps": [{"text": "a"}]}"##.into(), "`rating` or `label`"),
            (r##"{"steps": [{"text": "a", "label": 1}]}"##.into(), "`question`"),
            (r##"{"question": [], "steps": [{"text": "a", "label": 1}]}"##.into(), "`question`"),
            ("[1]".into(), "a JSON object"),
            ("steps".into(), "a JSON object"),
        ];
        for (row, part) in bad {
            let text = format!("{PLAIN}\n{row}\n{PRM800K}");
            let error = parse(&text, BadRows::Fail).unwrap_err().to_string();
            assert!(error.contains("steps.jsonl: line 2") && error.contains(part), "{row}: {error}");
            let found = parse(&text, BadRows::Skip).unwrap();
            assert_eq!((found.solutions.len(), found.skipped.len()), (2, 1), "{row}");
        }
        assert!(matches!(parse("\n", BadRows::Skip), Err(ProblemsError::Empty { .. })));
    }
}
