//! Weight files, read without a tensor library: GGUF and Hugging Face safetensors, both memory-mapped.
//!
//! Both formats are presented alike: tensors have Hugging Face names (`model.layers.0.self_attn.q_proj.weight`) and row-major shapes,
//! outermost dimension first (`[out, in]` for a linear layer), and their bytes are those of the file. Quantised blocks stay packed;
//! [`TensorView::to_f32`] unpacks them.
//!
//! Files are untrusted: a header is checked against the file's actual size before memory is allocated for what it declares, and each
//! failure names the file and the field or tensor.
//!
//! A mapping shows the file as it is *now*. If a file is shortened while it is mapped, the system ends the process (`SIGBUS`), which no
//! reader of mappings can prevent. Our own writers therefore write a temporary file and rename it.

mod dtype;
mod layout;
mod mapped;
mod matrix_parts;
mod quantised;
mod repacked;
mod rows;
mod source;
mod tensor;

pub mod blocks;
pub mod fp8;
pub mod gguf;
pub mod int4;
pub mod report;
pub mod safetensors;
pub mod writer;

pub use blocks::{dequantize_row, fit_row, quantize_row};
pub use dtype::DType;
pub use fp8::{Fp8Folder, Fp8Settings};
pub use gguf::Gguf;
pub use int4::{Int4Folder, Int4Settings};
pub use quantised::FolderQuantisation;
pub use repacked::RepackedTensor;
pub use report::LoadReport;
pub use rows::{Rows, Scratch};
pub use safetensors::SafetensorsFolder;
pub use source::{WeightSource, scan_finite};
pub use tensor::TensorView;
