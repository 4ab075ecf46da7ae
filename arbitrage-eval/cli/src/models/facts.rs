//! What is to know about a model's files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arbitrage_models::config::RopeScaling;
use arbitrage_models::source::known_digest;
use arbitrage_models::weights::WeightSource;
use arbitrage_models::{Classifier, ModelFiles};
use serde::Serialize;

use crate::Failure;

/// Tokens of context that the memory is shown for, besides the whole context.
const USUAL_CONTEXT: usize = 4096;
/// Bytes of each number of the key-value cache.
const CACHE_NUMBER_BYTES: usize = 2;

/// What `models inspect` shows.
#[derive(Serialize)]
pub(super) struct ModelFacts {
    pub path: PathBuf,
    pub sha256: Option<String>,
    /// The name and the licence that the files give.
    pub name: Option<String>,
    pub licence: Option<String>,
    pub family: String,
    /// The number of a classifier's outputs; none for a language model.
    pub classifier_outputs: Option<usize>,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// The format of the weights, such as `Q4_K_M`.
    pub format: String,
    pub shape: ShapeFacts,
    pub weights: WeightFacts,
    pub memory: Vec<MemoryFacts>,
    pub tokens: TokenFacts,
    /// None for a classifier.
    pub template: Option<TemplateFacts>,
    pub warnings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tensors: Vec<TensorFacts>,
}

/// The sizes of the decoder.
#[derive(Serialize)]
pub(super) struct ShapeFacts {
    pub layers: usize,
    pub hidden: usize,
    pub feed_forward: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub context: usize,
    pub cache_bytes_per_token: usize,
    /// To how many positions layers with a window attend.
    pub window: Option<usize>,
    pub windowed_layers: usize,
    pub rope_theta: f64,
    pub rope_scaling: Option<String>,
    pub vocabulary: usize,
    pub tied: bool,
}

/// The tensors, all together and by type.
#[derive(Serialize)]
pub(super) struct WeightFacts {
    pub tensors: usize,
    pub bytes: u64,
    pub types: Vec<TypeFacts>,
}

/// The tensors of one type.
#[derive(Serialize)]
pub(super) struct TypeFacts {
    pub dtype: &'static str,
    pub tensors: usize,
    pub bytes: u64,
}

/// Bytes of the weights together with a cache of `context` tokens.
#[derive(Serialize)]
pub(super) struct MemoryFacts {
    pub context: usize,
    pub bytes: u64,
}

/// What the tokenizer begins and ends texts with.
#[derive(Serialize)]
pub(super) struct TokenFacts {
    pub count: usize,
    /// The token that every prompt begins with, if any.
    pub begin: Option<NamedToken>,
    /// The tokens that end a text.
    pub end: Vec<NamedToken>,
}

/// A token by its id and its text.
#[derive(Serialize)]
pub(super) struct NamedToken {
    pub id: u32,
    pub text: String,
}

/// The chat template.
#[derive(Serialize)]
pub(super) struct TemplateFacts {
    /// Where it comes from; none where there is no template.
    pub source: Option<String>,
    /// The prompt of a short conversation.
    pub prompt: String,
}

/// One tensor.
#[derive(Serialize)]
pub(super) struct TensorFacts {
    pub name: String,
    pub dtype: &'static str,
    pub shape: Vec<usize>,
}

impl ModelFacts {
    /// Checks `files`, of the model that the user called `name`, as loading does, and gathers what is known about them.
    ///
    /// # Errors
    /// Those of loading; a `context` beyond the model's.
    pub(super) fn gather(name: &str, path: &Path, files: &ModelFiles, context: Option<usize>) -> Result<Self, Failure> {
        let Checked { classifier_outputs, template, warnings } = Checked::new(files)?;
        let ModelFiles { weights, config, tokenizer, description, .. } = files;
        let facts = weight_facts(weights.as_ref())?;
        Ok(Self {
            path: path.to_owned(),
            sha256: known_digest(Path::new(name)).or_else(|| known_digest(path)),
            name: description.name.clone(),
            licence: description.licence.clone(),
            family: config.family.name.to_owned(),
            classifier_outputs,
            parameters: parameters(weights.as_ref())?,
            format: description.format.clone(),
            shape: shape(files),
            memory: memory(files, facts.bytes, context)?,
            weights: facts,
            tokens: TokenFacts {
                count: tokenizer.vocab_size(),
                begin: tokenizer.bos().map(|id| named(files, id)),
                end: tokenizer.eos_ids().iter().map(|&id| named(files, id)).collect(),
            },
            template,
            warnings,
            tensors: Vec::new(),
        })
    }
}

