//! The metadata of a GGUF file that describes a model, but for its vocabulary.

use std::path::Path;

use serde_json::Value as Json;

use crate::classifier::Classifier;
use crate::config::{LayerAttention, LayerRotation, ModelConfig, ModelFamily, RopeScaling, Yarn};
use crate::error::{Error, Result};
use crate::files::{MAX_CONFIG_BYTES, ModelFiles};
use crate::small_file::{parse_json, read_text};
use crate::weights::gguf::{MetadataValue, Strings};

/// llama.cpp's number for files whose matrices are Q8_0.
const FILE_TYPE_Q8_0: u32 = 7;
/// The version of the block formats.
const QUANTISATION_VERSION: u32 = 2;
/// llama.cpp's numbers for outputs of every token, and for those of the whole text after its last token.
const POOLING_NONE: u32 = 0;
const POOLING_RANK: u32 = 4;

/// Keys and values for the model of `folder`, whose opened files are `files`.
///
/// # Errors
/// Those of reading `config.json` again.
pub(super) fn of(files: &ModelFiles, folder: &Path, is_classifier: bool) -> Result<Vec<(String, MetadataValue)>> {
    let config = &files.config;
    let family = config.family.gguf;
    let name = folder.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let mut all: Vec<(String, MetadataValue)> = vec![
        ("general.architecture".to_owned(), family.into()),
        ("general.type".to_owned(), "model".into()),
        ("general.file_type".to_owned(), FILE_TYPE_Q8_0.into()),
        ("general.quantization_version".to_owned(), QUANTISATION_VERSION.into()),
    ];
    for (key, text) in [("general.name", name), ("general.license", files.description.licence.clone())] {
        all.extend(text.map(|text| (key.to_owned(), text.as_str().into())));
    }
    let mut own = shape(config);
    if is_classifier {
        own.extend(classifier(files, folder)?);
    }
    all.extend(own.into_iter().map(|(key, value)| (format!("{family}.{key}"), value)));
    Ok(all)
}

/// Refuses a configuration of which the file's keys would say something else.
///
/// # Errors
/// [`Error::NotConvertible`].
pub(super) fn check(config: &ModelConfig, folder: &Path) -> Result<()> {
    let ModelConfig { family, rope, .. } = config;
    let what = match &rope.scaling {
        _ if config.experts.is_some() => "a mixture of experts is not converted yet",
        RopeScaling::Yarn(yarn) if *yarn != expressible(yarn) => {
            "a GGUF file has no key for YaRN's attention_factor, mscale and truncate"
        }
        _ if config
            .layer_attention
            .iter()
            .map(is_unrotated)
            .ne(ModelFamily::every(family.unrotated_every, config.layers)) =>
        {
            "a GGUF file has no key for the layers that do not rotate"
        }
        _ if has_other_windows(config) => "a GGUF file's layers with a window are all but every sixth",
        _ if config.local_rope.as_ref().is_some_and(|rope| rope.scaling != RopeScaling::None) => {
            "a GGUF file has no key for stretched wavelengths in layers with a window"
        }
        _ if config.attention_scale != config.gguf_attention_scale() => {
            "a GGUF file has no key for query_pre_attn_scalar"
        }
        _ => return Ok(()),
    };
    let advice = "use the folder as it is".to_owned();
    Err(Error::NotConvertible { path: folder.to_owned(), what: what.to_owned(), advice })
}

/// The numbers of YaRN that a GGUF file has keys for, with what follows from them.
fn expressible(yarn: &Yarn) -> Yarn {
    let &Yarn { factor, original_context, beta_fast, beta_slow, .. } = yarn;
    Yarn { beta_fast, beta_slow, ..Yarn::new(factor, original_context) }
}

fn is_unrotated(layer: &LayerAttention) -> bool {
    layer.rotation == LayerRotation::None
}

