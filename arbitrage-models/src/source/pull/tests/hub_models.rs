//! Models on the hub by their addresses: labels, folders, revisions, records.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::hub_sandbox::{Cache, ONE, QUANTISED, TWO, folder_files, names};
use super::server::{Fault, digest};
use crate::Error;
use crate::source::{ModelSource, Progress, known_digest};

#[test]
fn a_label_is_the_file_that_ends_in_it() {
    let mut cache = Cache::new(&QUANTISED);
    let path = cache.resolve("hf:owner/fake:q4_k_m").unwrap();
    assert_eq!(path, cache.path(&format!("hf/owner/fake@{ONE}/m-Q4_K_M.gguf")));
    assert_eq!(fs::read(&path).unwrap(), b"four bits");
    assert_eq!(known_digest(&path), Some(digest(b"four bits")));
    assert_eq!(cache.resolves_from_cache("hf:owner/fake:q4_k_m"), path);
    let file = json!({"name": "m-Q4_K_M.gguf", "bytes": 9, "sha256": digest(b"four bits")});
    let record = json!({"model": "hf:owner/fake:Q4_K_M", "commit": ONE, "files": [file]});
    assert_eq!(cache.record("owner/fake/main/Q4_K_M.json"), record);
    let error = cache.resolve("hf:owner/fake:Q5_K_M").unwrap_err();
    assert!(matches!(error, Error::Parameter { .. }));
    assert!(error.to_string().contains("one of F16, Q4_K_M, Q8_0"), "{error}");
}

#[test]
fn a_file_of_any_repository_is_checked_against_the_hubs_own_digest() {
    let mut cache = Cache::new(&QUANTISED);
    let path = cache.resolve("hf:owner/fake:sub/m-F16.gguf").unwrap();
    assert_eq!(path, cache.path(&format!("hf/owner/fake@{ONE}/sub/m-F16.gguf")));
    assert_eq!(known_digest(&path), Some(digest(b"half")));
    assert_eq!(cache.resolves_from_cache("hf:owner/fake:sub/m-F16.gguf"), path);
    assert!(cache.error("hf:owner/fake:absent.gguf").contains("no file `absent.gguf`"));
}

#[test]
fn a_file_that_a_user_put_there_needs_no_hub() {
    let mut cache = Cache::new(&[]);
    let path = cache.path("hf/owner/fake@v1/mine.gguf");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "mine").unwrap();
    assert_eq!(cache.resolves_from_cache("hf:owner/fake@v1:mine.gguf"), path);
    cache.settings.offline = true;
    let message = cache.error("hf:owner/fake:mine.gguf");
    assert!(message.contains("ARBITRAGE_OFFLINE") && message.contains("hf/owner/fake/mine.gguf"), "{message}");
    assert!(cache.error("hf:owner/fake:Q4_0").contains("`hf download owner/fake`"));
}

#[test]
fn a_repository_of_safetensors_is_a_folder_of_what_a_model_needs() {
    let mut cache = Cache::with_folder();
    let path = cache.resolve("hf:owner/fake").unwrap();
    assert_eq!(path, cache.path(&format!("hf/owner/fake@{ONE}/fake")));
    assert_eq!(names(&path), ["config.json", "model.safetensors", "tokenizer.json"]);
    assert_eq!(cache.resolves_from_cache("hf:owner/fake"), path);
    let record = cache.record("owner/fake/main/repository.json");
    assert_eq!(record["files"][0]["sha256"], digest(b"{\"model_type\": \"qwen2\"}"));

    // A file that changed or went is downloaded again, from the recorded commit and alone.
    for change in [
        |path: &Path| fs::write(path, "{\"model_type\": \"llama\"}").unwrap(),
        |path: &Path| {
            fs::remove_file(path).unwrap();
        },
    ] {
        change(&path.join("config.json"));
        cache.settings.offline = true;
        assert!(cache.error("hf:owner/fake").contains("config.json"));
        cache.settings.offline = false;
        cache.server.requests();
        assert_eq!(cache.resolve("hf:owner/fake").unwrap(), path);
        let requests = cache.server.requests();
        assert!(requests.iter().all(|request| request.contains("config.json")), "{requests:?}");
        assert!(requests[0].ends_with(&format!("/owner/fake/resolve/{ONE}/config.json")), "{requests:?}");
    }
}

#[test]
fn a_repository_of_gguf_files_is_its_usual_one_and_progress_says_so() {
    struct Reports(Vec<String>);
    impl Progress for Reports {
        fn start(&mut self, what: &str, _total: Option<u64>) {
            self.0.push(what.to_owned());
        }
        fn advance(&mut self, _bytes: u64) {}
        fn finish(&mut self) {}
    }
    let cache = Cache::new(&QUANTISED);
    let mut reports = Reports(Vec::new());
    let source = ModelSource::parse("hf:owner/fake").unwrap();
    let path = source.resolve_with(&cache.settings, &mut reports).unwrap();
    assert!(path.ends_with("m-Q4_K_M.gguf"));
    assert_eq!(reports.0[0], "taking m-Q4_K_M.gguf of hf:owner/fake, which has no safetensors");
    let cache = Cache::new(&QUANTISED[2..]);
    assert!(cache.error("hf:owner/fake").contains("expected one of F16, Q8_0"));
}

