//! `model.safetensors.index.json` and its shards.

use std::path::Path;

use arbitrage_models::Error;

use super::Kind::{Format, Io, NotAModel, Truncated, Weights};
use super::build::{entry, safetensors};
use super::safetensors::open;
use super::{Case, Kind};

const FILE: &str = "model.safetensors.index.json";
const ONE: &str = "model-00001-of-00002.safetensors";
const TWO: &str = "model-00002-of-00002.safetensors";

fn case(name: &str, json: impl Into<Vec<u8>>, kind: Kind, phrases: &str) -> Case {
    Case::new(format!("index: {name}"), open, kind, phrases).file(FILE, json)
}

fn map(entries: &[(&str, &str)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(name, file)| format!(r#""{name}":"{file}""#)).collect();
    format!(r#"{{"weight_map":{{{}}}}}"#, entries.join(","))
}

/// A shard with one tensor.
fn shard(name: &str) -> Vec<u8> {
    safetensors(&format!("{{{}}}", entry(name, "F32", "[2]", 0, 8)), 8)
}

/// Invalid indices.
pub(crate) fn indices() -> Vec<Case> {
    let bad =
        |name: &str, json: &str, phrases: &str| case(name, json, Format, &format!("{FILE}|/weight_map|{phrases}"));
    let escape = |file: &str| {
        let json = map(&[("model/a~", file)]);
        let phrases = "/weight_map/model~1a~0|the plain name of a .safetensors file in the same folder";
        case(&format!("names `{file}`"), json, Format, &format!("{FILE}|{phrases}"))
    };
    let many: Vec<String> = (0..1025).map(|n| format!(r#""{n}":"{n}.safetensors""#)).collect();
    let mut cases = vec![
        bad("empty", "", "EOF"),
        bad("cut", r#"{"weight_map":{"a":"#, "EOF"),
        bad("no map", r#"{"metadata":{}}"#, "weight_map"),
        bad("an array for a map", r#"{"weight_map":[]}"#, "an object"),
        bad("a number for a file", r#"{"weight_map":{"a":1}}"#, "`a`"),
        bad("an empty map", r#"{"weight_map":{}}"#, "1 to 1024 different files|found 0"),
        bad("too many shards", &format!(r#"{{"weight_map":{{{}}}}}"#, many.join(",")), "found 1025"),
        bad("a tensor twice", &map(&[("a", ONE), ("a", TWO)]), "`a` comes twice"),
        bad("nested deep", &format!(r#"{{"weight_map":{}"#, "[".repeat(100_000)), "an object"),
        Case::new("index: of 17 MB", open_large, Format, &format!("{FILE}|size|at most 16777216 bytes")),
    ];
    let paths = ["../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", "..\\\\x.safetensors", "C:x.safetensors"];
    cases.extend(paths.into_iter().chain(["", "..", ".", "model.bin", "./x.safetensors"]).map(escape));
    cases
}

/// A sparse file, which takes no space on the disk.
fn open_large(folder: &Path) -> Result<(), Error> {
    std::fs::File::create(folder.join(FILE)).unwrap().set_len(17 << 20).unwrap();
    open(folder)
}

/// Indices and shards that contradict each other.
pub(crate) fn shards() -> Vec<Case> {
    let both = map(&[("a", ONE), ("b", TWO)]);
    let all_absent = format!("{FILE}|2 problems|`{ONE}`|`{TWO}`|no such file");
    let misplaced = format!("{FILE}|2 problems|`a`: not in `{ONE}`|`b`: not in `{TWO}`");
    let cut = shard("b")[..50].to_vec();
    vec![
        case("no shard at all", both.as_str(), Weights, &all_absent),
        case("one shard absent", both.as_str(), Weights, &format!("{FILE}|1 problem|`{TWO}`")).file(ONE, shard("a")),
        case("swapped", both.as_str(), Weights, &misplaced).file(ONE, shard("b")).file(TWO, shard("a")),
        case("a tensor in neither", map(&[("a", ONE), ("c", ONE)]), Weights, "`c`: not in").file(ONE, shard("a")),
        case("a tensor in both", both.as_str(), Format, &format!("{TWO}|tensor `a`|{ONE}"))
            .file(ONE, shard("a"))
            .file(TWO, shard("a")),
        case("a shard cut", both.as_str(), Truncated, TWO).file(ONE, shard("a")).file(TWO, cut),
        case("an empty shard", both.as_str(), NotAModel, TWO).file(ONE, shard("a")).file(TWO, []),
        Case::new("index: a shard that is a folder", open_shard_folder, Format, &format!("{ONE}|file type|a folder"))
            .file(FILE, map(&[("a", ONE)])),
        Case::new("index: a folder", open_index_folder, Format, &format!("{FILE}|file type")),
        Case::new("index: alone by name", |folder| open(&folder.join("x.safetensors")), Io, "x.safetensors"),
    ]
}

fn open_shard_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir(folder.join(ONE)).unwrap();
    open(folder)
}

fn open_index_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir(folder.join(FILE)).unwrap();
    open(folder)
}
