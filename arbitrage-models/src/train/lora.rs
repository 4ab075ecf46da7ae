//! Low-rank adapters, which are trained while all other weights are frozen.

use burn::module::{LoraAdapter, Module, ModuleVisitor, Param, Reparameterizer};
use burn::tensor::{Device, Tensor, TensorData};

use super::parameter_source::{INIT_DEVIATION, RandomInit};
use super::transformer::Transformer;
use crate::config::ModelConfig;
use crate::error::{Error, Result};

/// Low-rank adaptation (Hu et al., arXiv 2106.09685): each linear layer of every block gets the product of two thin matrices,
/// `W + α/r · A·B` with `A: [in, r]`, `B: [r, out]`. Only these are trained; all other weights are frozen.
///
/// `B` is zero at first, so that training starts from the unchanged model. Saved folders have the sums, so they are ordinary
/// decoders.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lora {
    rank: usize,
    alpha: f64,
    seed: u64,
}

impl Lora {
    /// Adapters of `rank`, with α twice the rank.
    pub fn new(rank: usize) -> Self {
        Self { rank, alpha: 2.0 * rank as f64, seed: 0 }
    }

    /// Sets α, the weight of the adapters, above 0.
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets the seed of the initial `A`.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Refuses a rank of 0 or above the smallest width of a layer, and an α that is not above 0.
    fn check(&self, config: &ModelConfig) -> Result<()> {
        let widths =
            [config.hidden, config.feed_forward, config.heads * config.head_dim, config.kv_heads * config.head_dim];
        let width = widths.into_iter().fold(usize::MAX, usize::min);
        let invalid = |name, expected, found| Err(Error::Parameter { name, expected, found });
        if !(1..=width).contains(&self.rank) {
            return invalid("rank", format!("1..={width}, the smallest width of a layer"), self.rank.to_string());
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return invalid("alpha", "a number above 0".to_owned(), self.alpha.to_string());
        }
        Ok(())
    }
}

impl Transformer {
    /// The same model with new adapters, of which only these are trained. Adapters that it had are merged first.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a rank of 0 or above a layer's width, and for an α that is not above 0.
    pub fn with_lora(self, lora: &Lora) -> Result<Self> {
        lora.check(&self.config)?;
        let device = self.device();
        let adapters = AdapterFactory::new(lora, &device);
        Ok(Self {
            embedding: self.embedding.no_grad(),
            blocks: self.blocks.materialize().apply_reparameterization(adapters),
            norm: self.norm.no_grad(),
            head: self.head.no_grad(),
            config: self.config,
        })
    }
}

/// Freezes every parameter, and adds an adapter to each matrix.
struct AdapterFactory<'a> {
    init: RandomInit<'a>,
    device: &'a Device,
    rank: usize,
    scale: f64,
}

impl<'a> AdapterFactory<'a> {
    fn new(lora: &Lora, device: &'a Device) -> Self {
        // A checkpoint is identified by the initial weights, of which α is not a part. So the random numbers depend on α: the
        // checkpoint of a training with another α is then refused.
        let init = RandomInit::new(lora.seed ^ lora.alpha.to_bits(), device);
        Self { init, device, rank: lora.rank, scale: lora.alpha / lora.rank as f64 }
    }
}

impl Reparameterizer for AdapterFactory<'_> {
    type Reparam = LoraAdapter;

    fn reparameterize<const D: usize>(
        &mut self,
        _path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraAdapter>) {
        let frozen = param.set_require_grad(false);
        let &[input, output] = frozen.base().dims().as_slice() else { return (frozen, None) };
        let b = Param::from_data(TensorData::new(vec![0f32; self.rank * output], [self.rank, output]), self.device);
        // With entries of variance 1/in, the outputs of A have the variance of its inputs.
        let a = self.init.normal([input, self.rank], (input as f64).powf(-0.5) / INIT_DEVIATION);
        (frozen, Some(LoraAdapter { a, b, scale: self.scale }))
    }
}

/// How many parameters a module has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParameterCount {
    /// Parameters that are trained.
    pub trainable: usize,
    /// All parameters.
    pub total: usize,
}

/// Counts the parameters of a module that is about to be trained.
///
/// ```no_run
/// use arbitrage_models::train::{Lora, Transformer, count_parameters};
/// # fn main() -> arbitrage_models::Result<()> {
/// let base = Transformer::open("model", &arbitrage_models::device("flex")?)?.with_lora(&Lora::new(8))?;
/// let count = count_parameters(&base);
/// assert!(count.trainable < count.total);
/// # Ok(())
/// # }
/// ```
pub fn count_parameters<M: Module>(model: &M) -> ParameterCount {
    let mut count = ParameterCount::default();
    model.clone().train().visit(&mut count);
    count
}

impl ModuleVisitor for ParameterCount {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let parameters = param.shape().num_elements();
        self.total += parameters;
        self.trainable += if param.is_require_grad() { parameters } else { 0 };
    }
}
