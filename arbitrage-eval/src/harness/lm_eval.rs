//! Results and samples in the file formats of lm-evaluation-harness, for tools that read those.

use std::path::Path;

use arbitrage_core::fs::write_atomic;
use arbitrage_core::trace::RunRecord;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::HarnessError;
use super::lines::replace_lines;

/// A graded solution.
#[derive(Clone, Debug)]
pub struct LmEvalSample<'a> {
    /// The problem's id.
    pub id: &'a str,
    /// The question.
    pub question: &'a str,
    /// The right answer.
    pub gold: &'a str,
    /// The whole solution.
    pub response: &'a str,
    /// The answer that was extracted from it; empty where there is none.
    pub extracted: &'a str,
    /// Whether the answer is right.
    pub is_right: bool,
}

/// Writes `results_arbitrage.json` and `samples_TASK_arbitrage.jsonl` into `folder`, creating it. The format has no outcome for problems
/// that failed, so that they count as wrong; omit them from `samples` to exclude them.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn write_lm_eval(
    folder: &Path,
    task: &str,
    run: &RunRecord,
    samples: &[LmEvalSample<'_>],
) -> Result<(), HarnessError> {
    std::fs::create_dir_all(folder).map_err(|source| HarnessError::io(folder, source))?;
    let path = folder.join("results_arbitrage.json");
    let written = write_atomic(&path, |file| Ok(serde_json::to_writer_pretty(file, &results(task, run, samples))?));
    written.map_err(|source| HarnessError::io(&path, source))?;
    let rows = samples.iter().enumerate().map(|(at, sample)| row(at, sample));
    replace_lines(&folder.join(format!("samples_{task}_arbitrage.jsonl")), rows)
}

fn results(task: &str, run: &RunRecord, samples: &[LmEvalSample<'_>]) -> Value {
    let count = samples.len();
    let mean = samples.iter().filter(|sample| sample.is_right).count() as f64 / count.max(1) as f64;
    // lm-evaluation-harness computes the standard error of the mean with n − 1.
    let error = (count > 1).then(|| (mean * (1.0 - mean) / (count - 1) as f64).sqrt());
    let of_task = |value: Value| json!({ task: value });
    json!({
        "results": of_task(json!({ "alias": task, "exact_match,none": mean, "exact_match_stderr,none": error })),
        "group_subtasks": of_task(json!([])),
        "configs": of_task(json!({
            "task": task, "output_type": "generate_until", "num_fewshot": 0,
            "metric_list": [{ "metric": "exact_match", "aggregation": "mean", "higher_is_better": true }],
            "metadata": { "version": 1.0 },
        })),
        "versions": of_task(json!(1.0)),
        "n-shot": of_task(json!(0)),
        "higher_is_better": of_task(json!({ "exact_match": true })),
        "n-samples": of_task(json!({ "original": count, "effective": count })),
        "config": { "model": "arbitrage", "model_args": run, "batch_size": run.limits.in_flight },
        "model_source": "arbitrage",
        "model_name": format!("{} → {}", run.drafter.name, run.notes.target.as_deref().unwrap_or(&run.verifier.name)),
    })
}

fn row(at: usize, sample: &LmEvalSample<'_>) -> Value {
    json!({
        "doc_id": at,
        "doc": { "id": sample.id, "question": sample.question, "answer": sample.gold },
        "target": sample.gold,
        "arguments": { "gen_args_0": { "arg_0": sample.question, "arg_1": {} } },
        "resps": [[sample.response]],
        "filtered_resps": [sample.extracted],
        "filter": "none",
        "metrics": ["exact_match"],
        "doc_hash": hash(&format!("{}\n{}\n{}", sample.id, sample.question, sample.gold)),
        "prompt_hash": hash(sample.question),
        "target_hash": hash(sample.gold),
        "exact_match": f64::from(u8::from(sample.is_right)),
    })
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use arbitrage_core::{Engine, router::AlwaysDraft, testing::Scripted};

    use super::*;

    #[test]
    fn files_have_the_layout_of_lm_evaluation_harness() {
        let folder = tempfile::tempdir().unwrap();
        let run = Engine::new(Scripted::new("small", []), Scripted::new("large", []), AlwaysDraft).run_record();
        let sample =
            |id, is_right| LmEvalSample { id, question: "2+2?", gold: "4", response: "so 4", extracted: "4", is_right };
        write_lm_eval(
            folder.path(),
            "sums",
            &run,
            &[sample("a", true), sample("b", true), sample("c", false), sample("d", true)],
        )
        .unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let results: Value = serde_json::from_str(&read("results_arbitrage.json")).unwrap();
        assert_eq!(results["results"]["sums"]["exact_match,none"], 0.75);
        assert_eq!(results["results"]["sums"]["exact_match_stderr,none"], 0.25);
        assert_eq!(results["n-samples"]["sums"]["effective"], 4);
        assert_eq!(results["config"]["model_args"]["drafter"]["name"], "small");
        let rows: Vec<Value> =
            read("samples_sums_arbitrage.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((rows.len(), &rows[2]["exact_match"], &rows[2]["doc"]["id"]), (4, &json!(0.0), &json!("c")));
        assert_eq!(rows[0]["resps"], json!([["so 4"]]));
        assert_eq!(rows[0]["target_hash"], "4b227777d4dd1fc61c6f884f48641d02b4d121d3fd328cb08b5531fcacdabf8a");
    }
}