/// The window, and the rotary encoding of the layers that have it, if it is their own. In most families llama.cpp has no windows, so that
/// the context ends where one would begin to matter.
fn windows(config: &ModelConfig) -> Vec<(&'static str, MetadataValue)> {
    match (config.window(), &config.local_rope) {
        (Some(window), Some(local)) => {
            vec![("attention.sliding_window", number(window)), ("rope.freq_base_swa", (local.theta as f32).into())]
        }
        // 0 for none.
        (window, None) if config.family.gguf_has_window() => {
            vec![("attention.sliding_window", number(window.unwrap_or(0)))]
        }
        _ => Vec::new(),
    }
}

/// Whether other layers have a window than llama.cpp takes for granted.
fn has_other_windows(config: &ModelConfig) -> bool {
    let usual = ModelFamily::every(config.family.global_every, config.layers);
    let is_global = config.layer_attention.iter().map(|layer| layer.window.is_none());
    config.local_rope.is_some() && config.window().is_some() && is_global.ne(usual)
}

fn number(size: usize) -> MetadataValue {
    MetadataValue::from(u32::try_from(size).unwrap_or(u32::MAX))
}

fn shape(config: &ModelConfig) -> Vec<(&'static str, MetadataValue)> {
    let context = match config.window() {
        Some(window) if !config.family.gguf_has_window() => config.context.min(window),
        _ => config.context,
    };
    let mut all = vec![
        ("block_count", number(config.layers)),
        ("context_length", number(context)),
        ("embedding_length", number(config.hidden)),
        ("feed_forward_length", number(config.feed_forward)),
        ("attention.head_count", number(config.heads)),
        ("attention.head_count_kv", number(config.kv_heads)),
        ("attention.key_length", number(config.head_dim)),
        ("attention.value_length", number(config.head_dim)),
        ("attention.layer_norm_rms_epsilon", config.norm_epsilon.into()),
        ("rope.dimension_count", number(config.rope.width)),
        ("rope.freq_base", (config.rope.theta as f32).into()),
        ("vocab_size", number(config.vocabulary)),
    ];
    match &config.rope.scaling {
        RopeScaling::Linear { factor } => {
            all.push(("rope.scaling.type", "linear".into()));
            all.push(("rope.scaling.factor", (*factor as f32).into()));
        }
        RopeScaling::Yarn(yarn) => all.extend([
            ("rope.scaling.type", "yarn".into()),
            ("rope.scaling.factor", (yarn.factor as f32).into()),
            ("rope.scaling.original_context_length", number(yarn.original_context as usize)),
            ("rope.scaling.yarn_beta_fast", (yarn.beta_fast as f32).into()),
            ("rope.scaling.yarn_beta_slow", (yarn.beta_slow as f32).into()),
        ]),
        // The factors are tensors.
        RopeScaling::LongRope(rope) => all.extend([
            ("rope.scaling.original_context_length", number(rope.original_context)),
            ("rope.scaling.attn_factor", (rope.magnitude as f32).into()),
        ]),
        RopeScaling::None | RopeScaling::Llama3 { .. } | RopeScaling::Factors(_) => {}
    }
    all.extend(windows(config));
    all
}

/// Labels of the outputs, and whether they belong to tokens or to the whole text.
fn classifier(files: &ModelFiles, folder: &Path) -> Result<Vec<(&'static str, MetadataValue)>> {
    let path = folder.join("config.json");
    let json = parse_json(&path, &read_text(&path, MAX_CONFIG_BYTES)?)?;
    let label = |at: usize| match json["id2label"][at.to_string()] {
        Json::String(ref label) => label.clone(),
        _ => format!("LABEL_{at}"),
    };
    let labels: Vec<String> = (0..Classifier::check(files)?).map(label).collect();
    let class = files.config.architecture.as_deref().unwrap_or_default();
    let pooling = if class.ends_with("ForSequenceClassification") { POOLING_RANK } else { POOLING_NONE };
    let labels: Strings = labels.iter().map(String::as_str).collect();
    Ok(vec![("classifier.output_labels", labels.into()), ("pooling_type", pooling.into())])
}
