//! `model.safetensors.index.json`: which shard holds which tensor.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::path::{Component, Path};

use arbitrage_core::text::excerpt;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

use crate::error::{Error, Result};
use crate::small_file::read_text;

/// Largest index that is read, in bytes; those of the largest public models take a few.
const MAX_INDEX_BYTES: u64 = 16 << 20;
/// Most shards, since each costs a mapping.
const MAX_SHARDS: usize = 1024;

/// A checked index: every file is a plain name inside the checkpoint's folder.
pub(super) struct Index {
    tensors: Vec<(String, String)>,
}

impl Index {
    /// Every tensor's name and file, in the index's order.
    pub(super) fn tensors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tensors.iter().map(|(name, file)| (name.as_str(), file.as_str()))
    }

    /// The shards' file names, sorted.
    pub(super) fn files(&self) -> BTreeSet<&str> {
        self.tensors().map(|(_, file)| file).collect()
    }
}

/// Reads the index at `path`.
pub(super) fn read(path: &Path) -> Result<Index> {
    let text = read_text(path, MAX_INDEX_BYTES)?;
    let raw: RawIndex = serde_json::from_str(&text).map_err(|error| {
        Error::format(path, "/weight_map", "an object of tensor names and file names", excerpt(&error.to_string()))
    })?;
    let index = Index { tensors: raw.weight_map.0 };
    if let Some((name, file)) = index.tensors().find(|(_, file)| !is_plain(file)) {
        let pointer = format!("/weight_map/{}", excerpt(&name.replace('~', "~0").replace('/', "~1")));
        let expected = "the plain name of a .safetensors file in the same folder";
        return Err(Error::format(path, pointer, expected, format!("`{}`", excerpt(file))));
    }
    let shards = index.files().len();
    if shards == 0 || shards > MAX_SHARDS {
        return Err(Error::format(path, "/weight_map", format!("1 to {MAX_SHARDS} different files"), shards));
    }
    Ok(index)
}

/// Whether `file` names a file directly inside the folder, on every system.
fn is_plain(file: &str) -> bool {
    let mut components = Path::new(file).components();
    let single = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
    single && file.ends_with(".safetensors") && !file.contains(['/', '\\', ':', '\0'])
}

#[derive(serde::Deserialize)]
struct RawIndex {
    weight_map: UniqueKeys,
}

/// An object of strings in which no key comes twice.
struct UniqueKeys(Vec<(String, String)>);

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = UniqueKeys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueKeys, A::Error> {
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("`{}` comes twice", excerpt(&name))));
            }
            let file = map
                .next_value()
                .map_err(|error: A::Error| A::Error::custom(format_args!("`{}`: {error}", excerpt(&name))))?;
            entries.push((name, file));
        }
        Ok(UniqueKeys(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn only_plain_names_pass() {
        assert!(is_plain("model-00001-of-00002.safetensors"));
        let bad = ["", ".", "..", "../a.safetensors", "/a.safetensors", "b/a.safetensors", "./a.safetensors"];
        let worse = ["b\\a.safetensors", "C:a.safetensors", "a\0.safetensors", "a.bin", "a.safetensors/"];
        for name in bad.into_iter().chain(worse) {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
