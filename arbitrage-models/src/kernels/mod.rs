//! Packed and fused arithmetic for the processor.
//!
//! Decoding one token reads every weight once. So weights stay as small as they are in their file, and the arithmetic is fast
//! enough to take no longer than reading them. What burn's own processor backend does with plain tensors, these kernels do with
//! packed ones; the decoder runs whole passes with them (`decoder::packed_pass`), and uses plain operations on every other device.
//!
//! | file | what |
//! |---|---|
//! | `isa` | operations on vectors and tiles, by instruction set |
//! | `pool` | threads that are awake when work comes |
//! | `matrix`, `blocks` | weights, packed in groups of eight rows |
//! | `activations`, `product` | `x · Wᵀ` |
//! | `elementwise` | RMSNorm, gated activations, sums |
//! | `kv_cache`, `attention` | rotary encoding, append, grouped attention |
//!
//! Everything is batch-invariant: the bits of a row's result depend neither on the other rows of a pass, nor on the number of
//! threads, nor on the instruction set.
//!
//! Two environment variables are read: `ARBITRAGE_ISA` names the instruction set, and `ARBITRAGE_THREADS` the number of threads.

mod activations;
mod attention;
mod blocks;
mod elementwise;
mod isa;
mod kv_cache;
mod matrix;
mod memory;
mod pool;
mod product;

pub use kv_cache::{CachePrecision, KvCache};
pub use matrix::PackedMatrix;

pub(crate) use attention::{AttentionLayer, Heads, Rotation, attend};
pub(crate) use elementwise::{add, gated, rms_norm, rms_norm_columns};
pub(crate) use isa::InstructionSet;
pub(crate) use pool::Pool;
pub(crate) use product::{Product, ProductInput, multiply};

use crate::error::Result;

/// Refuses values of the environment variables that have no meaning.
///
/// # Errors
/// [`Error::Parameter`](crate::Error::Parameter), naming the variable and the values it may have.
pub(crate) fn check_environment() -> Result<()> {
    InstructionSet::chosen()?;
    pool::chosen_threads()?;
    Ok(())
}