#[test]
fn a_revision_is_asked_for_and_stays_what_it_was() {
    let mut cache = Cache::new(&QUANTISED);
    let old = cache.resolve("hf:owner/fake@refs/pr/1:Q8_0").unwrap();
    assert_eq!(cache.server.requests()[0], "GET /api/models/owner/fake/revision/refs%2Fpr%2F1?blobs=true");
    cache.commit(TWO, "m-Q8_0.gguf", b"other bits");
    assert_eq!(cache.resolves_from_cache("hf:owner/fake@refs/pr/1:Q8_0"), old);

    cache.settings.update = true;
    let new = cache.resolve("hf:owner/fake@refs/pr/1:Q8_0").unwrap();
    assert_eq!(new, cache.path(&format!("hf/owner/fake@{TWO}/m-Q8_0.gguf")));
    assert_eq!((fs::read(&old).unwrap(), fs::read(&new).unwrap()), (b"eight bits".to_vec(), b"other bits".to_vec()));
    cache.settings.update = false;
    assert_eq!(cache.resolves_from_cache("hf:owner/fake@refs/pr/1:Q8_0"), new);
    assert_eq!(cache.record("owner/fake/refs%2Fpr%2F1/Q8_0.json")["commit"], TWO);
    // An update needs the hub; without it the record stays.
    cache.settings.update = true;
    cache.server.repository().fault = Fault::Status(404);
    assert!(cache.error("hf:owner/fake@refs/pr/1:Q8_0").contains("there is no such file"));
    cache.settings.update = false;
    assert_eq!(cache.resolves_from_cache("hf:owner/fake@refs/pr/1:Q8_0"), new);
}

#[test]
fn an_update_downloads_only_what_changed() {
    let mut cache = Cache::with_folder();
    cache.resolve("hf:owner/fake").unwrap();
    cache.commit(TWO, "config.json", b"{\"model_type\": \"mistral\"}");
    cache.settings.update = true;
    cache.server.requests();
    let path = cache.resolve("hf:owner/fake").unwrap();
    assert_eq!(names(&path), ["config.json", "model.safetensors", "tokenizer.json"]);
    assert!(!cache.server.requests().iter().any(|request| request.contains("model.safetensors")));
}

#[test]
fn a_download_that_was_interrupted_is_continued() {
    let mut cache = Cache::with_folder();
    let weights = [&2u64.to_le_bytes()[..], b"{}"].concat();
    // What a process that was killed leaves: files under their final names, a part of another, and no record.
    let folder = cache.path(&format!("hf/owner/fake@{ONE}/fake"));
    let staging = cache.path(&format!(".pull/hf/owner/fake@{ONE}/fake/model.safetensors"));
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir_all(&staging).unwrap();
    fs::write(folder.join("tokenizer.json"), "{}").unwrap();
    fs::write(staging.join("hub"), &weights[..6]).unwrap();
    cache.settings.offline = true;
    assert!(cache.error("hf:owner/fake").contains("nothing is recorded"));
    cache.settings.offline = false;
    assert_eq!(cache.resolve("hf:owner/fake").unwrap(), folder);
    assert_eq!(cache.server.requested(), ["0-", "6-"]); // config.json, and the rest of the weights
    assert_eq!(fs::read(folder.join("model.safetensors")).unwrap(), weights);
    // A file that fails keeps the others, and the folder is no model until all are there.
    let cache = Cache::with_folder();
    cache.server.repository().files.get_mut("model.safetensors").unwrap().push(b'x');
    let listing = cache.server.repository().true_listing();
    cache.server.repository().listing = Some(listing);
    cache.server.repository().files.remove("model.safetensors");
    assert!(cache.error("hf:owner/fake").contains("there is no such file"));
    assert!(!cache.path("hub-lock").exists());
}

#[test]
fn the_cache_of_hugging_faces_tools_needs_no_hub() {
    let mut cache = Cache::new(&[]);
    let theirs = cache.folder.path().join("theirs");
    let snapshot = theirs.join("models--owner--fake/snapshots").join(TWO);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(theirs.join("models--owner--fake/refs/pr")).unwrap();
    for reference in ["main", "pr/1"] {
        fs::write(theirs.join("models--owner--fake/refs").join(reference), TWO).unwrap();
    }
    cache.settings.hub_cache = Some(theirs);
    fs::write(snapshot.join("m-Q4_0.gguf"), "bits").unwrap();
    for name in ["hf:owner/fake:Q4_0", "hf:owner/fake@pr/1:Q4_0", "hf:owner/fake:m-Q4_0.gguf"] {
        assert_eq!(cache.resolves_from_cache(name), snapshot.join("m-Q4_0.gguf"), "{name}");
    }
    cache.settings.offline = true;
    assert!(cache.error("hf:owner/fake").contains("no safetensors"));
    for (name, content) in folder_files().into_iter().filter(|(name, _)| !name.contains('/')) {
        assert!(cache.resolve("hf:owner/fake").is_err(), "without {name}");
        if name == "model.safetensors" {
            fs::write(snapshot.join(name), "{").unwrap();
            assert!(cache.resolve("hf:owner/fake").is_err());
        }
        fs::write(snapshot.join(name), content).unwrap();
        if name == "model.safetensors" {
            break;
        }
    }
    cache.settings.offline = false;
    for name in ["hf:owner/fake".to_owned(), format!("hf:owner/fake@{TWO}")] {
        assert_eq!(cache.resolves_from_cache(&name), snapshot);
    }
    assert!(!cache.path("hf").exists() && names(&snapshot).len() == 4, "their cache is only read");
}

