//! Writes files byte by byte, also such as no proper writer would write.

/// A safetensors file: the length of `header`, `header`, and `data` zeros.
pub(crate) fn safetensors(header: &str, data: usize) -> Vec<u8> {
    safetensors_with(header.as_bytes(), &vec![0; data])
}

pub(crate) fn safetensors_with(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header, data].concat()
}

/// The description of a tensor of a safetensors file.
pub(crate) fn entry(name: &str, dtype: &str, shape: &str, begin: u64, end: u64) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
}

/// Numbers of GGUF's value types.
pub(crate) const U32: u32 = 4;
pub(crate) const F32: u32 = 6;
pub(crate) const BOOL: u32 = 7;
pub(crate) const STRING: u32 = 8;
pub(crate) const ARRAY: u32 = 9;

/// Builds a GGUF file. Counts are those of what was added, unless they are set.
#[derive(Clone)]
pub(crate) struct Gguf {
    pub magic: [u8; 4],
    pub version: u32,
    pub tensor_count: Option<u64>,
    pub entry_count: Option<u64>,
    pub entries: (u64, Vec<u8>),
    pub tensors: (u64, Vec<u8>),
}

impl Gguf {
    pub(crate) fn new() -> Self {
        let (entries, tensors) = Default::default();
        Self { magic: *b"GGUF", version: 3, tensor_count: None, entry_count: None, entries, tensors }
    }

    /// Adds metadata; `value` are the bytes after the type.
    pub(crate) fn entry(mut self, key: &[u8], kind: u32, value: &[u8]) -> Self {
        self.entries.0 += 1;
        self.entries.1.extend([&string(key)[..], &kind.to_le_bytes(), value].concat());
        self
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.entry(key.as_bytes(), STRING, &string(value.as_bytes()))
    }

    pub(crate) fn number(self, key: &str, value: u32) -> Self {
        self.entry(key.as_bytes(), U32, &value.to_le_bytes())
    }

    pub(crate) fn float(self, key: &str, value: f32) -> Self {
        self.entry(key.as_bytes(), F32, &value.to_le_bytes())
    }

    pub(crate) fn texts(self, key: &str, values: &[&str]) -> Self {
        let texts: Vec<u8> = values.iter().flat_map(|value| string(value.as_bytes())).collect();
        self.entry(key.as_bytes(), ARRAY, &array(STRING, values.len() as u64, &texts))
    }

    /// Adds a tensor; `dims` starts with the innermost dimension, as in the file.
    pub(crate) fn tensor(mut self, name: &[u8], dims: &[u64], kind: u32, offset: u64) -> Self {
        self.tensors.0 += 1;
        let dims_bytes: Vec<u8> = dims.iter().flat_map(|dim| dim.to_le_bytes()).collect();
        let count = (dims.len() as u32).to_le_bytes();
        let parts = [&string(name)[..], &count, &dims_bytes, &kind.to_le_bytes(), &offset.to_le_bytes()];
        self.tensors.1.extend(parts.concat());
        self
    }

    /// Adds bytes to the tensors' descriptions.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.tensors.1.extend(bytes);
        self
    }

    /// The header without padding or data.
    pub(crate) fn header(&self) -> Vec<u8> {
        let tensors = self.tensor_count.unwrap_or(self.tensors.0).to_le_bytes();
        let entries = self.entry_count.unwrap_or(self.entries.0).to_le_bytes();
        let start = [&self.magic[..], &self.version.to_le_bytes(), &tensors, &entries].concat();
        [&start[..], &self.entries.1, &self.tensors.1].concat()
    }

    /// The whole file, with `data` after the header's padding.
    pub(crate) fn with_data(&self, data: &[u8]) -> Vec<u8> {
        let mut file = self.header();
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend(data);
        file
    }
}

/// A string in GGUF's encoding.
pub(crate) fn string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

/// The bytes after an array's type.
pub(crate) fn array(kind: u32, count: u64, elements: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &count.to_le_bytes(), elements].concat()
}
