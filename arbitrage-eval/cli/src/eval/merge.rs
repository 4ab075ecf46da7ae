//! Shards of an evaluation, joined.

use std::path::Path;

use arbitrage_core::trace::{Record, read_jsonl};
use arbitrage_eval::harness::write_canonical;

use super::Set;
use super::grades::told;
use crate::Failure;
use crate::output::make_folder;

/// Joins the records that the shards have of one run of `set`, and writes them as those of an undivided one.
pub fn merge(set: &Set<'_>, slug: &str, evaluation: &Path) -> Result<(), Failure> {
    let name = format!("{slug}.jsonl");
    let mut records: Vec<Record> = Vec::new();
    for shard in shards(evaluation)? {
        let path = set.folder(&shard).join(&name);
        if path.is_file() {
            records.extend(read_jsonl(&path)?);
        }
    }
    let folder = set.folder(evaluation);
    make_folder(&folder)?;
    let path = folder.join(name);
    write_canonical(records, &set.problems, &path)?;
    told(set, &path, &folder.join("lm-eval").join(slug))
}

/// The shards' folders, in the order of their names.
fn shards(evaluation: &Path) -> Result<Vec<std::path::PathBuf>, Failure> {
    let wrong = |error: std::io::Error| format!("{}: {error}", evaluation.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(evaluation).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("shard-")) {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(format!("{}: expected folders such as shard-1-of-4, found none", evaluation.display()).into());
    }
    Ok(found)
}
