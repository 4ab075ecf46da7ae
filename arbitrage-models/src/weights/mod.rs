//! Weight files, read without a tensor library: GGUF and Hugging Face safetensors, both memory-mapped.
//!
//! One vocabulary for both formats: tensors carry Hugging Face names (`model.layers.0.self_attn.q_proj.weight`) and
//! row-major shapes, outermost first (`[out, in]` for a linear layer), and their bytes stay as they lie in the file.
//! Quantised blocks are handed out packed; [`TensorView::to_f32`] unpacks them where a plain path wants numbers.
//!
//! Files are untrusted: all of a header is checked against the file's true size before anything of size is allocated,
//! and each failure names the file and the field or tensor.
//!
//! A mapping shows the file as it is *now*. Whoever shortens a file while it is mapped makes the system end the
//! process (`SIGBUS`), which no reader of mappings can prevent; our own writers therefore write aside and rename.

mod dtype;
mod layout;
mod mapped;
mod rows;
mod source;
mod tensor;

pub mod blocks;
pub mod gguf;
pub mod report;
pub mod safetensors;
pub mod writer;

pub use blocks::{dequantize_row, fit_row, quantize_row};
pub use dtype::DType;
pub use gguf::Gguf;
pub use report::LoadReport;
pub use rows::{Rows, Scratch};
pub use safetensors::SafetensorsFolder;
pub use source::{WeightSource, scan_finite};
pub use tensor::TensorView;

/// `text` as error messages may quote it: escaped, and cut after 120 characters, since it may come from a hostile file.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 120;
    let cut = text.chars().take(MOST).flat_map(char::escape_debug).collect::<String>();
    if text.chars().nth(MOST).is_some() { cut + "…" } else { cut }
}
