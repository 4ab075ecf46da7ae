//! Checkpoints that GPTQ (Frantar et al., arXiv 2210.17323) and AWQ (Lin et al., arXiv 2306.00978) quantised to 4 bits.
//!
//! A matrix `X.weight`, `[out, in]`, is stored as `X.qweight` (eight numbers in each 32-bit word), `X.scales` and `X.qzeros`, of which every
//! group of inputs has its own: `weight = scale · (number − zero)`. [`Int4Folder`] presents each as one tensor of a block format, which has
//! the same numbers, zeros and scales: Q4_0 where every zero is 8, as in symmetric quantisation, otherwise [`DType::Int4`](super::DType::Int4).
//!
//! GPTQ with "act order" (`desc_act`) gives the inputs of a group any place in the row; `X.g_idx` tells the group of each. Columns are then
//! repacked group by group, and [`RepackedTensor::columns`](super::RepackedTensor::columns) tells where each comes from.

mod folder;
mod matrix;
mod settings;

pub use folder::Int4Folder;
pub use settings::Int4Settings;
