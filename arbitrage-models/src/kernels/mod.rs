//! Packed and fused arithmetic for the processor.
//!
//! Decoding one token reads every weight once, so that weights stay as small as their file has them and the arithmetic hides
//! behind the memory. What burn's own processor backend does with plain tensors, these do with packed ones; the decoder calls
//! them through burn's extension mechanism, and keeps the plain operations beside them for every other device.
//!
//! | file | what |
//! |---|---|
//! | `isa` | vector operations, by instruction set |
//! | `pool` | threads that are awake when work comes |
//! | `matrix`, `blocks` | weights, re-laid in groups of eight rows |
//! | `activations`, `product` | `x · Wᵀ` |
//! | `elementwise` | RMSNorm, SwiGLU |
//! | `kv_cache`, `attention` | rotary encoding, append, grouped attention |
//!
//! Everything is batch-invariant: the bits of a row's result do not depend on the rows that run beside it.

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

pub use kv_cache::KvCache;
pub use matrix::PackedMatrix;

pub(crate) use attention::{Heads, Rotation, attend};
pub(crate) use elementwise::{rms_norm, swiglu};
pub(crate) use isa::InstructionSet;
pub(crate) use pool::Pool;
pub(crate) use product::{Input, Product, multiply};