/// What is known of files that have passed the checks of loading.
struct Checked {
    /// None for a language model.
    classifier_outputs: Option<usize>,
    /// None for a classifier.
    template: Option<TemplateFacts>,
    warnings: Vec<String>,
}

impl Checked {
    fn new(files: &ModelFiles) -> Result<Self, Failure> {
        if Classifier::has_head(files) {
            let outputs = Classifier::check(files)?;
            return Ok(Self { classifier_outputs: Some(outputs), template: None, warnings: Vec::new() });
        }
        let checked = files.check()?;
        let source = files.description.template_source.clone().filter(|_| !checked.template.is_plain());
        let template = TemplateFacts { source, prompt: checked.prompt };
        Ok(Self { classifier_outputs: None, template: Some(template), warnings: checked.warnings })
    }
}

fn shape(files: &ModelFiles) -> ShapeFacts {
    let config = &files.config;
    ShapeFacts {
        layers: config.layers,
        hidden: config.hidden,
        feed_forward: config.feed_forward,
        heads: config.heads,
        kv_heads: config.kv_heads,
        head_dim: config.head_dim,
        context: config.context,
        cache_bytes_per_token: config.cache_bytes_per_token(CACHE_NUMBER_BYTES),
        window: config.window(),
        windowed_layers: config.layer_attention.iter().filter(|layer| layer.window.is_some()).count(),
        rope_theta: config.rope.theta,
        rope_scaling: match &config.rope.scaling {
            RopeScaling::None => None,
            // There are as many factors as half a head is wide: too many to print.
            RopeScaling::Factors(factors) => Some(format!("{} factors", factors.len())),
            RopeScaling::LongRope(rope) => {
                Some(format!("LongRoPE above {} positions, {} factors", rope.original_context, rope.long.len()))
            }
            other => Some(format!("{other:?}")),
        },
        vocabulary: config.vocabulary,
        tied: config.tied,
    }
}

fn weight_facts(source: &dyn WeightSource) -> Result<WeightFacts, Failure> {
    let mut types = BTreeMap::<&'static str, (usize, u64)>::new();
    for name in source.names() {
        let (Some(dtype), Some(shape)) = (source.dtype(&name)?, source.shape(&name)?) else { continue };
        let (count, bytes) = types.entry(dtype.name()).or_default();
        *count += 1;
        *bytes += dtype.tensor_bytes(&shape).unwrap_or_default() as u64;
    }
    let types: Vec<_> =
        types.into_iter().map(|(dtype, (tensors, bytes))| TypeFacts { dtype, tensors, bytes }).collect();
    let (tensors, bytes) = types.iter().fold((0, 0), |all, one| (all.0 + one.tensors, all.1 + one.bytes));
    Ok(WeightFacts { tensors, bytes, types })
}

fn parameters(source: &dyn WeightSource) -> Result<u64, Failure> {
    let tensors = tensors(source)?;
    Ok(tensors.iter().map(|tensor| tensor.shape.iter().map(|&dim| dim as u64).product::<u64>()).sum())
}

/// Every tensor.
///
/// # Errors
/// Those of the source.
pub(super) fn tensors(source: &dyn WeightSource) -> Result<Vec<TensorFacts>, Failure> {
    let mut tensors = Vec::new();
    for name in source.names() {
        let (Some(dtype), Some(shape)) = (source.dtype(&name)?, source.shape(&name)?) else { continue };
        tensors.push(TensorFacts { name, dtype: dtype.name(), shape });
    }
    Ok(tensors)
}

fn memory(files: &ModelFiles, weight_bytes: u64, context: Option<usize>) -> Result<Vec<MemoryFacts>, Failure> {
    let most = files.config.context;
    if let Some(context) = context.filter(|context| !(1..=most).contains(context)) {
        return Err(format!("--context: expected 1 to {most} tokens, the model's context, found {context}").into());
    }
    let mut contexts = context.map_or_else(|| vec![USUAL_CONTEXT.min(most), most], |context| vec![context]);
    contexts.dedup();
    let token = files.config.cache_bytes_per_token(CACHE_NUMBER_BYTES) as u64;
    let bytes = |context: usize| weight_bytes.saturating_add(token.saturating_mul(context as u64));
    Ok(contexts.into_iter().map(|context| MemoryFacts { context, bytes: bytes(context) }).collect())
}

fn named(files: &ModelFiles, id: u32) -> NamedToken {
    let text = files.tokenizer.token_bytes(id).unwrap_or_default();
    NamedToken { id, text: String::from_utf8_lossy(text).into_owned() }
}
