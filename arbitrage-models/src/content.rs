//! What a file is that should hold a model and does not, told from its first bytes or its name.

use std::path::Path;

use arbitrage_core::text::excerpt;

use crate::error::Error;

/// Bytes that are looked at.
const HEAD_BYTES: usize = 4096;

const GET_FILE: &str = "download the file itself";
const UNPACK: &str = "unpack it, and open the model inside";
/// What to do with weights of another framework.
pub(crate) const CONVERT: &str = "take the model in safetensors or GGUF, or convert it with transformers: \
     `AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(OUT)`";
const OLD_GGML: &str = "take the model in GGUF; current programs no longer read or convert this format";

/// A format that is known by bytes at a fixed place: where, which, what it is, and what to do.
type Signature = (usize, &'static [u8], &'static str, &'static str);

const SIGNATURES: [Signature; 22] = [
    (
        0,
        b"version https://git-lfs.github.com/",
        "a Git LFS pointer, not the file itself",
        "run `git lfs pull` in its folder, or download the file",
    ),
    (0, b"# xet version", "a Xet pointer, not the file itself", GET_FILE),
    (0, b"/annex/objects/", "a git-annex pointer, not the file itself", "run `git annex get` on it"),
    (0, b"GGUF", "a GGUF file", "open it by its own path"),
    (0, b"lmgg", "a file in the old format GGML", OLD_GGML),
    (0, b"fmgg", "a file in the old format GGMF", OLD_GGML),
    (0, b"tjgg", "a file in the old format GGJT", OLD_GGML),
    (0, b"algg", "a LoRA adapter in the old format GGLA", OLD_GGML),
    (0, b"\x1f\x8b", "a file compressed with gzip", UNPACK),
    (0, b"BZh", "a file compressed with bzip2", UNPACK),
    (0, b"\xfd7zXZ\0", "a file compressed with xz", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a file compressed with zstd", UNPACK),
    (0, b"\x04\x22\x4d\x18", "a file compressed with lz4", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (0, b"\x89HDF\r\n", "an HDF5 file (TensorFlow or Keras)", CONVERT),
    (4, b"TFL3", "a TensorFlow Lite model", CONVERT),
    (0, b"\x93NUMPY", "a NumPy array", CONVERT),
    (0, b"MZqFpD", "a llamafile", "take the GGUF file out of it with `unzip`"),
    (0, b"\x7fELF", "a program", "name a model's file"),
    (0, b"%PDF", "a PDF document", "name a model's file"),
];

/// Formats without a signature, by the end of a file's name, and what they are.
const EXTENSIONS: [(&str, &str); 14] = [
    (".bin", "weights of PyTorch (pickle)"),
    (".pt", "weights of PyTorch (pickle)"),
    (".pth", "weights of PyTorch (pickle)"),
    (".ckpt", "a checkpoint of PyTorch or TensorFlow"),
    (".onnx", "an ONNX model"),
    (".msgpack", "weights of Flax"),
    (".h5", "weights of TensorFlow or Keras"),
    (".tflite", "a TensorFlow Lite model"),
    (".ot", "weights of rust-bert"),
    (".npz", "weights of NumPy or MLX"),
    (".mlmodel", "a Core ML model"),
    (".mlpackage", "a Core ML model"),
    (".engine", "a TensorRT engine"),
    (".nemo", "a NeMo archive"),
];

/// What something is, and what to do about it.
pub(crate) type Finding = (String, String);

/// What the file called `name` is by the end of its name, if that tells a format that is not read.
pub(crate) fn by_name(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    EXTENSIONS.iter().find(|(extension, _)| name.ends_with(extension)).map(|(_, what)| *what)
}

/// The error of a file that stands in for another, such as a pointer of Git LFS or the page of a failed download; `None` where the
/// bytes may be what was asked for.
pub(crate) fn stand_in(path: &Path, bytes: &[u8]) -> Option<Error> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    signature(head).or_else(|| page(head)).map(|(what, advice)| Error::not_a_model(path, what, advice))
}

/// The error of a weight file that is neither GGUF nor safetensors but something else that is known; `None` where nothing tells.
pub(crate) fn not_weights(path: &Path, bytes: &[u8]) -> Option<Error> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let named = || by_name(&name).map(|what| (what.to_owned(), CONVERT.to_owned()));
    let found = signature(head)
        .or_else(|| page(head))
        .or_else(|| archive_or_pickle(head))
        .or_else(|| one_of_a_folder(path, head))
        .or_else(|| piece(&name))
        .or_else(|| empty_or_zero(bytes))
        .or_else(|| text(head))
        .or_else(named);
    found.map(|(what, advice)| Error::not_a_model(path, what, advice))
}

/// A finding, as the functions that look for one return it.
pub(crate) fn finding(what: impl Into<String>, advice: impl Into<String>) -> Option<Finding> {
    Some((what.into(), advice.into()))
}

/// Whether bytes may begin a safetensors file: a length below 4 GiB, and a JSON object.
pub(crate) fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.len() > 8 && bytes[4..8] == [0; 4] && bytes[8] == b'{'
}

