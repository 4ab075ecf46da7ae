//! Training, on burn's autodiff: decoders from scratch or from a folder's weights, and heads on top of them.
//!
//! | item | what it is |
//! |---|---|
//! | [`Transformer`] | the decoder as a burn module, over whole texts |
//! | [`Headed`] | a transformer with a linear head on some of its rows: reward models, routers |
//! | [`Lora`] | adapters that learn in the place of a decoder's weights |
//! | [`Objective`] | what is learned: a loss over examples, and a score by which the best weights are chosen |
//! | [`Fit`] | the loop: AdamW, warm-up and decay, early stopping, checkpoints from which a killed run goes on |
//!
//! Trained weights leave as a Hugging Face folder ([`Transformer::save`], [`Headed::save`]), and that is how
//! [`Decoder`](crate::Decoder) and `Classifier` get them: no second way of running a model
//! has to be kept true to the first by more than one test.

mod block;
mod checkpoint;
mod fit;
mod folder;
mod headed;
mod identity;
mod init;
mod language;
mod lora;
mod order;
mod places;
mod schedule;
mod shards;
mod transformer;

pub use fit::{Fit, Fitted, Objective, Progress};
pub use folder::FolderFiles;
pub use headed::{Headed, Judging, Labelled, Loss, Target};
pub use language::{Language, Lesson};
pub use lora::{Lora, learning};
pub use schedule::Schedule;
pub use transformer::{Texts, Transformer};
