//! Metadata values, in the types that GGUF has for them.

use std::fmt;

use crate::weights::shown;

/// A value's type, with its number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Kind {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl Kind {
    /// Every type, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::String,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    /// The type of this number.
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == id)
    }

    /// Bytes of a number or truth value of this type; `None` for strings and arrays.
    pub const fn bytes(self) -> Option<usize> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::String | Self::Array => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    Array(Array),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl Value {
    /// The value's type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::U8(_) => Kind::U8,
            Self::I8(_) => Kind::I8,
            Self::U16(_) => Kind::U16,
            Self::I16(_) => Kind::I16,
            Self::U32(_) => Kind::U32,
            Self::I32(_) => Kind::I32,
            Self::F32(_) => Kind::F32,
            Self::Bool(_) => Kind::Bool,
            Self::String(_) => Kind::String,
            Self::Array(_) => Kind::Array,
            Self::U64(_) => Kind::U64,
            Self::I64(_) => Kind::I64,
            Self::F64(_) => Kind::F64,
        }
    }

    /// A number or truth value of `kind` from the start of `bytes`; `None` for other kinds, for too few bytes, and for
    /// truth values that are neither 0 nor 1.
    pub(super) fn scalar(kind: Kind, bytes: &[u8]) -> Option<Self> {
        Some(match kind {
            Kind::U8 => Self::U8(*bytes.first()?),
            Kind::I8 => Self::I8(bytes.first()?.cast_signed()),
            Kind::U16 => Self::U16(u16::from_le_bytes(*bytes.first_chunk()?)),
            Kind::I16 => Self::I16(i16::from_le_bytes(*bytes.first_chunk()?)),
            Kind::U32 => Self::U32(u32::from_le_bytes(*bytes.first_chunk()?)),
            Kind::I32 => Self::I32(i32::from_le_bytes(*bytes.first_chunk()?)),
            Kind::F32 => Self::F32(f32::from_le_bytes(*bytes.first_chunk()?)),
            Kind::Bool => Self::Bool(bytes.first().filter(|byte| **byte <= 1).map(|byte| *byte == 1)?),
            Kind::U64 => Self::U64(u64::from_le_bytes(*bytes.first_chunk()?)),
            Kind::I64 => Self::I64(i64::from_le_bytes(*bytes.first_chunk()?)),
            Kind::F64 => Self::F64(f64::from_le_bytes(*bytes.first_chunk()?)),
            Kind::String | Kind::Array => return None,
        })
    }

    /// The value as a whole number, whichever type it has; `None` for what is no whole number.
    pub fn as_integer(&self) -> Option<i128> {
        match *self {
            Self::U8(value) => Some(value.into()),
            Self::I8(value) => Some(value.into()),
            Self::U16(value) => Some(value.into()),
            Self::I16(value) => Some(value.into()),
            Self::U32(value) => Some(value.into()),
            Self::I32(value) => Some(value.into()),
            Self::U64(value) => Some(value.into()),
            Self::I64(value) => Some(value.into()),
            Self::F32(_) | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::F64(_) => None,
        }
    }

    /// The value as a floating-point number; `None` for anything else.
    pub fn as_float(&self) -> Option<f64> {
        match *self {
            Self::F32(value) => Some(value.into()),
            Self::F64(value) => Some(value),
            _ => None,
        }
    }
}

/// Type and value on one line, cut where long: `u32 896`, `string "qwen2"`, `array of 151936 strings`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::F32(value) => write!(f, "{kind} {value}"),
            Self::F64(value) => write!(f, "{kind} {value}"),
            Self::Bool(value) => write!(f, "{kind} {value}"),
            Self::String(text) => write!(f, "{kind} \"{}\"", shown(text)),
            Self::Array(array) => write!(f, "{array}"),
            integer => write!(f, "{kind} {}", integer.as_integer().unwrap_or_default()),
        }
    }
}

