//! A decoder's shape from `config.json`.

use std::path::Path;

use arbitrage_core::text::excerpt;
use serde_json::{Map, Value as Json};

use super::family::{ModelFamily, WindowUse};
use super::keys::{self, ConfigFormat};
use super::{Field, MAX_DIMENSION, ModelConfig, Rope, RopeScaling, Yarn, is_positive, shared_head_dim};
use crate::error::{Error, Result};
use crate::small_file::parse_json;
use crate::weights::report::nearest;

/// From which layer on Qwen models have a window if their `config.json` does not say it, as in transformers.
const QWEN_WINDOW_LAYERS: usize = 28;

impl ModelConfig {
    /// Reads a Hugging Face `config.json`.
    ///
    /// # Errors
    /// [`Error::Format`] with a JSON pointer for a missing key, one that comes twice, a wrong type, sizes that contradict each other,
    /// an unknown `model_type` or rope scaling, and for [keys] that would change the computation in a way that is not
    /// supported.
    pub fn from_json(path: &Path, text: &str) -> Result<Self> {
        let json = parse_json(path, text)?;
        let read = JsonReader { path, json: &json };
        let name = read.text("/model_type")?;
        let Some(family) = ModelFamily::by_name(name) else {
            return Err(Error::format(path, "/model_type", ModelFamily::names(), excerpt(name)));
        };
        read.check_keys()?;
        let hidden = read.size("/hidden_size")?;
        let heads = read.size("/num_attention_heads")?;
        let layers = read.size("/num_hidden_layers")?;
        let rope = read.rope(family)?;
        let (context, context_key) = read.context(family, layers, &rope)?;
        let config = Self {
            family,
            vocabulary: read.size("/vocab_size")?,
            hidden,
            feed_forward: read.size("/intermediate_size")?,
            layers,
            heads,
            kv_heads: read.size_or("/num_key_value_heads", heads)?,
            head_dim: read.head_dim(family, hidden, heads)?,
            context,
            context_key: context_key.to_owned(),
            norm_epsilon: read.positive("/rms_norm_eps", Some(1e-6))? as f32,
            rope,
            unrotated_layers: read.unrotated_layers(family, layers)?,
            tied: read.flag("/tie_word_embeddings")?.unwrap_or(family.default_tied),
            attention_bias: read.flag("/attention_bias")?,
            feed_forward_bias: read.flag("/mlp_bias")?,
            architecture: read.architecture(family)?,
        };
        config.check(path, |field| read.pointer(field))
    }
}

/// What a description of YaRN consists of.
const YARN_KEYS: [&str; 8] = [
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
];

/// Typed access to `config.json` by JSON pointer.
struct JsonReader<'a> {
    path: &'a Path,
    json: &'a Json,
}

impl<'a> JsonReader<'a> {
    fn wrong<T>(&self, pointer: &str, expected: &str, found: Option<&Json>) -> Result<T> {
        let found = match found {
            None => "nothing".to_owned(),
            Some(Json::String(text)) => format!("`{}`", excerpt(text)),
            Some(value) => excerpt(&value.to_string()),
        };
        Err(Error::format(self.path, pointer, expected, found))
    }

