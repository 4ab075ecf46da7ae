//! Invalid GGUF headers and metadata.

use std::path::Path;

use arbitrage_models::Error;
use arbitrage_models::weights::{Gguf as File, scan_finite};

use super::Kind::{Format, NotAModel, Truncated};
use super::build::{ARRAY, BOOL, Gguf, STRING, U32, array, string};
use super::{Case, Kind};

pub(crate) const FILE: &str = "model.gguf";

/// Opens the file and reads every value.
pub(crate) fn open(folder: &Path) -> Result<(), Error> {
    scan_finite(&File::open(folder.join(FILE))?)
}

pub(crate) fn case(name: &str, content: Vec<u8>, kind: Kind, phrases: &str) -> Case {
    Case::new(format!("gguf: {name}"), open, kind, &format!("{FILE}|{phrases}")).file(FILE, content)
}

/// Magic, version and counts.
pub(crate) fn starts() -> Vec<Case> {
    let good = Gguf::new().text("general.architecture", "llama");
    let version = |version: u32| Gguf { version, ..good.clone() }.header();
    let tensors = |count: u64| Gguf { tensor_count: Some(count), ..good.clone() }.header();
    let entries = |count: u64| Gguf { entry_count: Some(count), ..good.clone() }.header();
    let cut = |bytes: usize| good.header()[..bytes].to_vec();
    vec![
        case("empty", vec![], NotAModel, "an empty file"),
        case("cut in the magic", cut(3), Truncated, "3 found"),
        case("cut in the version", cut(6), Truncated, "8 bytes expected, 6 found"),
        case("cut in the counts", cut(20), Truncated, "24 bytes expected, 20 found"),
        case("cut in a key", cut(36), Truncated, "36 found"),
        case("cut before a value", cut(52), Truncated, "52 found"),
        case("another magic", Gguf { magic: *b"GGML", ..good.clone() }.header(), Format, "magic|\"GGUF\"|\"GGML\""),
        case("a magic of any bytes", Gguf { magic: [0xFF; 4], ..good.clone() }.header(), Format, "magic|\\xff"),
        case("version 0", version(0), Format, "version|2 or 3|found 0"),
        case("version 1", version(1), Format, "version|2 or 3|found 1"),
        case("version 4", version(4), Format, "version|found 4"),
        case("big-endian", version(3u32.swap_bytes()), Format, "version|little-endian|big-endian"),
        case("2^60 tensors", tensors(1 << 60), Format, "tensor count|1152921504606846976"),
        case("2^64 - 1 tensors", tensors(u64::MAX), Format, "tensor count"),
        case("2^60 entries", entries(1 << 60), Format, "metadata count|1152921504606846976"),
        case("2^64 - 1 entries", entries(u64::MAX), Format, "metadata count"),
        case("a billion tensors", tensors(1_000_000_000), Truncated, ""),
        case("a billion entries", entries(1_000_000_000), Truncated, ""),
        case("one entry more", entries(2), Truncated, ""),
    ]
}

/// Keys and values.
pub(crate) fn metadata() -> Vec<Case> {
    let of = |name: &str, kind: u32, value: &[u8], wanted: Kind, phrases: &str| {
        case(name, Gguf::new().entry(b"some.key", kind, value).header(), wanted, phrases)
    };
    let bad = |name: &str, kind: u32, value: &[u8], phrases: &str| {
        of(name, kind, value, Format, &format!("some.key|{phrases}"))
    };
    let key = |name: &str, key: &[u8], phrases: &str| {
        case(name, Gguf::new().entry(key, U32, &[0; 4]).header(), Format, phrases)
    };
    let length = |length: u64| length.to_le_bytes();
    // Arrays of one array each, and at last one of bytes.
    let nested = |depth: usize| [array(ARRAY, 1, &[]).repeat(depth), array(0, 0, &[])].concat();
    let twice = Gguf::new().number("some.key", 1).number("some.key", 2).header();
    let long_key = [&length(1 << 60)[..], b"some.key"].concat();
    let with_key = |bytes: &[u8]| Gguf { entry_count: Some(1), ..Gguf::new() }.raw(bytes).header();
    vec![
        case("a key of 2^60 bytes", with_key(&long_key), Format, "key 0|1152921504606846976"),
        case("a key longer than the file", with_key(&string(&[b'k'; 40])[..20]), Truncated, "72 bytes expected"),
        key("an empty key", b"", "key 0|1 to 65535 bytes|0 bytes"),
        key("a key of 65,536 bytes", &[b'k'; 65_536], "key 0|65536 bytes"),
        key("a key that is not UTF-8", b"\xFF\xFE", "key 0|UTF-8"),
        case("a key twice", twice, Format, "some.key|one value a key|the key again"),
        bad("an unknown value type", 13, &[0; 8], "0 to 12|type 13"),
        bad("a value type of 2^32 - 1", u32::MAX, &[0; 8], "type 4294967295"),
        bad("a truth of 2", BOOL, &[2], "0 or 1|byte 2"),
        bad("an array with a truth of 7", ARRAY, &array(BOOL, 3, &[0, 1, 7]), "0 or 1|byte 7"),
        bad("text of 2^60 bytes", STRING, &length(1 << 60), "1152921504606846976"),
        of("text longer than the file", STRING, &length(100), Truncated, ""),
        bad("text that is not UTF-8", STRING, &string(b"ab\xC3"), "UTF-8"),
        bad("2^60 bytes", ARRAY, &array(0, 1 << 60, &[]), "1152921504606846976"),
        bad("2^62 numbers of 8 bytes", ARRAY, &array(10, 1 << 62, &[]), "4611686018427387904"),
        bad("2^60 texts", ARRAY, &array(STRING, 1 << 60, &[]), "1152921504606846976"),
        bad("2^60 arrays", ARRAY, &array(ARRAY, 1 << 60, &[]), "1152921504606846976"),
        of("a billion texts", ARRAY, &array(STRING, 1_000_000_000, &[0; 80]), Truncated, ""),
        of("a billion arrays", ARRAY, &array(ARRAY, 1_000_000_000, &[0; 80]), Truncated, ""),
        bad(
            "a text of an array that is not UTF-8",
            ARRAY,
            &array(STRING, 2, &[string(b"a"), string(b"\xFF")].concat()),
            "some.key[1]",
        ),
        bad("an array of an unknown type", ARRAY, &array(99, 1, &[0; 8]), "type 99"),
        bad("arrays five deep", ARRAY, &nested(4), "at most 4 levels|nested deeper"),
        bad("arrays 100,000 deep", ARRAY, &nested(100_000), "at most 4 levels|nested deeper"),
        case(
            "a part of a split file",
            Gguf::new().number("split.count", 3).header(),
            Format,
            "split.count|-00001-of-00003.gguf|3 parts",
        ),
    ]
    .into_iter()
    .chain(alignments())
    .collect()
}

fn alignments() -> Vec<Case> {
    let of = |alignment: u32, phrases: &str| {
        let file = Gguf::new().number("general.alignment", alignment).header();
        case(&format!("alignment {alignment}"), file, Format, &format!("general.alignment|a power of two|{phrases}"))
    };
    let text = Gguf::new().text("general.alignment", "32").header();
    let wrong = case("alignment as text", text, Format, "general.alignment|a u32|string \"32\"");
    vec![of(0, "found 0"), of(3, "found 3"), of(1 << 21, "found 2097152"), of(u32::MAX, ""), wrong]
}
