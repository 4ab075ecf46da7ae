//! Metadata values, in the types that GGUF has for them.

use std::fmt;

use arbitrage_core::text::excerpt;

/// A value's type, with its number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[expect(missing_docs, reason = "the variants are named as in the specification")]
pub enum ValueType {
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

impl ValueType {
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
        Self::ALL.into_iter().find(|value_type| *value_type as u32 == id)
    }

    /// Bytes of a number or boolean of this type; `None` for strings and arrays.
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

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are named as in the specification")]
pub enum MetadataValue {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    Array(MetadataArray),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl MetadataValue {
    /// The value's type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::U8(_) => ValueType::U8,
            Self::I8(_) => ValueType::I8,
            Self::U16(_) => ValueType::U16,
            Self::I16(_) => ValueType::I16,
            Self::U32(_) => ValueType::U32,
            Self::I32(_) => ValueType::I32,
            Self::F32(_) => ValueType::F32,
            Self::Bool(_) => ValueType::Bool,
            Self::String(_) => ValueType::String,
            Self::Array(_) => ValueType::Array,
            Self::U64(_) => ValueType::U64,
            Self::I64(_) => ValueType::I64,
            Self::F64(_) => ValueType::F64,
        }
    }

    /// A number or boolean of type `value_type` from the start of `bytes`; `None` for other types, for too few bytes, and for a boolean that is
    /// neither 0 nor 1.
    pub(super) fn scalar(value_type: ValueType, bytes: &[u8]) -> Option<Self> {
        Some(match value_type {
            ValueType::U8 => Self::U8(*bytes.first()?),
            ValueType::I8 => Self::I8(bytes.first()?.cast_signed()),
            ValueType::U16 => Self::U16(u16::from_le_bytes(*bytes.first_chunk()?)),
            ValueType::I16 => Self::I16(i16::from_le_bytes(*bytes.first_chunk()?)),
            ValueType::U32 => Self::U32(u32::from_le_bytes(*bytes.first_chunk()?)),
            ValueType::I32 => Self::I32(i32::from_le_bytes(*bytes.first_chunk()?)),
            ValueType::F32 => Self::F32(f32::from_le_bytes(*bytes.first_chunk()?)),
            ValueType::Bool => Self::Bool(bytes.first().filter(|byte| **byte <= 1).map(|byte| *byte == 1)?),
            ValueType::U64 => Self::U64(u64::from_le_bytes(*bytes.first_chunk()?)),
            ValueType::I64 => Self::I64(i64::from_le_bytes(*bytes.first_chunk()?)),
            ValueType::F64 => Self::F64(f64::from_le_bytes(*bytes.first_chunk()?)),
            ValueType::String | ValueType::Array => return None,
        })
    }

    /// The value of any integer type; `None` for other types.
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

    /// The value of a floating-point type; `None` for other types.
    pub fn as_float(&self) -> Option<f64> {
        match *self {
            Self::F32(value) => Some(value.into()),
            Self::F64(value) => Some(value),
            _ => None,
        }
    }
}

/// Type and value on one line, shortened where long: `u32 896`, `string "qwen2"`, `array of 151936 strings`.
impl fmt::Display for MetadataValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value_type = self.value_type();
        match self {
            Self::F32(value) => write!(f, "{value_type} {value}"),
            Self::F64(value) => write!(f, "{value_type} {value}"),
            Self::Bool(value) => write!(f, "{value_type} {value}"),
            Self::String(text) => write!(f, "{value_type} \"{}\"", excerpt(text)),
            Self::Array(array) => write!(f, "{array}"),
            integer => write!(f, "{value_type} {}", integer.as_integer().unwrap_or_default()),
        }
    }
}

/// An array, about as small in memory as in the file.
#[derive(Debug, Clone, PartialEq)]
pub enum MetadataArray {
    /// Numbers or booleans.
    Scalars {
        /// Their type.
        value_type: ValueType,
        /// Their little-endian bytes, one after another.
        bytes: Vec<u8>,
    },
    /// Texts, such as a vocabulary.
    Strings(Strings),
    /// Arrays of arrays, which no known file has.
    Arrays(Vec<MetadataArray>),
}

impl MetadataArray {
    /// The elements' type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Scalars { value_type, .. } => *value_type,
            Self::Strings(_) => ValueType::String,
            Self::Arrays(_) => ValueType::Array,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Scalars { value_type, bytes } => bytes.len() / value_type.bytes().unwrap_or(1),
            Self::Strings(strings) => strings.len(),
            Self::Arrays(arrays) => arrays.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers or booleans, one by one; none for other arrays.
    pub fn scalars(&self) -> impl Iterator<Item = MetadataValue> + '_ {
        let (value_type, bytes) = match self {
            Self::Scalars { value_type, bytes } => (*value_type, bytes.as_slice()),
            Self::Strings(_) | Self::Arrays(_) => (ValueType::U8, &[][..]),
        };
        bytes
            .chunks_exact(value_type.bytes().unwrap_or(1))
            .filter_map(move |bytes| MetadataValue::scalar(value_type, bytes))
    }
}

impl fmt::Display for MetadataArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.len();
        match self {
            Self::Scalars { value_type, .. } => write!(f, "array of {count} × {value_type}"),
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
    ($($scalar:ty => $value_type:ident),*) => {$(
        impl From<$scalar> for MetadataValue {
            fn from(value: $scalar) -> Self {
                Self::$value_type(value)
            }
        }
        impl From<&[$scalar]> for MetadataValue {
            fn from(values: &[$scalar]) -> Self {
                let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                Self::Array(MetadataArray::Scalars { value_type: ValueType::$value_type, bytes })
            }
        }
    )*};
}
from_scalar!(u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, f32 => F32, u64 => U64, i64 => I64, f64 => F64);

impl From<bool> for MetadataValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for MetadataValue {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<Strings> for MetadataValue {
    fn from(strings: Strings) -> Self {
        Self::Array(MetadataArray::Strings(strings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_by_their_numbers() {
        for (id, value_type) in ValueType::ALL.into_iter().enumerate() {
            assert_eq!(ValueType::from_id(id as u32), Some(value_type));
        }
        assert_eq!(ValueType::from_id(13), None);
    }

    #[test]
    fn values_print_on_one_short_line() {
        let long = "é\n".repeat(500);
        let table = [
            (MetadataValue::from(7u32), "u32 7"),
            (MetadataValue::from(-7i64), "i64 -7"),
            (MetadataValue::from(0.5f32), "f32 0.5"),
            (MetadataValue::from(true), "bool true"),
            (MetadataValue::from("qwen2"), "string \"qwen2\""),
            (MetadataValue::from(&[1i32, 2][..]), "array of 2 × i32"),
            (MetadataValue::from(Strings::from_iter(["a", "b"])), "array of 2 strings"),
        ];
        for (value, text) in table {
            assert_eq!(value.to_string(), text);
        }
        let printed = MetadataValue::from(long.as_str()).to_string();
        assert!(printed.len() < 400 && !printed.contains('\n'));
    }

    #[test]
    fn strings_and_scalars_round_trip() {
        let texts = ["", "a", "", "längst", "b"];
        let strings = Strings::from_iter(texts);
        assert_eq!(strings.iter().collect::<Vec<_>>(), texts);
        assert_eq!((strings.get(3), strings.get(5)), (Some("längst"), None));
        let MetadataValue::Array(array) = MetadataValue::from(&[1.5f64, -2.0][..]) else { panic!("no array") };
        assert_eq!(array.scalars().collect::<Vec<_>>(), [MetadataValue::F64(1.5), MetadataValue::F64(-2.0)]);
    }
}