fn signature(head: &[u8]) -> Option<Finding> {
    let matches = |(at, bytes, ..): &&Signature| head.get(*at..).is_some_and(|rest| rest.starts_with(bytes));
    let (_, _, what, advice) = SIGNATURES.iter().find(matches)?;
    finding(*what, *advice)
}

/// A page of a website, such as a login form, that was saved in place of a file.
fn page(head: &[u8]) -> Option<Finding> {
    let start = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_lowercase();
    let is_page = ["<!doctype html", "<html", "<head", "<?xml", "<error"].iter().any(|tag| start.starts_with(tag));
    let advice = "the download failed: download the file again, logged in if the model asks for that";
    is_page.then(|| finding("a web page (HTML or XML), not the file itself", advice)).flatten()
}

/// PyTorch writes zip archives that hold a pickle, and wrote bare pickles before.
fn archive_or_pickle(head: &[u8]) -> Option<Finding> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let is_torch = head.windows(8).any(|window| window == b"data.pkl");
        return if is_torch { finding("weights of PyTorch (zip)", CONVERT) } else { finding("a zip archive", UNPACK) };
    }
    matches!(head, [0x80, 2..=5, ..]).then(|| finding("weights of PyTorch (pickle)", CONVERT)).flatten()
}

/// A file of a Hugging Face folder, which is opened as a whole.
fn one_of_a_folder(path: &Path, head: &[u8]) -> Option<Finding> {
    let is_json = head.trim_ascii_start().starts_with(b"{");
    let what = match () {
        () if is_safetensors(head) => "a safetensors file",
        () if is_json && head.windows(13).any(|window| window == b"schemaVersion") => {
            return finding("a manifest of Ollama", "open the largest file that it names, in the folder `blobs`");
        }
        () if is_json && path.extension().is_some_and(|extension| extension == "json") => "a JSON file",
        () => return None,
    };
    let folder = path.parent().filter(|folder| folder.join("config.json").is_file());
    match folder {
        Some(folder) if folder.as_os_str().is_empty() => finding(what, "open its folder, `.`"),
        Some(folder) => finding(what, format!("open its folder, `{}`", folder.display())),
        None => finding(what, "open a folder that holds it with `config.json` and `tokenizer.json`, or a GGUF file"),
    }
}

/// A part of a file that was cut into pieces for uploading.
fn piece(name: &str) -> Option<Finding> {
    let is_piece = [".gguf.part", ".gguf-split-", ".gguf-part-"].iter().any(|mark| name.contains(mark));
    is_piece.then(|| finding("a piece of a GGUF file", "join the pieces in their order with `cat`")).flatten()
}

fn empty_or_zero(bytes: &[u8]) -> Option<Finding> {
    const AGAIN: &str = "the download has not finished: download it again";
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    match head {
        [] => finding("an empty file", AGAIN),
        _ if head.len() >= 16 && head.iter().all(|byte| *byte == 0) => finding("a file of zeros", AGAIN),
        _ => None,
    }
}

