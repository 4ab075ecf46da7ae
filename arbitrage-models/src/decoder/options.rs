//! How a decoder is loaded.

use std::fmt;
use std::sync::Arc;

use burn::tensor::{Device, FloatDType};

#[cfg(feature = "flex")]
use super::{Decoder, sharing::SharedMatrices};
use crate::config::ModelConfig;
use crate::device::refused;
use crate::error::{Error, Result};
use crate::weights::DType;

/// In which form weights are kept and multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// f32 burn tensors and plain operations, on any device: the reference, and the form for training.
    Plain,
    /// As [`Plain`](Self::Plain) with weights, caches and products in half precision: the form for GPUs. bf16 where the device
    /// computes in it, which has the range of f32, else f16. The residual stream, norms, rotations and softmax stay in f32.
    Half,
    /// As the file has them (f32, f16, bf16 or GGUF blocks), multiplied by the processor's kernels. Device `flex` only.
    #[cfg(feature = "flex")]
    Packed,
}

impl Precision {
    /// Whether the operations are burn's own.
    pub(super) fn is_plain(self) -> bool {
        match self {
            Self::Plain | Self::Half => true,
            #[cfg(feature = "flex")]
            Self::Packed => false,
        }
    }

    /// Refuses values of the kernels' environment variables that have no meaning, where the kernels are used.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter), naming the variable and the values it may have.
    pub(super) fn check_environment(self) -> Result<()> {
        match self {
            Self::Plain | Self::Half => Ok(()),
            #[cfg(feature = "flex")]
            Self::Packed => crate::kernels::check_environment(),
        }
    }

    /// The type of burn tensors that hold weights and caches; `None` where the processor's kernels hold them.
    ///
    /// # Errors
    /// [`Error::Device`] when half precision is asked for on a device that lacks it.
    pub(super) fn dtype(self, device: &Device) -> Result<FloatDType> {
        match self {
            Self::Half => half(device).ok_or_else(|| {
                let reason = "it does not compute in half precision: ask for `Precision::Plain`";
                refused(&format!("{device:?}"), reason)
            }),
            _ => Ok(FloatDType::F32),
        }
    }
}

/// The half-precision type that `device` computes in, if it does.
fn half(device: &Device) -> Option<FloatDType> {
    [FloatDType::BF16, FloatDType::F16].into_iter().find(|&dtype| device.supports_dtype(dtype))
}

/// Options of [`Decoder::load`](crate::Decoder::load).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadOptions {
    /// Where the weights go.
    pub device: Device,
    /// How they are kept.
    pub precision: Precision,
    /// Looks at every weight for NaN and infinity before use: a pass over the whole file.
    pub scan: bool,
    /// The most precise format that weights are kept in; `None` keeps the file's. See [`with_weights`](Self::with_weights).
    pub weights: Option<DType>,
    /// Keeps keys and values in 8 bits. See [`with_int8_cache`](Self::with_int8_cache).
    pub int8_cache: bool,
    /// The most positions of a sequence; `None` for as many as the file allows. See [`with_context`](Self::with_context).
    pub context: Option<usize>,
    /// Who learns how far loading is. See [`with_progress`](Self::with_progress).
    pub progress: Option<LoadProgress>,
    /// Where matrices are taken from that were packed before.
    #[cfg(feature = "flex")]
    pub(super) shared: Option<SharedMatrices>,
}

/// A listener to the progress of loading.
#[derive(Clone)]
pub struct LoadProgress(Arc<dyn Fn(usize) + Send + Sync>);

impl fmt::Debug for LoadProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoadProgress")
    }
}

impl LoadOptions {
    /// Packed on the processor; elsewhere in half precision where the device computes in it, else plain.
    pub fn new(device: Device) -> Self {
        let on_device = if half(&device).is_some() { Precision::Half } else { Precision::Plain };
        #[cfg(feature = "flex")]
        let precision = if device == Device::flex() { Precision::Packed } else { on_device };
        #[cfg(not(feature = "flex"))]
        let precision = on_device;
        Self {
            device,
            precision,
            scan: false,
            weights: None,
            int8_cache: false,
            context: None,
            progress: None,
            #[cfg(feature = "flex")]
            shared: None,
        }
    }

    /// Sets the form of the weights.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Asks for the full scan.
    pub fn with_scan(mut self) -> Self {
        self.scan = true;
        self
    }

    /// Requantises, row by row as they are loaded, the weights of linear layers and of the head that have more bits a weight
    /// than `most`; at 4 bits and fewer with scales that a search found ([`fit_row`](crate::weights::fit_row)). Those
    /// with as many bits or fewer stay bit for bit, and so do norms, biases and the embedding's rows, which decoding hardly
    /// reads. Rows that fill no blocks of the format take [one with smaller blocks](DType::for_columns) or stay.
    ///
    /// A model with fewer bits a weight drafts faster and worse. Its file is not changed.
    pub fn with_weights(mut self, most: DType) -> Self {
        self.weights = Some(most);
        self
    }

    /// Keeps the keys and values of each sequence in 8 bits in place of 16, with a scale for every 32 columns of a head: 9/16 of the
    /// memory, which is also what decoding reads of it. It costs precision: 1 to 3 of 100 most probable tokens change, more than packed
    /// weights change alone (`docs/results/rows.md` has the figures of real models). Only with
    /// `Precision::Packed`; with another one, loading is an error.
    pub fn with_int8_cache(mut self) -> Self {
        self.int8_cache = true;
        self
    }

    /// Bounds the context of the model to `context` positions, at most those of the file. Memory is not saved by it: caches grow with what
    /// is in them. But models with LongRoPE (Phi-3, Phi-4-mini) have two sets of rotary factors, of which the context chooses one for all
    /// texts: with a context of at most the one that they were first trained with, they compute what they did then, which serves short
    /// texts better.
    pub fn with_context(mut self, context: usize) -> Self {
        self.context = Some(context);
        self
    }

    /// `config` with the context that is asked for.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) for none, and for more positions than the model's files allow.
    pub(super) fn bounded(&self, config: ModelConfig) -> Result<ModelConfig> {
        match self.context {
            None => Ok(config),
            Some(context) if (1..=config.context).contains(&context) => {
                Ok(ModelConfig { context, context_key: "the option `context`".to_owned(), ..config })
            }
            Some(context) => Err(Error::Parameter {
                name: "context",
                expected: format!("1 to {} positions, which the model's files allow", config.context),
                found: context.to_string(),
            }),
        }
    }

    /// Calls `loaded` while weights are loaded, with the number of bytes of the file that were done since the last call. They add up to the
    /// size of the matrices, which is the size of the file but for its header, vocabulary and norms.
    pub fn with_progress(mut self, loaded: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.progress = Some(LoadProgress(Arc::new(loaded)));
        self
    }

    /// Takes over the packed matrices of `decoder` that would be the same, if it was loaded from the same file: with other
    /// [weights](Self::with_weights), those that they leave as they are. They are then in memory once.
    #[cfg(feature = "flex")]
    pub fn sharing(mut self, decoder: Arc<Decoder>) -> Self {
        self.shared = Some(SharedMatrices::of(decoder));
        self
    }

    /// Reports `bytes` more of the file as loaded.
    pub(super) fn report_loaded(&self, bytes: usize) {
        if let Some(LoadProgress(loaded)) = &self.progress {
            loaded(bytes);
        }
    }
}