#[test]
fn a_gated_repository_says_how_to_get_in() {
    let cache = Cache::new(&QUANTISED);
    cache.server.repository().fault = Fault::Status(403);
    let error = cache.resolve("hf:owner/fake:Q4_0").unwrap_err();
    assert!(matches!(error, Error::Source { .. }));
    let page = format!("accept the licence on {}/owner/fake, and set HF_TOKEN", cache.settings.hub);
    assert!(error.to_string().contains(&page), "{error}");
}

#[test]
fn a_listing_is_untrusted() {
    let cache = Cache::new(&QUANTISED);
    let file = |name: &str| json!({"rfilename": name, "size": 1});
    let listing = |commit: &str, files: Vec<serde_json::Value>| json!({"sha": commit, "siblings": files}).to_string();
    let sized = |name: &str, size: serde_json::Value| json!({"rfilename": name, "size": size});
    let digest = |text: &str| json!({"rfilename": "m-Q4_0.gguf", "size": 1, "lfs": {"sha256": text}});
    for (answer, reason) in [
        (listing(ONE, vec![file("../m-Q4_0.gguf")]), "leads out of the repository"),
        (listing(ONE, vec![file("a/../../m-Q4_0.gguf")]), "leads out of the repository"),
        (listing(ONE, vec![file(r"..\m-Q4_0.gguf")]), "leads out of the repository"),
        (listing(ONE, vec![file("/etc/m-Q4_0.gguf")]), "leads out of the repository"),
        (listing(ONE, vec![file(".m-Q4_0.gguf"), file("a b-Q4_0.gguf"), file("a?-Q4_0.gguf")]), "no GGUF file"),
        (listing("../..", vec![file("m-Q4_0.gguf")]), "expected 40 hexadecimal digits"),
        (listing(ONE, vec![digest("../x")]), "expected 64 hexadecimal digits"),
        (listing(ONE, vec![sized("m-Q4_0.gguf", json!(u64::MAX))]), "expected at most"),
        (listing(ONE, vec![sized("m-Q4_0.gguf", json!(-1))]), "no listing of a repository"),
        (listing(ONE, (0..10_001).map(|number| file(&format!("{number}.txt"))).collect()), "10001 files"),
        ("<html>".to_owned(), "no listing of a repository"),
        (" ".repeat((1 << 24) + 1), "more than 16777216 bytes"),
    ] {
        cache.server.repository().listing = Some(answer);
        let message = cache.error("hf:owner/fake:Q4_0");
        assert!(message.contains(reason), "{reason}: {message}");
        assert!(message.len() < 1000 && !cache.path("hf").exists());
    }
    // Other bytes than those that were listed are not kept.
    cache.server.repository().listing = None;
    cache.server.repository().fault = Fault::Wrong;
    assert!(matches!(cache.resolve("hf:owner/fake:Q8_0"), Err(Error::Digest { .. })));
    assert!(!cache.path(&format!("hf/owner/fake@{ONE}/m-Q8_0.gguf")).exists() && !cache.path("hub-lock").exists());
}

#[test]
fn a_model_of_the_users_list_must_be_what_the_list_says() {
    let mut cache = Cache::new(&QUANTISED);
    let list = |sha256: String| {
        let entry = json!({"hub": "hf:owner/fake:Q8_0", "bytes": 10, "sha256": sha256});
        fs::create_dir_all(&cache.settings.cache).unwrap();
        fs::write(&cache.settings.models, json!({"mine": entry}).to_string()).unwrap();
    };
    list(digest(b"eight bits"));
    let path = cache.resolve("mine").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"eight bits");
    let model = cache.settings.user_models().unwrap().remove(0);
    assert_eq!(cache.settings.cached_from_hub(&model.hub), Some(path.clone()));
    list("0".repeat(64));
    let message = cache.error("mine");
    assert!(message.contains(&format!("has SHA-256 {}, expected 0000", digest(b"eight bits"))), "{message}");
    list(digest(b"eight bits"));
    assert_eq!(cache.resolves_from_cache("mine"), path);
}

#[test]
fn two_processes_may_ask_for_one_folder() {
    let cache = Cache::with_folder();
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| cache.resolve("hf:owner/fake").unwrap()));
        let [first, second] = both.map(|thread| thread.join().unwrap());
        assert_eq!(first, second);
    });
    assert_eq!(cache.server.requested().len(), 3);
}