/// Words instead of weights, such as the answer of a server that did not have the file.
fn text(head: &[u8]) -> Option<Finding> {
    let text = std::str::from_utf8(head).ok().filter(|text| text.len() >= 8)?;
    let is_text = text.chars().all(|c| !c.is_control() || c.is_whitespace());
    let start: String = text.trim().chars().take(40).collect();
    is_text.then(|| finding(format!("a text file, which begins with `{}`", excerpt(&start)), GET_FILE)).flatten()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{not_weights, stand_in};

    fn what(name: &str, bytes: &[u8]) -> String {
        not_weights(Path::new(name), bytes).map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn formats_are_told_from_their_first_bytes() {
        let tar = [&[b'x'; 257][..], b"ustar\0"].concat();
        let torch = b"PK\x03\x04\0\0\0\0\0\0archive/data.pklFB";
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
        let table: [(&[u8], &str, &str); 18] = [
            (pointer, "a Git LFS pointer", "git lfs pull"),
            (b"/annex/objects/MD5E-s3--0.gguf\n", "a git-annex pointer", "git annex get"),
            (b" \n<!DOCTYPE html><title>Log in</title>", "a web page", "download the file again"),
            (b"\xef\xbb\xbf<HTML>", "a web page", "download"),
            (b"<?xml version='1.0'?><Error>", "a web page", "download"),
            (b"tjgg\x03\0\0\0", "GGJT", "GGUF"),
            (b"lmgg\0\0\0\0", "GGML", "GGUF"),
            (b"algg\x01\0\0\0", "a LoRA adapter", "GGUF"),
            (b"\x1f\x8b\x08\0", "gzip", "unpack"),
            (&tar, "a tar archive", "unpack"),
            (b"PK\x03\x04\x14\0model.gguf", "a zip archive", "unpack"),
            (torch, "PyTorch (zip)", "save_pretrained"),
            (b"\x80\x02\x8a\x0al\xfc\x9cF", "PyTorch (pickle)", "save_pretrained"),
            (b"\x89HDF\r\n\x1a\n", "HDF5", "save_pretrained"),
            (b"MZqFpD='\n", "a llamafile", "unzip"),
            (b"", "an empty file", "download it again"),
            (&[0; 64], "a file of zeros", "download it again"),
            (b"Entry not found", "a text file, which begins with `Entry not found`", "download"),
        ];
        for (bytes, name, advice) in table {
            let message = what("model.gguf", bytes);
            assert!(message.starts_with("model.gguf: ") && message.contains(name), "{name}: {message}");
            assert!(message.contains(advice) && !message.contains('\n'), "{name}: {message}");
        }
    }

    #[test]
    fn what_has_no_signature_is_told_by_its_name() {
        let bytes = b"\x08\x07\x12\x07pytorch\xff";
        assert!(what("decoder_model.ONNX", bytes).contains("an ONNX model"));
        assert!(what("flax_model.msgpack", bytes).contains("weights of Flax"));
        assert!(what("m.gguf.part2of3", bytes).contains("with `cat`"));
        assert_eq!(what("model.gguf", bytes), "");
    }

    #[test]
    fn files_of_a_folder_name_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.safetensors");
        let bytes = b"\x10\0\0\0\0\0\0\0{\"a\":{}}";
        let alone = not_weights(&file, bytes).unwrap().to_string();
        assert!(alone.contains("a safetensors file; open a folder that holds it"), "{alone}");
        std::fs::write(folder.path().join("config.json"), "{}").unwrap();
        let expected = format!("open its folder, `{}`", folder.path().display());
        assert!(not_weights(&file, bytes).unwrap().to_string().ends_with(&expected));
        assert!(not_weights(&folder.path().join("config.json"), b"{}").unwrap().to_string().ends_with(&expected));
    }

    #[test]
    fn json_and_templates_may_be_what_was_asked_for() {
        for bytes in [&b"{\"a\": 1}"[..], b"", b"{% for m in messages %}", b"{{ bos_token }}<html>"] {
            assert!(stand_in(Path::new("x"), bytes).is_none());
        }
        assert!(stand_in(Path::new("x"), b"version https://git-lfs.github.com/spec/v1\n").is_some());
    }
}
