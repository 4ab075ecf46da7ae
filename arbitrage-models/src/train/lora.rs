//! Learning little: low-rank adapters beside frozen weights.

use burn::module::{LoraAdapter, Module, ModuleVisitor, Param, Reparameterizer};
use burn::tensor::{Device, Tensor, TensorData};

use super::init::{DEVIATION, Init};
use super::transformer::Transformer;
use crate::config::ModelConfig;
use crate::error::{Error, Result};

/// Low-rank adaptation (Hu et al., arXiv 2106.09685): to each linear layer of every block the product of two thin matrices is added,
/// `W + α/r · A·B` with `A: [in, r]`, `B: [r, out]`. Only they learn; all that a decoder had is frozen.
///
/// `B` is zero at first, so that the model begins as what it was. Folders hold the sums: what is saved is a decoder like any other.
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

    /// Sets α: how much the adapters count, above 0.
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets the seed of the first `A`.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Refuses a rank of which a layer's own weights would hold no more, and an α that makes no sense.
    fn check(&self, config: &ModelConfig) -> Result<()> {
        let widths =
            [config.hidden, config.feed_forward, config.heads * config.head_dim, config.kv_heads * config.head_dim];
        let width = widths.into_iter().fold(usize::MAX, usize::min);
        let wrong = |name, expected, found| Err(Error::Parameter { name, expected, found });
        if !(1..=width).contains(&self.rank) {
            return wrong("rank", format!("1..={width}, the least width of a layer"), self.rank.to_string());
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return wrong("alpha", "a number above 0".to_owned(), self.alpha.to_string());
        }
        Ok(())
    }
}

impl Transformer {
    /// The same model, of which only fresh adapters learn. Those that it had are merged first.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a rank of 0 or above a layer's width, and for an α that is not above 0.
    pub fn with_lora(self, lora: &Lora) -> Result<Self> {
        lora.check(&self.config)?;
        let device = self.device();
        let adapters = Adapters::new(lora, &device);
        Ok(Self {
            embedding: self.embedding.no_grad(),
            blocks: self.blocks.materialize().apply_reparameterization(adapters),
            norm: self.norm.no_grad(),
            head: self.head.no_grad(),
            config: self.config,
        })
    }
}

/// Freezes what it meets, and gives matrices an adapter.
struct Adapters<'a> {
    init: Init<'a>,
    device: &'a Device,
    rank: usize,
    scale: f64,
}

impl<'a> Adapters<'a> {
    fn new(lora: &Lora, device: &'a Device) -> Self {
        // α is not among the weights that a checkpoint is known by, so the draws depend on it: with another α, it is refused.
        let init = Init::new(lora.seed ^ lora.alpha.to_bits(), device);
        Self { init, device, rank: lora.rank, scale: lora.alpha / lora.rank as f64 }
    }
}

impl Reparameterizer for Adapters<'_> {
    type Reparam = LoraAdapter;

    fn reparameterize<const D: usize>(
        &mut self,
        _path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraAdapter>) {
        let frozen = param.set_require_grad(false);
        let &[input, output] = frozen.base().dims().as_slice() else { return (frozen, None) };
        let b = Param::from_data(TensorData::new(vec![0f32; self.rank * output], [self.rank, output]), self.device);
        // Entries of variance 1/in: what comes out of A varies as what went in.
        let a = self.init.normal([input, self.rank], (input as f64).powf(-0.5) / DEVIATION);
        (frozen, Some(LoraAdapter { a, b, scale: self.scale }))
    }
}

/// Parameters that learn, and all, of a module that is about to be trained.
///
/// ```no_run
/// use arbitrage_models::train::{Lora, Transformer, learning};
/// # fn main() -> arbitrage_models::Result<()> {
/// let base = Transformer::open("model", &arbitrage_models::device("flex")?)?.with_lora(&Lora::new(8))?;
/// let (few, all) = learning(&base);
/// assert!(few < all);
/// # Ok(())
/// # }
/// ```
pub fn learning<M: Module>(model: &M) -> (usize, usize) {
    let mut count = Count::default();
    model.clone().train().visit(&mut count);
    (count.learning, count.all)
}

#[derive(Default)]
struct Count {
    learning: usize,
    all: usize,
}

impl ModuleVisitor for Count {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let parameters = param.shape().num_elements();
        self.all += parameters;
        self.learning += if param.is_require_grad() { parameters } else { 0 };
    }
}
