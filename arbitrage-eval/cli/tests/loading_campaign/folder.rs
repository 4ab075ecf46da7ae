//! A Hugging Face folder in memory, and mutations of its files as files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::entry::{Entry, damage, stray};
use super::random::Random;
use super::{folder_tensors, folder_tokenizer, json, template};

#[derive(Clone)]
pub(crate) struct Folder {
    pub files: BTreeMap<String, Entry>,
}

pub(crate) type FolderMutation = (&'static str, usize, fn(&mut Folder, &mut Random));

/// Files of a fixture that are no part of the model.
const NO_MODEL: [&str; 2] = ["expected.json", "logits.f32"];

impl Folder {
    pub(crate) fn read(path: &Path) -> Self {
        let files = std::fs::read_dir(path).unwrap().flatten().map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, Entry::Bytes(std::fs::read(file.path()).unwrap()))
        });
        Self { files: files.filter(|(name, _)| !NO_MODEL.contains(&name.as_str())).collect() }
    }

    pub(crate) fn write(&self, path: &Path) {
        std::fs::create_dir(path).unwrap();
        self.files.iter().for_each(|(name, entry)| entry.write(&path.join(name)));
    }

    pub(crate) fn bytes_mut(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        match self.files.get_mut(name) {
            Some(Entry::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Changes a JSON file, unless it is none any more.
    pub(crate) fn edit(&mut self, name: &str, edit: impl FnOnce(&mut Value)) {
        let Some(bytes) = self.bytes_mut(name) else { return };
        if let Ok(mut value) = serde_json::from_slice(bytes) {
            edit(&mut value);
            *bytes = value.to_string().into_bytes();
        }
    }

    /// Sets a key of a JSON file's object; `value` is JSON.
    pub(crate) fn set(&mut self, name: &str, key: &str, value: &str) {
        let value: Value = serde_json::from_str(value).unwrap();
        self.edit(name, |file| {
            if let Value::Object(map) = file {
                map.insert(key.to_owned(), value);
            }
        });
    }
}

pub(crate) const MUTATIONS: [FolderMutation; 7] = [
    ("file removed", 2, |folder, random| {
        let name = name(folder, random);
        folder.files.remove(&name);
    }),
    ("file of another kind", 2, |folder, random| {
        let name = name(folder, random);
        folder.files.insert(name, stray(random));
    }),
    ("file too many", 3, add_file),
    ("bytes of a file", 4, |folder, random| {
        let name = name(folder, random);
        let header = if name.ends_with(".safetensors") { 2000 } else { usize::MAX };
        if let Some(bytes) = folder.bytes_mut(&name) {
            damage(bytes, header, random);
        }
    }),
    ("place in a JSON file", 10, |folder, random| {
        let name = json_name(folder, random);
        folder.edit(&name, |value| json::mutate(value, random));
    }),
    ("text of a JSON file", 2, |folder, random| {
        let name = json_name(folder, random);
        if let Some(bytes) = folder.bytes_mut(&name) {
            let mut text = String::from_utf8_lossy(bytes).into_owned();
            json::break_text(&mut text, random);
            *bytes = text.into_bytes();
        }
    }),
    ("template", 20, template_of),
];

fn name(folder: &Folder, random: &mut Random) -> String {
    let names: Vec<&String> = folder.files.keys().collect();
    if names.is_empty() { String::new() } else { random.pick(&names).clone() }
}

fn json_name(folder: &Folder, random: &mut Random) -> String {
    let names: Vec<&String> = folder.files.keys().filter(|name| name.ends_with(".json")).collect();
    if names.is_empty() { String::new() } else { random.pick(&names).clone() }
}

fn add_file(folder: &mut Folder, random: &mut Random) {
    const NAMES: [&str; 15] = [
        "adapter_config.json",
        "added_tokens.json",
        "chat_template.jinja",
        "chat_template.json",
        "config.json",
        "generation_config.json",
        "merges.txt",
        "model.gguf",
        "model.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "quantize_config.json",
        "special_tokens_map.json",
        "tokenizer.model",
        "vocab.json",
    ];
    let entry = match random.below(4) {
        0 => stray(random),
        1 => Entry::Bytes(json::odd(random).to_string().into_bytes()),
        2 => Entry::Bytes(template::any("", random)),
        _ => folder.files.get(&name(folder, random)).cloned().unwrap_or(Entry::Bytes(Vec::new())),
    };
    folder.files.insert(random.pick(&NAMES).to_owned(), entry);
}

fn template_of(folder: &mut Folder, random: &mut Random) {
    const FILE: &str = "tokenizer_config.json";
    let source = template::any(folder_tokenizer::CHATML, random);
    let text = Value::from(String::from_utf8_lossy(&source).into_owned()).to_string();
    match random.below(10) {
        0..=4 => {
            folder.files.remove("chat_template.jinja");
            folder.set(FILE, "chat_template", &text);
        }
        5 => folder.set(FILE, "chat_template", &format!("[{{\"name\": \"default\", \"template\": {text}}}]")),
        6 => folder.set(FILE, "chat_template", &format!("[{{\"name\": \"rag\", \"template\": {text}}}]")),
        7 => {
            let file = format!("{{\"chat_template\": {text}}}").into_bytes();
            folder.files.insert("chat_template.json".to_owned(), Entry::Bytes(file));
        }
        8 => folder.set(FILE, "chat_template", &json::odd(random).to_string()),
        _ => drop(folder.files.insert("chat_template.jinja".to_owned(), Entry::Bytes(source))),
    }
}

/// All mutations of folders.
pub(crate) fn all() -> Vec<FolderMutation> {
    let others = [folder_tensors::MUTATIONS.as_slice(), &folder_tokenizer::MUTATIONS, &super::folder_config::MUTATIONS];
    MUTATIONS.iter().chain(others.into_iter().flatten()).copied().collect()
}
