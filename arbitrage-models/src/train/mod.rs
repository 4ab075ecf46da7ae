//! Training, on burn's autodiff: decoders from scratch or from the weights of a folder, and heads on top of them.
//!
//! | item | what it is |
//! |---|---|
//! | [`Transformer`] | the decoder as a burn module, for whole texts |
//! | [`TransformerWithHead`] | a transformer with a linear head on some of its rows: reward models, routers |
//! | [`Lora`] | low-rank adapters, which are trained in place of a decoder's weights |
//! | [`Objective`] | a loss over examples, and a score by which the best weights are selected |
//! | [`Trainer`] | the training loop: AdamW, warm-up and decay, early stopping, checkpoints from which a killed run is resumed |
//!
//! Trained weights are saved as a Hugging Face folder ([`Transformer::save`], [`TransformerWithHead::save`]), from which
//! [`Decoder`](crate::Decoder) and `Classifier` load them. So trained models run on the same code as all others, and a single test
//! has to show that the module computes what the decoder does.

mod batch_schedule;
mod block;
mod checkpoint;
mod classification;
mod folder;
mod identity;
mod labelled_text;
mod lora;
mod next_token;
mod objective;
mod parameter_source;
mod position_tables;
mod schedule;
mod shards;
mod trainer;
mod transformer;
mod with_head;

pub use classification::{ClassificationObjective, Loss};
pub use folder::FolderFiles;
pub use labelled_text::{LabelledRow, LabelledText};
pub use lora::{Lora, ParameterCount, count_parameters};
pub use next_token::{NextTokenObjective, TrainingExample};
pub use objective::{Objective, TrainProgress};
pub use schedule::Schedule;
pub use trainer::{TrainOutput, Trainer};
pub use transformer::{TextBatch, Transformer};
pub use with_head::{HeadBias, TransformerWithHead};
