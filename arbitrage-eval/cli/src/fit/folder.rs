//! The folder of a fit: what each stage made, and what it was made from.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use arbitrage_core::fs::{FileLock, write_atomic};
use arbitrage_core::json::differences;
use arbitrage_models::source::file_digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Failure;
use crate::files::{create_folder, in_file, read_text};

/// File of the settings that the whole folder was made with.
const SETTINGS_FILE: &str = "fit.json";
/// Subfolder of the stages' records.
const RECORDS_FOLDER: &str = "stages";

/// The folder of a fit, locked against other processes.
pub(super) struct FitFolder {
    path: PathBuf,
    _lock: FileLock,
}

/// A stage: its name, what it makes, and what it makes it from.
pub(super) struct Stage<'a> {
    name: &'a str,
    files: &'a [&'a str],
    scratch: &'a [&'a str],
    after: &'a [&'a str],
    settings: Value,
}

impl<'a> Stage<'a> {
    /// A stage that makes `files`, relative to the fit's folder, from those of the stages `after` which it comes. The files are complete when
    /// the stage is.
    pub(super) fn new(name: &'a str, files: &'a [&'a str], after: &'a [&'a str]) -> Self {
        Self { name, files, scratch: &[], after, settings: json!({}) }
    }

    /// Adds settings that it depends on.
    pub(super) fn with_settings(self, settings: Value) -> Self {
        Self { settings, ..self }
    }

    /// Adds files and folders that are of use only as long as the stage is made from the same, such as checkpoints.
    pub(super) fn with_scratch(self, scratch: &'a [&'a str]) -> Self {
        Self { scratch, ..self }
    }
}

/// What a stage is made from, and what it made.
#[derive(Serialize, Deserialize)]
struct StageRecord {
    /// Settings, and the files of earlier stages.
    made_from: Value,
    /// SHA-256 of each file; `None` until the stage is complete.
    files: Option<BTreeMap<String, String>>,
    /// Seconds that it took, in the process that completed it.
    seconds: f64,
}

impl FitFolder {
    /// Creates or opens the folder. Refuses to go on with other settings than those that it was begun with.
    pub(super) fn open(path: &Path, settings: &Value) -> Result<Self, Failure> {
        create_folder(&path.join(RECORDS_FOLDER))?;
        let lock_path = path.join("fit.lock");
        let lock = FileLock::acquire(&lock_path).map_err(in_file(&lock_path))?;
        let folder = Self { path: path.to_owned(), _lock: lock };
        match folder.read::<Value>(SETTINGS_FILE)? {
            None => folder.write(SETTINGS_FILE, settings)?,
            Some(found) => {
                let differences: Vec<String> = differences(&found, settings).iter().map(ToString::to_string).collect();
                if !differences.is_empty() {
                    let (path, differences) = (path.display(), differences.join("; "));
                    return Err(format!("{path}: expected the settings that this fit was begun with ({differences}); choose another folder with --out").into());
                }
            }
        }
        Ok(folder)
    }

    /// A file or folder in it.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a JSON file; `None` where there is none.
    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let path = self.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(serde_json::from_str(&text).map_err(in_file(&path))?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(in_file(&path)(error)),
        }
    }

    /// Writes a JSON file, replacing an earlier one atomically.
    pub(super) fn write(&self, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        let (path, bytes) = (self.join(name), serde_json::to_vec_pretty(value)?);
        write_atomic(&path, |file| file.write_all(&bytes)).map_err(in_file(&path))
    }

    /// Completes a stage: runs `work` unless the stage's files are there as it made them, from what it would be made from now. Whatever a
    /// stage left that was interrupted is there when `work` runs again; what was made from something else is removed first.
    pub(super) fn complete(
        &self,
        stage: &Stage<'_>,
        work: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let made_from = self.made_from(stage)?;
        if let Some(record) = self.record(stage.name)? {
            match self.state(&record, &made_from) {
                StageState::Complete => return Ok(()),
                StageState::Interrupted => {}
                StageState::Stale(reason) => {
                    anstream::eprintln!("{}: done again, since {reason}", stage.name);
                    stage.files.iter().chain(stage.scratch).try_for_each(|name| remove(&self.join(name)))?;
                }
            }
        }
        let start = Instant::now();
        let begun = StageRecord { made_from, files: None, seconds: 0.0 };
        self.write(&record_path(stage.name), &begun)?;
        work()?;
        let digest = |name: &&str| Ok(((*name).to_owned(), file_digest(self.join(name))?));
        let files = Some(stage.files.iter().map(digest).collect::<Result<_, Failure>>()?);
        let seconds = start.elapsed().as_secs_f64();
        self.write(&record_path(stage.name), &StageRecord { files, seconds, ..begun })
    }

    /// As [`complete`](Self::complete), for a stage whose one file is the value that `work` returns. Returns the value.
    pub(super) fn value<T: Serialize + DeserializeOwned>(
        &self,
        stage: &Stage<'_>,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let [file] = stage.files else { return Err(format!("stage {}: expected one file", stage.name).into()) };
        self.complete(stage, || self.write(file, &work()?))?;
        let path = self.join(file);
        serde_json::from_str(&read_text(&path)?).map_err(in_file(&path))
    }

    /// The sum of the seconds that complete stages took.
    pub(super) fn spent_seconds(&self, stages: &[&str]) -> Result<f64, Failure> {
        let seconds = |name: &&str| Ok(self.record(name)?.map_or(0.0, |record| record.seconds));
        stages.iter().map(seconds).sum()
    }

    fn record(&self, stage: &str) -> Result<Option<StageRecord>, Failure> {
        self.read(&record_path(stage))
    }

