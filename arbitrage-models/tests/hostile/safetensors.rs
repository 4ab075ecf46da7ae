//! Invalid safetensors files.

use std::path::Path;

use arbitrage_models::Error;
use arbitrage_models::weights::{SafetensorsFolder, scan_finite};

use super::Kind::{Format, Io, NotAModel, NotFinite, Truncated};
use super::build::{entry, safetensors, safetensors_with};
use super::{Case, Kind};

const FILE: &str = "model.safetensors";

/// Opens the folder and reads every value.
pub(crate) fn open(folder: &Path) -> Result<(), Error> {
    scan_finite(&SafetensorsFolder::open(folder)?)
}

/// A case with one file; its message must name it.
fn case(name: &str, content: Vec<u8>, kind: Kind, phrases: &str) -> Case {
    Case::new(format!("safetensors: {name}"), open, kind, &format!("{FILE}|{phrases}")).file(FILE, content)
}

fn header(entries: &[String]) -> String {
    format!("{{{}}}", entries.join(","))
}

/// Cuts and header lengths.
pub(crate) fn lengths() -> Vec<Case> {
    let good = safetensors(&header(&[entry("a", "F32", "[2]", 0, 8)]), 8);
    let with_length = |length: u64| [&length.to_le_bytes()[..], &good[8..]].concat();
    let cut = |bytes: usize| good[..bytes].to_vec();
    vec![
        case("empty", vec![], NotAModel, "an empty file"),
        case("cut in the length", cut(7), Truncated, "8 bytes expected, 7 found"),
        case("cut after the length", cut(8), Truncated, "8 found"),
        case("cut in the header", cut(20), Truncated, "20 found"),
        case("cut in the data", cut(good.len() - 1), Truncated, &format!("{} bytes expected", good.len())),
        case("surplus data", [good.clone(), vec![0]].concat(), Format, "data|1 bytes after it"),
        case("no header", with_length(0), Format, "header|JSON"),
        case("a header of 2^64 - 1", with_length(u64::MAX), Format, "header length|100000000|18446744073709551615"),
        case("a header just too long", with_length(100_000_001), Format, "header length|100000001"),
        case("the longest header", with_length(100_000_000), Truncated, "100000008 bytes expected"),
        case("a header one longer", with_length(good.len() as u64 - 7), Truncated, ""),
        case("a header one shorter", with_length(10), Format, "header|JSON"),
        Case::new("safetensors: absent", open, Format, "model.safetensors|model.safetensors.index.json|neither"),
        Case::new("safetensors: no such folder", |f| open(&f.join("nothing")), Io, "nothing"),
        #[cfg(unix)]
        Case::new("safetensors: a device", open_device, Format, "model.safetensors|file type|a regular file"),
        Case::new("safetensors: a folder", open_folder, Format, "model.safetensors|file type|a folder"),
    ]
}

#[cfg(unix)]
fn open_device(folder: &Path) -> Result<(), Error> {
    std::os::unix::fs::symlink("/dev/zero", folder.join(FILE)).unwrap();
    open(folder)
}

fn open_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir(folder.join(FILE)).unwrap();
    open(folder)
}

