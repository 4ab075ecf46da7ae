//! Checkpoints whose matrices are stored in floats of 8 bits, as DeepSeek's and Qwen3's own FP8 repositories.
//!
//! A matrix `X.weight`, `[out, in]`, is stored as E4M3 with a scale for each block of `weight_block_size` rows and columns, or one for all of
//! it: `X.weight_scale_inv` or `X.weight_scale`, which despite the first name is multiplied: `weight = number · scale`. [`Fp8Folder`] presents
//! each as one tensor of BF16: the product in f32, rounded once, as DeepSeek's own `weight_dequant` and transformers do.
//!
//! Those who run such a model in 8 bits also round activations, to scales that are computed (`activation_scheme: dynamic`) or stored (`static`,
//! `X.input_scale`). Here activations are multiplied as they are, so that neither changes what is computed.

mod e4m3;
mod folder;
mod matrix;
mod settings;

pub use folder::Fp8Folder;
pub use settings::Fp8Settings;
