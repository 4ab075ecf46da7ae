//! A GGUF file in parts that can be changed one by one, also into what no proper writer would write.

use super::entry::damage;
use super::random::Random;

pub(crate) const U32: u32 = 4;
pub(crate) const I32: u32 = 5;
pub(crate) const F32: u32 = 6;
pub(crate) const BOOL: u32 = 7;
pub(crate) const STRING: u32 = 8;
pub(crate) const ARRAY: u32 = 9;

/// Bytes of the scalar value types by their numbers; 0 for strings and arrays.
pub(crate) const SCALAR_BYTES: [usize; 13] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

#[derive(Clone)]
pub(crate) enum Value {
    Scalar { kind: u32, bytes: Vec<u8> },
    Text(Vec<u8>),
    List { kind: u32, items: Vec<Self> },
}

impl Value {
    pub(crate) fn u32(value: u32) -> Self {
        Self::Scalar { kind: U32, bytes: value.to_le_bytes().to_vec() }
    }

    pub(crate) fn i32(value: i32) -> Self {
        Self::Scalar { kind: I32, bytes: value.to_le_bytes().to_vec() }
    }

    pub(crate) fn f32(value: f32) -> Self {
        Self::Scalar { kind: F32, bytes: value.to_le_bytes().to_vec() }
    }

    pub(crate) fn text(value: &str) -> Self {
        Self::Text(value.as_bytes().to_vec())
    }

    fn kind(&self) -> u32 {
        match self {
            Self::Scalar { kind, .. } => *kind,
            Self::Text(_) => STRING,
            Self::List { .. } => ARRAY,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Scalar { bytes, .. } => out.extend(bytes),
            Self::Text(bytes) => encode_text(bytes, out),
            Self::List { kind, items } => {
                out.extend(kind.to_le_bytes());
                out.extend((items.len() as u64).to_le_bytes());
                items.iter().for_each(|item| item.encode(out));
            }
        }
    }
}

fn encode_text(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

#[derive(Clone)]
pub(crate) struct GgufTensor {
    pub name: Vec<u8>,
    /// The innermost dimension first, as in the file.
    pub dims: Vec<u64>,
    pub kind: u32,
    pub data: Vec<u8>,
    /// The offset that the file states where that is not the place of the data.
    pub stated_offset: Option<u64>,
}

#[derive(Clone)]
pub(crate) struct GgufFile {
    pub magic: [u8; 4],
    pub version: u32,
    /// Counts of tensors and of metadata that the file states where those are not the right ones.
    pub stated_counts: [Option<u64>; 2],
    pub metadata: Vec<(Vec<u8>, Value)>,
    pub tensors: Vec<GgufTensor>,
    /// Alignment of the data.
    pub alignment: usize,
    /// The seed of damage to the bytes of the finished file.
    pub damage: Option<u64>,
}

impl GgufFile {
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.metadata.iter_mut().find(|(name, _)| name == key.as_bytes()).map(|(_, value)| value)
    }

    /// Sets a key, in its place where it is there.
    pub(crate) fn set(&mut self, key: &str, value: Value) {
        match self.get_mut(key) {
            Some(old) => *old = value,
            None => self.metadata.push((key.as_bytes().to_vec(), value)),
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.metadata.retain(|(name, _)| name != key.as_bytes());
    }

    /// The architecture's name, which starts its keys.
    pub(crate) fn family(&mut self) -> String {
        match self.get_mut("general.architecture") {
            Some(Value::Text(name)) => String::from_utf8_lossy(name).into_owned(),
            _ => "llama".to_owned(),
        }
    }

    /// The items of the list under `key`.
    pub(crate) fn list(&mut self, key: &str) -> Option<&mut Vec<Value>> {
        match self.get_mut(key) {
            Some(Value::List { items, .. }) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.magic.to_vec();
        out.extend(self.version.to_le_bytes());
        let counts = [self.tensors.len() as u64, self.metadata.len() as u64];
        for (stated, count) in self.stated_counts.iter().zip(counts) {
            out.extend(stated.unwrap_or(count).to_le_bytes());
        }
        for (key, value) in &self.metadata {
            encode_text(key, &mut out);
            out.extend(value.kind().to_le_bytes());
            value.encode(&mut out);
        }
        let mut offset = 0u64;
        for tensor in &self.tensors {
            encode_text(&tensor.name, &mut out);
            out.extend((tensor.dims.len() as u32).to_le_bytes());
            tensor.dims.iter().for_each(|dim| out.extend(dim.to_le_bytes()));
            out.extend(tensor.kind.to_le_bytes());
            out.extend(tensor.stated_offset.unwrap_or(offset).to_le_bytes());
            offset = (offset + tensor.data.len() as u64).next_multiple_of(self.alignment as u64);
        }
        let header = out.len();
        for tensor in &self.tensors {
            out.resize(out.len().next_multiple_of(self.alignment), 0);
            out.extend(&tensor.data);
        }
        if let Some(seed) = self.damage {
            damage(&mut out, header, &mut Random::new(seed));
        }
        out
    }

    /// Takes a valid file apart.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut rest = Reader(&bytes[4..]);
        let (version, tensor_count, key_count) = (rest.u32(), rest.u64(), rest.u64());
        let metadata = (0..key_count)
            .map(|_| {
                let key = rest.text();
                let kind = rest.u32();
                (key, rest.value(kind))
            })
            .collect();
        let described: Vec<_> = (0..tensor_count)
            .map(|_| {
                let name = rest.text();
                let dims: Vec<u64> = (0..rest.u32()).map(|_| rest.u64()).collect();
                (name, dims, rest.u32(), rest.u64() as usize)
            })
            .collect();
        let data = &bytes[(bytes.len() - rest.0.len()).next_multiple_of(32)..];
        let end_of = |start| described.iter().map(|it| it.3).filter(|&at| at > start).min().unwrap_or(data.len());
        let tensor = |(name, dims, kind, start): &(Vec<u8>, Vec<u64>, u32, usize)| GgufTensor {
            name: name.clone(),
            dims: dims.clone(),
            kind: *kind,
            data: data[*start..end_of(*start)].to_vec(),
            stated_offset: None,
        };
        let tensors = described.iter().map(tensor).collect();
        Self { magic: *b"GGUF", version, stated_counts: [None; 2], metadata, tensors, alignment: 32, damage: None }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken.to_vec()
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn text(&mut self) -> Vec<u8> {
        let length = self.u64() as usize;
        self.take(length)
    }

    fn value(&mut self, kind: u32) -> Value {
        match kind {
            STRING => Value::Text(self.text()),
            ARRAY => {
                let (kind, count) = (self.u32(), self.u64());
                Value::List { kind, items: (0..count).map(|_| self.value(kind)).collect() }
            }
            _ => Value::Scalar { kind, bytes: self.take(SCALAR_BYTES[kind as usize]) },
        }
    }
}
