//! Local language models for step-level speculative reasoning, on burn.
//!
//! [`LocalModel`] opens a GGUF file or a Hugging Face folder and drafts steps; [`LocalTarget`] verifies them. Both plug into
//! `arbitrage_core`'s engine:
//!
#![cfg_attr(feature = "flex", doc = "```no_run")]
#![cfg_attr(not(feature = "flex"), doc = "```ignore")]
//! use arbitrage_core::{Engine, Problem, router::MeanLogprob};
//! use arbitrage_models::{LoadOptions, LocalModel, LocalTarget, device};
//!
//! let options = LoadOptions::new(device("flex")?);
//! let draft = LocalModel::open("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", &options)?;
//! let target = LocalTarget::new(LocalModel::open("qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", &options)?);
//! let mut engine = Engine::new(draft, target, MeanLogprob::new(-0.2)?);
//! println!("{}", engine.solve(&Problem::new("What is 17 · 23?"))?.text());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`weights`] | maps GGUF and safetensors files, checked as untrusted input |
//! | [`config`] | the decoder's shape from `config.json` or GGUF metadata |
//! | [`tokenizer`], [`stream`], [`chat`] | text to ids and back, incremental detokenization, chat templates |
//! | [`sampler`] | samples ids from logits |
//! | `kernels` | packed and fused arithmetic for the processor |
//! | `decoder` | the transformer, on any burn device |
//! | `classifier` | classification heads: process reward models |
//! | `quantise` | writes a Hugging Face folder as a GGUF file with weights of 8 bits |
//! | `local` | drafter and verifier in this process, with caches and speculative decoding |
//! | [`profile`] | how the time of a run divides among embedding, products, attention, sampling and so on |
//! | `train` | decoders and heads trained with burn's autodiff (feature `train`) |
//! | [`source`] | models by name: cache, and with the feature `pull` (default) downloads from the hub or a package index |
//! | `remote` | models behind vLLM, SGLang, llama.cpp, TGI and OpenAI servers (feature `remote`) |
//!
//! Features `flex` (the processor, default), `wgpu`, `vulkan`, `metal` and `cuda` choose burn's backends and are additive;
//! [`device`](device()) gives a device by its name. Without any of them the crate reads files and text and needs no burn; `pull`
//! (downloads, default) and `remote` need none either.

#[cfg(feature = "accelerator")]
mod accelerator;
pub mod chat;
#[cfg(feature = "burn")]
pub mod classifier;
pub mod config;
mod content;
#[cfg(feature = "burn")]
mod decoder;
#[cfg(feature = "burn")]
mod device;
mod error;
mod files;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "flex")]
pub mod kernels;
mod layout;
#[cfg(feature = "burn")]
mod local;
mod math;
#[cfg(feature = "burn")]
mod prefill;
pub mod profile;
mod prompt;
#[cfg(feature = "burn")]
pub mod quantise;
#[cfg(feature = "remote")]
pub mod remote;
mod rendered_prompt;
pub mod sampler;
#[cfg(feature = "burn")]
mod sequence;
mod small_file;
pub mod source;
pub mod stream;
pub mod tokenizer;
#[cfg(feature = "train")]
pub mod train;
mod unique_json;
pub mod weights;

#[cfg(feature = "burn")]
pub use classifier::{Classifier, ProcessReward};
#[cfg(feature = "burn")]
pub use decoder::{Cache, Decoder, LoadOptions, LoadProgress, Output, Outputs, Precision, Span};
#[cfg(feature = "burn")]
pub use device::{Device, DeviceFacts, FoundDevice, compiled_devices, device, found_devices};
#[cfg(feature = "flex")]
pub use device::{ProcessorFacts, processor_facts};
pub use error::{Error, Result};
#[cfg(feature = "burn")]
pub use files::CheckedFiles;
pub use files::{ModelDescription, ModelFiles};
pub use layout::{Layout, Score};
#[cfg(feature = "burn")]
pub use local::{HiddenReader, Listener, LocalModel, LocalTarget, TeacherForced, speculation};
pub use prompt::Prompt;
pub use rendered_prompt::RenderedPrompt;

/// The README's code is compiled and run with the doc examples.
#[cfg(all(doctest, feature = "flex"))]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
