//! Split GGUF files of the hub: all parts are downloaded, and the model is opened from the first.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::hub_sandbox::{Cache, ONE, TWO, names};
use super::server::{Fault, digest};
use crate::Error;
use crate::source::known_digest;
use crate::weights::gguf::MetadataValue;
use crate::weights::writer::GgufWriter;
use crate::weights::{Gguf, WeightSource as _};

const PARTS: [&str; 3] =
    ["q/m-Q8_0-00001-of-00003.gguf", "q/m-Q8_0-00002-of-00003.gguf", "q/m-Q8_0-00003-of-00003.gguf"];

/// A hub with a model in three parts that can be opened, beside other files.
fn cache() -> Cache {
    let parts = contents();
    let parts = PARTS.iter().copied().zip(parts.iter().map(Vec::as_slice));
    let files: Vec<(&str, &[u8])> = parts.chain([("README.md", &b"text"[..]), ("m-Q4_0.gguf", b"other")]).collect();
    Cache::new(&files)
}

fn whole() -> Gguf {
    Gguf::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny/gguf/qwen3-q8_0-tied.gguf")).unwrap()
}

/// The parts of a real file, as llama.cpp splits it.
fn contents() -> Vec<Vec<u8>> {
    let (file, folder) = (whole(), tempfile::tempdir().unwrap());
    let (path, names) = (folder.path().join("part.gguf"), file.names());
    let part = |number: u16, tensors: &[String]| {
        let mut writer = GgufWriter::new();
        if number == 0 {
            writer =
                file.all_metadata().iter().fold(writer, |writer, (key, value)| writer.metadata(key, value.clone()));
        }
        for (key, value) in [("split.no", number), ("split.count", PARTS.len() as u16)] {
            writer = writer.metadata(key, MetadataValue::U16(value));
        }
        let writer = tensors.iter().fold(writer, |writer, name| writer.tensor(file.get(name).unwrap().unwrap()));
        writer.write(&path).unwrap();
        fs::read(&path).unwrap()
    };
    vec![part(0, &names[..1]), part(1, &names[1..5]), part(2, &names[5..])]
}

fn place(cache: &Cache, part: usize) -> PathBuf {
    cache.path(&format!("hf/owner/fake@{ONE}/{}", PARTS[part]))
}

#[test]
fn every_name_of_a_split_file_is_the_whole_model() {
    for name in ["Q8_0", PARTS[0], PARTS[1]] {
        let mut cache = cache();
        let name = format!("hf:owner/fake:{name}");
        let path = cache.resolve(&name).unwrap();
        assert_eq!(path, place(&cache, 0), "{name}");
        assert_eq!(cache.resolves_from_cache(&name), path);
        assert_eq!(Gguf::open(&path).unwrap().names(), whole().names());
        // Nothing else was downloaded, and no part's digest is taken for the model's.
        assert_eq!((names(path.parent().unwrap()).len(), known_digest(&path)), (3, None));
    }
}

#[test]
fn all_parts_are_recorded_and_checked() {
    let mut cache = cache();
    let path = cache.resolve("hf:owner/fake:Q8_0").unwrap();
    let file =
        |(name, content): (&str, Vec<u8>)| json!({"name": name, "bytes": content.len(), "sha256": digest(&content)});
    let files: Vec<_> = PARTS.into_iter().zip(contents()).map(file).collect();
    let record = json!({"model": "hf:owner/fake:Q8_0", "commit": ONE, "files": files});
    assert_eq!(cache.record("owner/fake/main/Q8_0.json"), record);

    // A part that changed or went is downloaded again, from the recorded commit and alone.
    let content = fs::read(place(&cache, 1)).unwrap();
    for change in [|path: &Path| fs::write(path, "other").unwrap(), |path: &Path| fs::remove_file(path).unwrap()] {
        change(&place(&cache, 1));
        cache.settings.offline = true;
        assert!(cache.error("hf:owner/fake:Q8_0").contains(PARTS[1]));
        cache.settings.offline = false;
        cache.server.requests();
        assert_eq!(cache.resolve("hf:owner/fake:Q8_0").unwrap(), path);
        assert!(cache.server.requests().iter().all(|request| request.contains(PARTS[1])));
        assert_eq!(fs::read(place(&cache, 1)).unwrap(), content);
    }
    // An update takes what did not change from the cache.
    cache.commit(TWO, PARTS[2], &contents()[1]);
    cache.settings.update = true;
    cache.server.requests();
    let new = cache.resolve("hf:owner/fake:Q8_0").unwrap();
    assert_eq!(new, cache.path(&format!("hf/owner/fake@{TWO}/{}", PARTS[0])));
    let requests = cache.server.requests();
    assert!(requests.iter().all(|request| request.contains(PARTS[2]) || request.contains("/api/")), "{requests:?}");
}