/// An array, kept about as small as in the file.
#[derive(Debug, Clone, PartialEq)]
pub enum Array {
    /// Numbers or truth values.
    Scalars {
        /// Their type.
        kind: Kind,
        /// Their little-endian bytes, one after another.
        bytes: Vec<u8>,
    },
    /// Texts, such as a vocabulary.
    Strings(Strings),
    /// Arrays of arrays; no known file has any.
    Arrays(Vec<Array>),
}

impl Array {
    /// The elements' type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Scalars { kind, .. } => *kind,
            Self::Strings(_) => Kind::String,
            Self::Arrays(_) => Kind::Array,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Scalars { kind, bytes } => bytes.len() / kind.bytes().unwrap_or(1),
            Self::Strings(strings) => strings.len(),
            Self::Arrays(arrays) => arrays.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers or truth values, one by one; nothing for other arrays.
    pub fn scalars(&self) -> impl Iterator<Item = Value> + '_ {
        let (kind, bytes) = match self {
            Self::Scalars { kind, bytes } => (*kind, bytes.as_slice()),
            Self::Strings(_) | Self::Arrays(_) => (Kind::U8, &[][..]),
        };
        bytes.chunks_exact(kind.bytes().unwrap_or(1)).filter_map(move |bytes| Value::scalar(kind, bytes))
    }
}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.len();
        match self {
            Self::Scalars { kind, .. } => write!(f, "array of {count} × {kind}"),
            Self::Strings(_) => write!(f, "array of {count} strings"),
            Self::Arrays(_) => write!(f, "array of {count} arrays"),
        }
    }
}

/// Many texts in one allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no texts.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Text number `at`.
    pub fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    /// The texts in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        (0..self.len()).map(|at| self.get(at).unwrap_or_default())
    }

    /// Appends a text.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }
}

impl<'a> FromIterator<&'a str> for Strings {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut strings = Self::default();
        texts.into_iter().for_each(|text| strings.push(text));
        strings
    }
}

macro_rules! from_scalar {
    ($($scalar:ty => $kind:ident),*) => {$(
        impl From<$scalar> for Value {
            fn from(value: $scalar) -> Self {
                Self::$kind(value)
            }
        }
        impl From<&[$scalar]> for Value {
            fn from(values: &[$scalar]) -> Self {
                let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                Self::Array(Array::Scalars { kind: Kind::$kind, bytes })
            }
        }
    )*};
}
from_scalar!(u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, f32 => F32, u64 => U64, i64 => I64, f64 => F64);

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<Strings> for Value {
    fn from(strings: Strings) -> Self {
        Self::Array(Array::Strings(strings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_know_their_numbers() {
        for (id, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(Kind::from_id(id as u32), Some(kind));
        }
        assert_eq!(Kind::from_id(13), None);
    }

    #[test]
    fn values_print_on_one_short_line() {
        let long = "é\n".repeat(500);
        let table = [
            (Value::from(7u32), "u32 7"),
            (Value::from(-7i64), "i64 -7"),
            (Value::from(0.5f32), "f32 0.5"),
            (Value::from(true), "bool true"),
            (Value::from("qwen2"), "string \"qwen2\""),
            (Value::from(&[1i32, 2][..]), "array of 2 × i32"),
            (Value::from(Strings::from_iter(["a", "b"])), "array of 2 strings"),
        ];
        for (value, text) in table {
            assert_eq!(value.to_string(), text);
        }
        let shown = Value::from(long.as_str()).to_string();
        assert!(shown.len() < 400 && !shown.contains('\n'));
    }

    #[test]
    fn strings_and_scalars_come_back() {
        let texts = ["", "a", "", "längst", "b"];
        let strings = Strings::from_iter(texts);
        assert_eq!(strings.iter().collect::<Vec<_>>(), texts);
        assert_eq!((strings.get(3), strings.get(5)), (Some("längst"), None));
        let Value::Array(array) = Value::from(&[1.5f64, -2.0][..]) else { panic!("no array") };
        assert_eq!(array.scalars().collect::<Vec<_>>(), [Value::F64(1.5), Value::F64(-2.0)]);
    }
}
