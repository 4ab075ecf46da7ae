//! Element types that a weight file may hold here.

use crate::error::{Error, Result};

/// How a tensor's values are stored.
///
/// All but the three float types are GGML block formats: a row is a sequence of blocks of
/// [`block_len`](Self::block_len) values in [`block_bytes`](Self::block_bytes) bytes, see [`blocks`](super::blocks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of a single-precision number.
    BF16,
    /// 8 bits a value and one scale a block of 32.
    Q8_0,
    /// 4 bits a value and one scale a block of 32.
    Q4_0,
    /// 4 bits a value, one scale and one minimum a block of 32.
    Q4_1,
    /// 5 bits a value and one scale a block of 32.
    Q5_0,
    /// 5 bits a value, one scale and one minimum a block of 32.
    Q5_1,
    /// 4 bits a value, one scale and one zero a block of 32: what the matrices of GPTQ and AWQ [are repacked
    /// to](super::RepackedTensor). No file has it.
    Int4,
    /// 4 bits a value, which choose among sixteen numbers, and one scale a block of 32.
    Iq4Nl,
    /// The same with 8 scales of 6 bits a block of 256.
    Iq4Xs,
    /// 2 bits a value; 16 scales and minima of 4 bits a block of 256.
    Q2K,
    /// 3 bits a value; 16 scales of 6 bits a block of 256.
    Q3K,
    /// 4 bits a value; 8 scales and minima of 6 bits a block of 256.
    Q4K,
    /// 5 bits a value; 8 scales and minima of 6 bits a block of 256.
    Q5K,
    /// 6 bits a value; 16 scales of 8 bits a block of 256.
    Q6K,
}

/// What is fixed for a type.
struct Properties {
    name: &'static str,
    /// Values of a block.
    block_len: usize,
    block_bytes: usize,
    ggml_id: Option<u32>,
}

