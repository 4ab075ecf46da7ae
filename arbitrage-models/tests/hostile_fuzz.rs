//! Valid files with a few bytes changed or cut off: they open or give a typed error, quickly, and never panic.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arbitrage_models::Error;
use arbitrage_models::chat::{ChatTemplate, Message};
use arbitrage_models::config::ModelConfig;
use arbitrage_models::tokenizer::{EncodeMode, GgufVocabulary, Tokenizer};
use arbitrage_models::weights::writer::{GgufWriter, write_safetensors};
use arbitrage_models::weights::{DType, Gguf, SafetensorsFolder, TensorView, scan_finite};
use proptest::prelude::*;

const MAX_TIME: Duration = Duration::from_secs(1);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny").join(name)
}

/// Uses everything that a tokenizer does.
fn use_tokenizer(tokenizer: &Tokenizer) -> Result<(), Error> {
    let prompt = ChatTemplate::for_tokenizer(tokenizer)?.render(&[Message::user("How many eggs?")], true)?;
    let ids = tokenizer.encode_prompt(&prompt)?;
    tokenizer.encode(&prompt, EncodeMode::Continuation)?;
    tokenizer.decode(&ids).map(drop)
}

/// Reads all parts of a GGUF file, each also if another fails.
fn use_gguf(path: &Path) -> Vec<Error> {
    let file = match Gguf::open(path) {
        Ok(file) => file,
        Err(error) => return vec![error],
    };
    let tokenizer = GgufVocabulary::read(&file).and_then(Tokenizer::from_gguf).and_then(|it| use_tokenizer(&it));
    [ModelConfig::from_gguf(&file).map(drop), tokenizer, scan_finite(&file)]
        .into_iter()
        .filter_map(Result::err)
        .collect()
}

/// Reads all parts of a folder.
fn use_folder(path: &Path) -> Vec<Error> {
    let config = path.join("config.json");
    let text = std::fs::read_to_string(&config).map_err(|error| Error::io(&config, error));
    let shape = text.and_then(|text| ModelConfig::from_json(&config, &text)).map(drop);
    let tokenizer = Tokenizer::from_folder(path).and_then(|it| use_tokenizer(&it));
    let weights = SafetensorsFolder::open(path).and_then(|folder| scan_finite(&folder));
    [shape, tokenizer, weights].into_iter().filter_map(Result::err).collect()
}

/// How a file is damaged.
#[derive(Debug, Clone)]
struct Damage {
    /// Position, relative to the damaged part, and the byte that is written there.
    bytes: Vec<(prop::sample::Index, u8)>,
    cut: Option<prop::sample::Index>,
    /// Whether only the header is damaged, as in most cases, since headers are small.
    header_only: bool,
}

impl Damage {
    fn any() -> impl Strategy<Value = Self> {
        let bytes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
        let cut = prop::option::weighted(0.2, any::<prop::sample::Index>());
        (bytes, cut, prop::bool::weighted(0.8)).prop_map(|(bytes, cut, header_only)| Self { bytes, cut, header_only })
    }

    fn apply_to(&self, file: &mut Vec<u8>, header: usize) {
        let part = if self.header_only { header.min(file.len()) } else { file.len() };
        for (at, byte) in &self.bytes {
            file[at.index(part)] = *byte;
        }
        if let Some(at) = &self.cut {
            file.truncate(at.index(part));
        }
    }
}

/// Messages name the file and are short.
fn check(errors: &[Error], folder: &Path, elapsed: Duration) -> Result<(), TestCaseError> {
    for error in errors {
        let message = error.to_string();
        prop_assert!(message.contains(&folder.display().to_string()), "{message}");
        prop_assert!(message.len() < 4096, "{} bytes", message.len());
    }
    prop_assert!(elapsed < MAX_TIME, "{elapsed:?}: {errors:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_gguf_file(damage in Damage::any(), name in prop::sample::select(vec!["llama2-q4_0", "qwen2-q4_1-tied"])) {
        let mut file = std::fs::read(fixture(&format!("gguf/{name}.gguf"))).unwrap();
        damage.apply_to(&mut file, 8000);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, file).unwrap();
        let start = Instant::now();
        let errors = use_gguf(&path);
        check(&errors, folder.path(), start.elapsed())?;
    }

    #[test]
    fn a_damaged_folder(damage in Damage::any(), hit in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let mut files: Vec<_> = std::fs::read_dir(fixture("hf/llama3-bf16-sharded")).unwrap().flatten().collect();
        files.sort_by_key(|file| file.file_name());
        files.retain(|file| !["logits.f32", "expected.json"].iter().any(|name| file.file_name() == *name));
        let hit = hit.index(files.len());
        for (at, file) in files.iter().enumerate() {
            let mut content = std::fs::read(file.path()).unwrap();
            if at == hit {
                damage.apply_to(&mut content, 3000);
            }
            std::fs::write(folder.path().join(file.file_name()), content).unwrap();
        }
        let start = Instant::now();
        let errors = use_folder(folder.path());
        check(&errors, folder.path(), start.elapsed())?;
    }
}

/// Checks that the file is refused if it is cut at any byte.
fn check_every_cut(whole: &[u8], name: &str, open: fn(&Path) -> Result<(), Error>) {
    let folder = tempfile::tempdir().unwrap();
    for length in 0..whole.len() {
        let path = folder.path().join(format!("{length}-{name}"));
        std::fs::write(&path, &whole[..length]).unwrap();
        match open(&path) {
            Err(Error::Truncated { path: reported, expected, found }) => {
                assert_eq!((&reported, found), (&path, length as u64));
                assert!(expected > found && expected <= whole.len() as u64, "{length}: {expected} expected");
            }
            Err(Error::NotAModel { what, .. }) if length == 0 => assert_eq!(what, "an empty file"),
            other => panic!("cut at {length}: {other:?}"),
        }
        std::fs::remove_file(path).unwrap();
    }
}

fn tensors() -> [TensorView<'static>; 2] {
    let view = |name, bytes: &'static [u8]| TensorView { name, dtype: DType::F32, shape: &[4, 2], bytes };
    [view("model.norm.weight", &[0; 32]), view("lm_head.weight", &[1; 32])]
}

#[test]
fn a_gguf_file_cut_at_any_byte() {
    let writer = GgufWriter::new().metadata("general.architecture", "llama").metadata("llama.block_count", 2u32);
    let whole = tensors().into_iter().fold(writer, GgufWriter::tensor).to_bytes().unwrap();
    check_every_cut(&whole, "model.gguf", |path| Gguf::open(path).map(drop));
}

#[test]
fn a_safetensors_file_cut_at_any_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole");
    write_safetensors(&path, &tensors()).unwrap();
    let whole = std::fs::read(path).unwrap();
    check_every_cut(&whole, "model.safetensors", |path| SafetensorsFolder::open(path).map(drop));
}