/// Headers that are invalid as JSON.
pub(crate) fn json() -> Vec<Case> {
    let of = |name: &str, json: &str, phrases: &str| case(name, safetensors(json, 8), Format, phrases);
    let deep = format!(r#"{{"a":{}"#, "[".repeat(100_000));
    let long = header(&[entry(&"n".repeat(1 << 20), "F32", "[2]", 0, 4)]);
    let field = |json: &str| format!(r#"{{"a":{json}}}"#);
    vec![
        case("not UTF-8", safetensors_with(b"{\"\xFF\":1}", &[]), Format, "header|UTF-8"),
        of("half an object", "{", "header|JSON"),
        of("an array", "[]", "header|an object of tensors"),
        of("null", "null", "header|an object of tensors"),
        of("a number", "7", "header|an object of tensors"),
        of("text after it", "{} x", "header"),
        of("nested 100,000 deep", &deep, "header|`a`"),
        of("a name of a mebibyte", &long, "tensor `nnn|expected 8 bytes for F32 [2]"),
        of("a tensor that is a number", &field("7"), "`a`"),
        of("no type", &field(r#"{"shape":[2],"data_offsets":[0,8]}"#), "`a`|dtype"),
        of("no shape", &field(r#"{"dtype":"F32","data_offsets":[0,8]}"#), "`a`|shape"),
        of("no offsets", &field(r#"{"dtype":"F32","shape":[2]}"#), "`a`|data_offsets"),
        of("a type that is a number", &field(r#"{"dtype":0,"shape":[2],"data_offsets":[0,8]}"#), "`a`"),
        of("a shape that is text", &header(&[entry("a", "F32", "\"2\"", 0, 8)]), "`a`|sequence"),
        of("a negative dimension", &header(&[entry("a", "F32", "[-2]", 0, 8)]), "`a`|-2"),
        of("a broken dimension", &header(&[entry("a", "F32", "[2.5]", 0, 8)]), "`a`|2.5"),
        of("a dimension of 2^64", &header(&[entry("a", "F32", "[18446744073709551616]", 0, 8)]), "`a`"),
        of("a dimension of 10^999", &header(&[entry("a", "F32", "[1e999]", 0, 8)]), "`a`"),
        of("three offsets", &field(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}"#), "header|`a`"),
        of("metadata that are numbers", r#"{"__metadata__":{"n":1}}"#, "`__metadata__`"),
        of("metadata twice", r#"{"__metadata__":{},"__metadata__":{}}"#, "`__metadata__` comes twice"),
    ]
}

/// Tensors that cannot be where the header says.
pub(crate) fn tensors() -> Vec<Case> {
    let of = |name: &str, entries: &[String], data: usize, phrases: &str| {
        case(name, safetensors(&header(entries), data), Format, phrases)
    };
    let one = |name: &str, entry: String, phrases: &str| of(name, &[entry], 8, phrases);
    let u8s = |name: &str, begin, end: u64| entry(name, "U8", &format!("[{}]", end.saturating_sub(begin)), begin, end);
    let half = 1u64 << 62;
    vec![
        one("an unknown type", entry("a", "Q4_X", "[2]", 0, 8), "tensor `a`|F32, F16 or BF16|Q4_X"),
        one("a type that we do not read", entry("a", "I64", "[1]", 0, 8), "tensor `a`|type F32, F16 or BF16|I64"),
        one(
            "8-bit floats",
            entry("a", "F8_E4M3", "[8]", 0, 8),
            "F8_E4M3: the weights are quantised; take the original",
        ),
        one("double precision", entry("a", "F64", "[1]", 0, 8), "F64: convert it to F32"),
        one("too few bytes", entry("a", "F32", "[3]", 0, 8), "tensor `a`|12 bytes for F32 [3]|8 bytes"),
        one("too many bytes", entry("a", "F32", "[1]", 0, 8), "tensor `a`|4 bytes for F32 [1]|8 bytes"),
        one(
            "a shape of 1000 numbers",
            entry("a", "F32", &format!("[{}2]", "1,".repeat(999)), 0, 8),
            "tensor `a`|dimensions, found 1000",
        ),
        one("a shape that overflows", entry("a", "F32", "[4294967296,4294967296]", 0, 8), "tensor `a`|2^61"),
        one("a size that overflows", entry("a", "F32", "[4611686018427387904]", 0, 8), "tensor `a`|2^61"),
        one("half a byte", entry("a", "F4", "[15]", 0, 8), "tensor `a`|whole bytes"),
        one("reversed", entry("a", "F32", "[2]", 8, 0), "tensor `a`|8..0|reversed"),
        one("a hole first", entry("a", "F32", "[1]", 4, 8), "tensor `a`|the start of the data|a hole"),
        one("at the end of all numbers", u8s("a", u64::MAX - 8, u64::MAX), "tensor `a`|a hole"),
        one("larger than any file", u8s("a", 0, half / 8), "tensor `a`|larger than any file"),
        of("overlap", &[u8s("a", 0, 8), u8s("b", 4, 12)], 12, "tensor `b`|offset 8, right after `a`|4..12: an overlap"),
        of("the same bytes", &[u8s("a", 0, 8), u8s("b", 0, 8)], 8, "tensor `b`|an overlap"),
        of("one inside another", &[u8s("a", 0, 8), u8s("b", 2, 4)], 8, "tensor `b`|an overlap"),
        of("a hole", &[u8s("a", 0, 4), u8s("b", 8, 12)], 12, "tensor `b`|offset 4, right after `a`|a hole"),
        of("twice", &[u8s("a", 0, 4), u8s("a", 4, 8)], 8, "`a` comes twice"),
        of("twice, once escaped", &[u8s("a", 0, 4), u8s("\\u0061", 4, 8)], 8, "`a` comes twice"),
        case("a tebibyte", safetensors(&header(&[u8s("a", 0, 1 << 40)]), 8), Truncated, "1099511627"),
    ]
    .into_iter()
    .chain(values())
    .collect()
}

/// NaN and infinite weights.
fn values() -> Vec<Case> {
    let of = |dtype: &str, values: &[u8], size: usize| {
        let count = values.len() / size;
        let header = header(&[entry("w", dtype, &format!("[{count}]"), 0, values.len() as u64)]);
        let name = format!("{dtype} that is not finite");
        Case::new(format!("safetensors: {name}"), open, NotFinite, &format!("tensor `w`|(index {})", count - 1))
            .file(FILE, safetensors_with(header.as_bytes(), values))
    };
    let f32s: Vec<u8> = [1.0, 2.0, f32::NAN].iter().flat_map(|value| value.to_le_bytes()).collect();
    let far: Vec<u8> = [vec![0; 4 * 9999], f32::NEG_INFINITY.to_le_bytes().to_vec()].concat();
    vec![
        of("F32", &f32s, 4),
        of("F32", &far, 4),
        of("F16", &[0, 0, 0x00, 0x7C], 2),
        of("F16", &[0, 0, 0x01, 0xFE], 2),
        of("BF16", &[0, 0, 0x80, 0xFF], 2),
    ]
}