    /// The value at `pointer`; JSON's `null` counts as absent.
    fn get(&self, pointer: &str) -> Option<&'a Json> {
        self.json.pointer(pointer).filter(|value| !value.is_null())
    }

    fn text(&self, pointer: &str) -> Result<&'a str> {
        let value = self.get(pointer);
        value.and_then(Json::as_str).map_or_else(|| self.wrong(pointer, "a string", value), Ok)
    }

    fn size(&self, pointer: &str) -> Result<usize> {
        let value = self.get(pointer);
        match value.and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok()) {
            Some(n) if (1..=MAX_DIMENSION).contains(&n) => Ok(n),
            _ => self.wrong(pointer, &format!("a whole number from 1 to {MAX_DIMENSION}"), value),
        }
    }

    fn size_or(&self, pointer: &str, other: usize) -> Result<usize> {
        self.get(pointer).map_or(Ok(other), |_| self.size(pointer))
    }

    fn head_dim(&self, family: &ModelFamily, hidden: usize, heads: usize) -> Result<usize> {
        match (self.get("/head_dim"), family.default_head_dim) {
            (Some(_), _) => self.size("/head_dim"),
            (None, Some(width)) => Ok(width),
            (None, None) => shared_head_dim(self.path, "/num_attention_heads".to_owned(), hidden, heads),
        }
    }

    fn positive(&self, pointer: &str, other: Option<f64>) -> Result<f64> {
        let value = self.get(pointer);
        match (value.and_then(Json::as_f64), other) {
            (Some(n), _) if is_positive(n) => Ok(n),
            (None, Some(other)) if value.is_none() => Ok(other),
            _ => self.wrong(pointer, "a number above 0", value),
        }
    }

    fn flag(&self, pointer: &str) -> Result<Option<bool>> {
        let value = self.get(pointer);
        match value {
            None => Ok(None),
            Some(Json::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => self.wrong(pointer, "true or false", value),
        }
    }

    /// Refuses keys that would change the computation in a way that is not supported.
    fn check_keys(&self) -> Result<()> {
        for (key, value) in self.json.as_object().into_iter().flatten() {
            let pointer = || format!("/{}", excerpt(&key.replace('~', "~0").replace('/', "~1")));
            match keys::group(ConfigFormat::Json, key) {
                Some(group) if !group.rule.admits(value) => {
                    return self.wrong(&pointer(), &group.expected(), Some(value));
                }
                None if keys::sounds_mathematical(key) && !keys::is_off(value) => {
                    let near = nearest(key, keys::names(ConfigFormat::Json));
                    let hint = near.map_or_else(String::new, |near| format!(", such as `{near}`"));
                    let expected =
                        format!("a key that is known, since this one may change what the model computes{hint}");
                    return self.wrong(&pointer(), &expected, Some(value));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The class that wrote the checkpoint, which is one of the family's.
    fn architecture(&self, family: &ModelFamily) -> Result<Option<String>> {
        const POINTER: &str = "/architectures";
        let Some(list) = self.get(POINTER) else { return Ok(None) };
        let of_family =
            |class: &str| class.get(..family.class.len()).is_some_and(|start| start.eq_ignore_ascii_case(family.class));
        match list.as_array().map(Vec::as_slice) {
            Some([]) => Ok(None),
            Some([Json::String(class)]) if of_family(class) => Ok(Some(class.clone())),
            _ => self.wrong(POINTER, &format!("a list of one class of the family {}", family.name), Some(list)),
        }
    }

    /// The most positions, and the key that sets them.
    fn context(&self, family: &ModelFamily, layers: usize, rope: &Rope) -> Result<(usize, &'static str)> {
        const TRAINED: &str = "/max_position_embeddings";
        let declared = self.size(TRAINED)?;
        // Qwen's models declare the context before YaRN stretches it, as its users are told to.
        let context = match &rope.scaling {
            RopeScaling::Yarn(yarn) => declared.max((yarn.factor * yarn.original_context) as usize).min(MAX_DIMENSION),
            _ => declared,
        };
        match self.window(family, layers)? {
            Some(window) if window < context => Ok((window, "/sliding_window")),
            _ => Ok((context, TRAINED)),
        }
    }

    /// The window of attention, if any layer has one.
    fn window(&self, family: &ModelFamily, layers: usize) -> Result<Option<usize>> {
        let flag = self.flag("/use_sliding_window")?;
        let marked = self.windowed_layers(layers)?;
        let in_use = match family.window {
            WindowUse::Always => true,
            WindowUse::WhereNotRotated => flag == Some(true),
            WindowUse::WhereSwitchedOn => flag == Some(true) && marked.unwrap_or(self.first_windowed_layer()? < layers),
            WindowUse::WhereGiven => flag != Some(false),
        };
        let window = match self.json.get("sliding_window") {
            None if in_use => family.default_window,
            Some(value) if in_use && !value.is_null() => Some(self.size("/sliding_window")?),
            _ => None,
        };
        if marked == Some(true) && window.is_none() {
            let expected = "`full_attention` only, since no window is in use";
            return self.wrong("/layer_types", expected, self.get("/layer_types"));
        }
        Ok(window)
    }

    /// From which layer on Qwen models have a window.
    fn first_windowed_layer(&self) -> Result<usize> {
        const POINTER: &str = "/max_window_layers";
        let Some(value) = self.get(POINTER) else { return Ok(QWEN_WINDOW_LAYERS) };
        let layer = value.as_u64().and_then(|layer| usize::try_from(layer).ok());
        layer.map_or_else(|| self.wrong(POINTER, "a number of layers", Some(value)), Ok)
    }

    /// Whether `layer_types` gives any layer a window; `None` where there is no such list.
    fn windowed_layers(&self, layers: usize) -> Result<Option<bool>> {
        const POINTER: &str = "/layer_types";
        let Some(list) = self.get(POINTER) else { return Ok(None) };
        let kinds = list.as_array().into_iter().flatten();
        let is_known = |kind: &Json| kind == "full_attention" || kind == "sliding_attention";
        if list.as_array().is_none_or(|kinds| kinds.len() != layers) || !kinds.clone().all(is_known) {
            let expected = format!("`full_attention` or `sliding_attention` for each of {layers} layers");
            return self.wrong(POINTER, &expected, Some(list));
        }
        Ok(Some(kinds.into_iter().any(|kind| kind == "sliding_attention")))
    }

    /// The layers that do not rotate, in families that have any.
    fn unrotated_layers(&self, family: &ModelFamily, layers: usize) -> Result<Vec<usize>> {
        const LIST: &str = "/no_rope_layers";
        const INTERVAL: &str = "/no_rope_layer_interval";
        let Some(every) = family.unrotated_every else {
            let on = [LIST, INTERVAL].into_iter().find(|key| self.get(key).is_some_and(|value| !keys::is_off(value)));
            let expected = format!(
                "no such key, since layers that do not rotate are not supported yet in the family {}",
                family.name
            );
            return on.map_or(Ok(Vec::new()), |key| self.wrong(key, &expected, self.get(key)));
        };
        let every = self.size_or(INTERVAL, every)?;
        let Some(list) = self.get(LIST) else { return Ok(ModelFamily::unrotated_layers(Some(every), layers)) };
        // 1 for a layer that rotates, in spite of the name.
        let rotates: Option<Vec<bool>> = list.as_array().and_then(|list| {
            list.iter().map(|flag| flag.as_u64().filter(|flag| *flag <= 1).map(|flag| flag == 1)).collect()
        });
        match rotates.filter(|rotates| rotates.len() == layers) {
            Some(rotates) => Ok((0..layers).filter(|layer| !rotates[*layer]).collect()),
            None => self.wrong(LIST, &format!("0 or 1 for each of {layers} layers"), Some(list)),
        }
    }

    fn rope(&self, family: &ModelFamily) -> Result<Rope> {
        const OUTER: &str = "/rope_theta";
        if let (Some(old), Some(new)) = (self.object("/rope_scaling"), self.object("/rope_parameters"))
            && old != new
        {
            return self.wrong(
                "/rope_scaling",
                "no other values than in /rope_parameters: keep one of the two",
                Some(old),
            );
        }
        let nested = self.nested_rope();
        let inner = nested.map(|at| format!("{at}/rope_theta")).filter(|pointer| self.get(pointer).is_some());
        let theta = match inner {
            Some(pointer) => {
                let theta = self.positive(&pointer, None)?;
                if self.positive(OUTER, Some(theta))? != theta {
                    return self.wrong(&pointer, "the value of /rope_theta", self.get(&pointer));
                }
                theta
            }
            None => self.positive(OUTER, Some(family.default_theta))?,
        };
        let scaling = nested.map_or(Ok(RopeScaling::None), |at| self.scaling(at))?;
        Ok(Rope { theta, scaling })
    }

    /// The value at `pointer` unless it is absent or an empty object, which transformers takes for absent.
    fn object(&self, pointer: &str) -> Option<&'a Json> {
        self.get(pointer).filter(|value| !value.as_object().is_some_and(Map::is_empty))
    }

    /// The object that holds the scaling, and since transformers 5 theta too.
    fn nested_rope(&self) -> Option<&'static str> {
        ["/rope_parameters", "/rope_scaling"].into_iter().find(|pointer| self.object(pointer).is_some())
    }

    fn pointer(&self, field: Field) -> String {
        let pointer = match field {
            Field::Vocabulary => "/vocab_size",
            Field::Hidden => "/hidden_size",
            Field::FeedForward => "/intermediate_size",
            Field::Layers => "/num_hidden_layers",
            Field::Heads => "/num_attention_heads",
            Field::KvHeads => "/num_key_value_heads",
            Field::HeadDim => "/head_dim",
            Field::Context => "/max_position_embeddings",
            Field::Epsilon => "/rms_norm_eps",
            Field::Theta => "/rope_theta",
            Field::Scaling => self.nested_rope().unwrap_or("/rope_scaling"),
        };
        pointer.to_owned()
    }

    fn scaling(&self, at: &str) -> Result<RopeScaling> {
        let key = |name: &str| format!("{at}/{name}");
        let kind = self.scaling_kind(at)?;
        let read: &[&str] = match kind {
            "default" => &[],
            "linear" => &["factor"],
            "yarn" => &YARN_KEYS,
            _ => &["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
        };
        self.check_scaling_keys(at, kind, read)?;
        match kind {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: self.positive(&key("factor"), None)? }),
            "yarn" => self.yarn(at).map(RopeScaling::Yarn),
            _ => Ok(RopeScaling::Llama3 {
                factor: self.positive(&key("factor"), None)?,
                low: self.positive(&key("low_freq_factor"), None)?,
                high: self.positive(&key("high_freq_factor"), None)?,
                original_context: self.original_context(&key("original_max_position_embeddings"))?,
            }),
        }
    }

    fn yarn(&self, at: &str) -> Result<Yarn> {
        const ORIGINAL: &str = "original_max_position_embeddings";
        let key = |name: &str| format!("{at}/{name}");
        let number = |name: &str, other: f64| self.positive(&key(name), Some(other));
        let original = match self.get(&key(ORIGINAL)) {
            Some(_) => self.original_context(&key(ORIGINAL))?,
            // As in transformers.
            None => self.size("/max_position_embeddings")? as f64,
        };
        let plain = Yarn::new(self.positive(&key("factor"), None)?, original);
        let scales = [self.get(&key("mscale")), self.get(&key("mscale_all_dim"))];
        let magnitude = match scales {
            [Some(_), Some(_)] => {
                let of = |name| Ok(Yarn::magnitude_of(plain.factor, number(name, 1.0)?));
                of("mscale")? / of("mscale_all_dim")?
            }
            _ => plain.magnitude,
        };
        Ok(Yarn {
            beta_fast: number("beta_fast", plain.beta_fast)?,
            beta_slow: number("beta_slow", plain.beta_slow)?,
            rounds: self.flag(&key("truncate"))?.unwrap_or(plain.rounds),
            magnitude: number("attention_factor", magnitude)?,
            ..plain
        })
    }

    /// The kind of scaling; without one, an object that holds theta at most is that of no scaling.
    fn scaling_kind(&self, at: &str) -> Result<&'a str> {
        let [new, old] = ["rope_type", "type"].map(|name| format!("{at}/{name}"));
        let only_theta = |object: &Map<String, Json>| object.keys().all(|key| key == "rope_theta");
        let pointer = match (self.get(&new), self.get(&old)) {
            (Some(kind), Some(other)) if kind != other => {
                return self.wrong(&old, "the value of rope_type", Some(other));
            }
            (None, None) if self.get(at).and_then(Json::as_object).is_some_and(only_theta) => return Ok("default"),
            (None, Some(_)) => old,
            _ => new,
        };
        match self.text(&pointer)? {
            kind @ ("default" | "linear" | "llama3" | "yarn") => Ok(kind),
            other => {
                let expected = "default, linear, llama3 or yarn, since other scaling is not supported yet";
                Err(Error::format(self.path, pointer, expected, excerpt(other)))
            }
        }
    }

    /// Refuses keys that the kind of scaling does not read, unless they are off.
    fn check_scaling_keys(&self, at: &str, kind: &str, read: &[&str]) -> Result<()> {
        // The trained context is only read by kinds that depend on it.
        const ALWAYS: [&str; 4] = ["rope_type", "type", "rope_theta", "original_max_position_embeddings"];
        for (key, value) in self.get(at).and_then(Json::as_object).into_iter().flatten() {
            let fits = match key.as_str() {
                key if ALWAYS.contains(&key) || read.contains(&key) => true,
                "factor" | "partial_rotary_factor" => keys::KeyRule::One.admits(value),
                _ => keys::is_off(value),
            };
            if !fits {
                let pointer = format!("{at}/{}", excerpt(key));
                return self.wrong(&pointer, &format!("no such key with the type {kind}"), Some(value));
            }
        }
        Ok(())
    }

    /// The context before stretching. Versions of transformers differ in which of two values they take.
    fn original_context(&self, pointer: &str) -> Result<f64> {
        let inner = self.positive(pointer, None)?;
        if self.positive("/original_max_position_embeddings", Some(inner))? == inner {
            return Ok(inner);
        }
        self.wrong(pointer, "the value of /original_max_position_embeddings", self.get(pointer))
    }
}