    fn made_from(&self, stage: &Stage<'_>) -> Result<Value, Failure> {
        let mut stages = BTreeMap::new();
        for name in stage.after {
            let files = self.record(name)?.and_then(|record| record.files);
            let files = files.ok_or_else(|| format!("stage {}: expected {name} to be complete", stage.name))?;
            stages.insert(*name, files);
        }
        Ok(json!({ "settings": stage.settings, "stages": stages }))
    }

    fn state(&self, record: &StageRecord, made_from: &Value) -> StageState {
        if let Some(difference) = differences(&record.made_from, made_from).first() {
            return StageState::Stale(format!("it was made from something else ({difference})"));
        }
        let Some(files) = &record.files else { return StageState::Interrupted };
        let is_as_made = |name: &str, digest: &str| file_digest(self.join(name)).is_ok_and(|found| found == digest);
        match files.iter().find(|(name, digest)| !is_as_made(name, digest)) {
            Some((name, _)) => StageState::Stale(format!("{name} has changed or is missing")),
            None => StageState::Complete,
        }
    }
}

/// How a stage that was begun before stands.
enum StageState {
    /// Its files are there, and are what it would make now.
    Complete,
    /// It did not end, and can go on.
    Interrupted,
    /// It has to be done again, for this reason.
    Stale(String),
}

fn record_path(stage: &str) -> String {
    format!("{RECORDS_FOLDER}/{stage}.json")
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<(), Failure> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(in_file(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn stage<'a>(name: &'a str, files: &'a [&'a str], after: &'a [&'a str], size: usize) -> Stage<'a> {
        Stage::new(name, files, after).with_settings(json!({ "size": size }))
    }

    /// Completes two stages, of which the second reads what the first made, and counts how often each is done.
    fn both(folder: &FitFolder, size: usize, counts: &Cell<[usize; 2]>) {
        let done = |at: usize| {
            let mut all = counts.get();
            all[at] += 1;
            counts.set(all);
        };
        let first: usize = folder
            .value(&stage("first", &["first.json"], &[], size), || {
                done(0);
                Ok(size / 10)
            })
            .unwrap();
        let second = stage("second", &["second.txt"], &["first"], 0);
        folder
            .complete(&second, || {
                done(1);
                crate::files::write(&folder.join("second.txt"), format!("{first}"))
            })
            .unwrap();
    }

    #[test]
    fn a_stage_is_done_once_and_again_only_if_something_changed() {
        let place = tempfile::tempdir().unwrap();
        let folder = FitFolder::open(place.path(), &json!({ "seed": 1 })).unwrap();
        let counts = Cell::new([0, 0]);
        both(&folder, 30, &counts);
        both(&folder, 30, &counts);
        assert_eq!(counts.get(), [1, 1]);
        both(&folder, 31, &counts);
        assert_eq!(counts.get(), [2, 1], "the first makes the same from another size");
        both(&folder, 40, &counts);
        assert_eq!(counts.get(), [3, 2]);
        crate::files::write(&folder.join("second.txt"), "edited").unwrap();
        both(&folder, 40, &counts);
        assert_eq!((counts.get(), read_text(&folder.join("second.txt")).unwrap().as_str()), ([3, 3], "4"));
        fs::remove_file(folder.join("first.json")).unwrap();
        both(&folder, 40, &counts);
        assert_eq!(counts.get(), [4, 3], "the second is made from the same as before");
        assert!(folder.spent_seconds(&["first", "second", "third"]).unwrap() < 10.0);
    }

    #[test]
    fn an_interrupted_stage_goes_on_with_what_it_left() {
        let place = tempfile::tempdir().unwrap();
        let folder = FitFolder::open(place.path(), &json!({})).unwrap();
        let one = stage("one", &["one.txt"], &[], 0);
        let path = folder.join("one.txt");
        let failed = folder.complete(&one, || {
            crate::files::write(&path, "half")?;
            Err("interrupted".into())
        });
        assert_eq!(failed.unwrap_err().to_string(), "interrupted");
        folder.complete(&one, || crate::files::write(&path, read_text(&path)? + " and whole")).unwrap();
        assert_eq!(read_text(&path).unwrap(), "half and whole");
        // What was left of a stage that is made from something else now is of no use.
        let scratch = folder.join("checkpoint");
        crate::files::create_folder(&scratch).unwrap();
        let other = stage("one", &["one.txt"], &[], 1).with_scratch(&["checkpoint"]);
        assert!(folder.complete(&other, || Err("interrupted".into())).is_err());
        assert!(!path.exists() && !scratch.exists());
        crate::files::create_folder(&scratch).unwrap();
        folder.complete(&other, || crate::files::write(&path, "new")).unwrap();
        assert!(scratch.exists(), "it was made from the same");
    }

    #[test]
    fn other_settings_and_other_processes_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let folder = FitFolder::open(place.path(), &json!({ "seed": 1, "models": { "draft": "a" } })).unwrap();
        let held = FitFolder::open(place.path(), &json!({ "seed": 1 })).err().unwrap().to_string();
        assert!(held.contains("fit.lock") && held.contains("holds the lock"), "{held}");
        drop(folder);
        let other =
            FitFolder::open(place.path(), &json!({ "seed": 1, "models": { "draft": "b" } })).err().unwrap().to_string();
        assert!(other.contains("models.draft: \"a\", then \"b\"") && other.contains("--out"), "{other}");
        let missing = FitFolder::open(place.path(), &json!({ "seed": 1, "models": { "draft": "a" } })).unwrap();
        let error = missing.complete(&stage("second", &[], &["first"], 0), || Ok(())).unwrap_err().to_string();
        assert!(error.contains("expected first to be complete"), "{error}");
    }
}
