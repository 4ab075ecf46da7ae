//! Merging the shards of an evaluation.

use std::path::{Path, PathBuf};

use arbitrage_core::trace::Trace;
use arbitrage_eval::harness::GradedRun;

use super::LoadedBenchmark;
use super::grades::export_lm_eval;
use super::plan::PlannedRun;
use crate::Failure;
use crate::files::{create_folder, in_file};

/// Merges the traces of one run from all shards, and writes the trace and the grades that a run without shards would have.
pub(super) fn merge(
    benchmark: &LoadedBenchmark<'_>,
    planned: &PlannedRun<'_>,
    evaluation: &Path,
) -> Result<(), Failure> {
    let traces = shards(evaluation)?.into_iter().map(|shard| planned.trace_path(&benchmark.folder(&shard)));
    let trace = Trace::read_all(traces.filter(|path| path.is_file()))?;
    let folder = benchmark.folder(evaluation);
    create_folder(&folder)?;
    let path = planned.trace_path(&folder);
    export_lm_eval(&GradedRun::write(trace, &benchmark.set.problems, &benchmark.set.gold, path)?, benchmark)
}

/// The folders of the shards, sorted by name.
fn shards(evaluation: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut shards = Vec::new();
    for entry in std::fs::read_dir(evaluation).map_err(in_file(evaluation))? {
        let path = entry.map_err(in_file(evaluation))?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("shard-")) {
            shards.push(path);
        }
    }
    shards.sort();
    if shards.is_empty() {
        return Err(format!("{}: expected folders such as shard-1-of-4, found none", evaluation.display()).into());
    }
    Ok(shards)
}