#[test]
fn a_download_that_was_interrupted_between_or_inside_parts_is_continued() {
    let mut cache = cache();
    let contents = contents();
    // What a process that was killed leaves: the first part under its name, some of the second, and no record.
    let staging = cache.path(&format!(".pull/hf/owner/fake@{ONE}/{}", PARTS[1]));
    fs::create_dir_all(&staging).unwrap();
    fs::create_dir_all(place(&cache, 0).parent().unwrap()).unwrap();
    fs::write(place(&cache, 0), &contents[0]).unwrap();
    fs::write(staging.join("hub"), &contents[1][..100]).unwrap();
    cache.settings.offline = true;
    assert!(cache.error("hf:owner/fake:Q8_0").contains("nothing is recorded"));
    cache.settings.offline = false;
    let path = cache.resolve("hf:owner/fake:Q8_0").unwrap();
    assert_eq!(cache.server.requested(), ["100-", "0-"]);
    assert_eq!(Gguf::open(&path).unwrap().names(), whole().names());
}

#[test]
fn a_part_with_wrong_bytes_is_not_kept_and_the_others_are() {
    let mut cache = cache();
    let listing = cache.server.repository().true_listing();
    cache.server.repository().listing = Some(listing);
    cache.server.repository().files.get_mut(PARTS[1]).unwrap()[50] ^= 1;
    let message = cache.error("hf:owner/fake:Q8_0");
    assert!(message.contains(PARTS[1]) && message.contains("the file there has SHA-256"), "{message}");
    cache.server.repository().fault = Fault::Wrong; // the hub says nothing of the digest, and sends other bytes
    assert!(matches!(cache.resolve("hf:owner/fake:Q8_0"), Err(Error::Digest { .. })));
    assert!(place(&cache, 0).exists() && !place(&cache, 1).exists() && !cache.path("hub-lock").exists());
    {
        let mut repository = cache.server.repository();
        (repository.fault, repository.listing) = (Fault::None, None);
        repository.files.get_mut(PARTS[1]).unwrap()[50] ^= 1;
    }
    cache.server.requests();
    cache.resolve("hf:owner/fake:Q8_0").unwrap();
    assert!(!cache.server.requests().iter().any(|request| request.contains(PARTS[0])));
    cache.resolves_from_cache("hf:owner/fake:Q8_0");
}

#[test]
fn a_part_that_the_repository_lacks_is_named_before_anything_is_downloaded() {
    let cache = cache();
    cache.server.repository().files.remove(PARTS[2]);
    for name in ["Q8_0", PARTS[0], PARTS[1]] {
        let error = cache.resolve(&format!("hf:owner/fake:{name}")).unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }));
        assert!(error.to_string().contains(&format!("without its part `{}`", PARTS[2])), "{error}");
    }
    assert_eq!(cache.server.requested(), [""; 0]);
    assert!(!cache.path("hf").exists());
}

#[test]
fn parts_that_a_user_put_there_need_no_hub() {
    let mut cache = Cache::new(&[]);
    let name = format!("hf:owner/fake:{}", PARTS[1]);
    let folder = cache.path("hf/owner/fake");
    fs::create_dir_all(folder.join("q")).unwrap();
    for (part, content) in PARTS.into_iter().zip(contents()) {
        cache.settings.offline = true;
        let message = cache.error(&name);
        let first = folder.join(PARTS[0]);
        assert!(message.contains(&format!("the 3 parts of the file side by side, the first at {}", first.display())));
        fs::write(folder.join(part), content).unwrap();
    }
    cache.settings.offline = false;
    assert_eq!(cache.resolves_from_cache(&name), folder.join(PARTS[0]));
}

#[test]
fn the_cache_of_hugging_faces_tools_has_a_split_file_if_it_has_all_parts() {
    let mut cache = Cache::new(&[]);
    let theirs = cache.folder.path().join("theirs");
    let snapshot = theirs.join("models--owner--fake/snapshots").join(TWO);
    fs::create_dir_all(snapshot.join("q")).unwrap();
    fs::create_dir_all(theirs.join("models--owner--fake/refs")).unwrap();
    fs::write(theirs.join("models--owner--fake/refs/main"), TWO).unwrap();
    cache.settings.hub_cache = Some(theirs);
    let both = ["hf:owner/fake:Q8_0".to_owned(), format!("hf:owner/fake:{}", PARTS[0])];
    for (part, content) in PARTS.into_iter().zip(contents()) {
        cache.settings.offline = true;
        assert!(both.iter().all(|name| cache.resolve(name).is_err()), "without {part}");
        fs::write(snapshot.join(part), content).unwrap();
    }
    cache.settings.offline = false;
    for name in both {
        assert_eq!(cache.resolves_from_cache(&name), snapshot.join(PARTS[0]), "{name}");
    }
}

#[test]
fn a_digest_in_the_users_list_is_that_of_one_file() {
    let cache = cache();
    fs::create_dir_all(&cache.settings.cache).unwrap();
    for part in ["Q8_0", PARTS[0]] {
        let entry = json!({"hub": format!("hf:owner/fake:{part}"), "sha256": digest(&contents()[0])});
        fs::write(&cache.settings.models, json!({"mine": entry}).to_string()).unwrap();
        assert!(cache.error("mine").contains("several files have no size and digest in common"));
        assert_eq!(cache.settings.cached_from_hub(&cache.settings.user_models().unwrap()[0].hub), None);
    }
}