/// GGML's types that are not read here, by number: other quantisations, types of intermediate results, numbers that are no weights,
/// and types that ggml has removed.
const UNREAD: [(u32, &str); 28] = [
    (4, "Q4_2"),
    (5, "Q4_3"),
    (9, "Q8_1"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (31, "Q4_0_4_4"),
    (32, "Q4_0_4_8"),
    (33, "Q4_0_8_8"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (36, "IQ4_NL_4_4"),
    (37, "IQ4_NL_4_8"),
    (38, "IQ4_NL_8_8"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
    (42, "Q2_0"),
];

/// The name of the GGML type with this number, if it is one that is known and not read.
pub(super) fn unread_ggml_type(id: u32) -> Option<&'static str> {
    UNREAD.iter().find(|(number, _)| *number == id).map(|(_, name)| *name)
}

impl DType {
    /// Every type, in the order of declaration.
    pub const ALL: [Self; 16] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Int4,
        Self::Iq4Nl,
        Self::Iq4Xs,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    const fn properties(self) -> Properties {
        const NONE: u32 = u32::MAX;
        let (name, block_len, block_bytes, ggml_id) = match self {
            Self::F32 => ("F32", 1, 4, 0),
            Self::F16 => ("F16", 1, 2, 1),
            Self::BF16 => ("BF16", 1, 2, 30),
            Self::Q8_0 => ("Q8_0", 32, 34, 8),
            Self::Q4_0 => ("Q4_0", 32, 18, 2),
            Self::Q4_1 => ("Q4_1", 32, 20, 3),
            Self::Q5_0 => ("Q5_0", 32, 22, 6),
            Self::Q5_1 => ("Q5_1", 32, 24, 7),
            Self::Int4 => ("INT4", 32, 20, NONE),
            Self::Iq4Nl => ("IQ4_NL", 32, 18, 20),
            Self::Iq4Xs => ("IQ4_XS", 256, 136, 23),
            Self::Q2K => ("Q2_K", 256, 84, 10),
            Self::Q3K => ("Q3_K", 256, 110, 11),
            Self::Q4K => ("Q4_K", 256, 144, 12),
            Self::Q5K => ("Q5_K", 256, 176, 13),
            Self::Q6K => ("Q6_K", 256, 210, 14),
        };
        let ggml_id = if ggml_id == NONE { None } else { Some(ggml_id) };
        Properties { name, block_len, block_bytes, ggml_id }
    }

    /// The name that GGUF and safetensors tools print, such as `Q4_K`.
    pub const fn name(self) -> &'static str {
        self.properties().name
    }

    /// Values in one block; 1 for the float types.
    pub const fn block_len(self) -> usize {
        self.properties().block_len
    }

    /// Bytes of one block.
    pub const fn block_bytes(self) -> usize {
        self.properties().block_bytes
    }

    /// Bits for each value, scales included: 4.5 for Q4_0.
    pub const fn bits(self) -> f32 {
        (8 * self.block_bytes()) as f32 / self.block_len() as f32
    }

    /// This format if rows of `cols` values fill its blocks; otherwise one with blocks of 32 and at least as many bits: IQ4_NL for Q2_K,
    /// Q3_K and IQ4_XS, as in llama.cpp, Q4_0 for Q4_K, Q5_0 for Q5_K, Q8_0 for Q6_K. `None` if rows do not fill those either.
    pub const fn for_columns(self, cols: usize) -> Option<Self> {
        let smaller = match self {
            _ if cols.is_multiple_of(self.block_len()) => self,
            Self::Q2K | Self::Q3K | Self::Iq4Xs => Self::Iq4Nl,
            Self::Q4K => Self::Q4_0,
            Self::Q5K => Self::Q5_0,
            Self::Q6K => Self::Q8_0,
            _ => return None,
        };
        if cols.is_multiple_of(smaller.block_len()) { Some(smaller) } else { None }
    }

    /// The type's number in a GGUF file (`ggml_type` in ggml's `ggml.h`), if such files may have it.
    pub const fn ggml_id(self) -> Option<u32> {
        self.properties().ggml_id
    }

    /// The type with this number in a GGUF file, if it is one that we read.
    pub fn from_ggml_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.ggml_id() == Some(id))
    }

    /// Bytes of a row of `values`; `None` unless they fill whole blocks, or if the size overflows.
    pub const fn row_bytes(self, values: usize) -> Option<usize> {
        if values.is_multiple_of(self.block_len()) {
            (values / self.block_len()).checked_mul(self.block_bytes())
        } else {
            None
        }
    }

    /// Bytes of a tensor of `shape` (outermost first); `None` unless its rows fill whole blocks and nothing overflows.
    pub fn tensor_bytes(self, shape: &[usize]) -> Option<usize> {
        let (row, outer) = shape.split_last().unwrap_or((&1, &[]));
        outer.iter().try_fold(self.row_bytes(*row)?, |bytes, dim| bytes.checked_mul(*dim))
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for DType {
    type Err = Error;

    /// Reads [`name`](Self::name), in upper or lower case.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name().eq_ignore_ascii_case(text)).ok_or_else(|| Error::Parameter {
            name: "weight format",
            expected: format!("one of {}", Self::ALL.map(|dtype| dtype.name().to_lowercase()).join(", ")),
            found: format!("`{}`", arbitrage_core::text::excerpt(text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{DType, unread_ggml_type};

    #[test]
    fn names_are_read_in_any_case_and_others_refused_with_a_list() {
        for dtype in DType::ALL {
            assert_eq!(dtype.name().parse::<DType>().unwrap(), dtype);
            assert_eq!(dtype.name().to_lowercase().parse::<DType>().unwrap(), dtype);
        }
        for text in ["", "q4", "q4_k_m", " q4_0"] {
            let error = text.parse::<DType>().unwrap_err().to_string();
            assert!(error.contains("one of f32, f16") && error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn numbers_and_sizes_round_trip() {
        for dtype in DType::ALL {
            assert_eq!(dtype.ggml_id().and_then(DType::from_ggml_id), dtype.ggml_id().map(|_| dtype));
            assert_eq!(dtype.row_bytes(dtype.block_len() * 3), Some(dtype.block_bytes() * 3));
            assert_eq!(dtype.tensor_bytes(&[5, dtype.block_len()]), Some(dtype.block_bytes() * 5));
        }
        assert_eq!(DType::from_ggml_id(16), None);
    }

    #[test]
    fn every_number_of_ggml_is_read_or_has_a_name() {
        for id in 0..43 {
            assert_ne!(DType::from_ggml_id(id).is_some(), unread_ggml_type(id).is_some(), "type {id}");
        }
        assert_eq!((unread_ggml_type(21), unread_ggml_type(43)), (Some("IQ3_S"), None));
    }

    #[test]
    fn broken_blocks_and_overflows_have_no_size() {
        assert_eq!(DType::Q4K.row_bytes(255), None);
        assert_eq!(DType::Q4_0.tensor_bytes(&[4, 16]), None);
        assert_eq!(DType::F32.tensor_bytes(&[usize::MAX, 2]), None);
        assert_eq!(DType::F32.tensor_bytes(&[]), Some(4));
    }
}
