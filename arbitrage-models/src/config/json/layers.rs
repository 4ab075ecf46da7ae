//! The context of `config.json`, and how each layer attends.

use serde_json::Value as Json;

use super::super::family::{ModelFamily, WindowUse};
use super::super::{LayerAttention, MAX_DIMENSION, Rope, RopeScaling, keys};
use super::JsonReader;
use crate::error::Result;

const WINDOW: &str = "/sliding_window";
const WINDOW_FLAG: &str = "/use_sliding_window";
const LAYER_TYPES: &str = "/layer_types";

/// From which layer on Qwen models have a window if their `config.json` does not say it, as in transformers.
const QWEN_WINDOW_LAYERS: usize = 28;

impl JsonReader<'_> {
    /// The most positions, and the key that sets them.
    pub(super) fn context(&self, rope: &Rope) -> Result<(usize, &'static str)> {
        const TRAINED: &str = "/max_position_embeddings";
        let declared = self.size(TRAINED)?;
        // Qwen's models declare the context before YaRN stretches it, as its users are told to.
        let context = match &rope.scaling {
            RopeScaling::Yarn(yarn) => declared.max((yarn.factor * yarn.original_context) as usize).min(MAX_DIMENSION),
            _ => declared,
        };
        let bound = match self.family.window {
            WindowUse::AsContext if self.flag(WINDOW_FLAG)? != Some(false) => self.window_size()?,
            _ => None,
        };
        match bound {
            Some(window) if window < context => Ok((window, WINDOW)),
            _ => Ok((context, TRAINED)),
        }
    }

    /// How each layer attends.
    pub(super) fn layer_attention(&self, layers: usize) -> Result<Vec<LayerAttention>> {
        let unrotated = self.unrotated_layers(layers)?;
        let windowed = self.windowed_layers(&unrotated)?;
        let window = if windowed.contains(&true) { self.window_size()? } else { None };
        Ok(LayerAttention::of_layers(self.family, unrotated, windowed, window))
    }

    /// The window's size; `None` if there is none.
    fn window_size(&self) -> Result<Option<usize>> {
        match self.json.get("sliding_window") {
            None => Ok(self.family.default_window),
            Some(value) if value.is_null() => Ok(None),
            Some(_) => self.size(WINDOW).map(Some),
        }
    }

    /// Whether each layer has a window.
    fn windowed_layers(&self, unrotated: &[bool]) -> Result<Vec<bool>> {
        let layers = unrotated.len();
        let is_on = self.flag(WINDOW_FLAG)?;
        let marked = self.layer_types(layers)?;
        let all = |flag: bool| vec![flag; layers];
        let windowed = match (self.family.window, marked.clone()) {
            (WindowUse::AsContext, _) => all(false),
            (WindowUse::Always, _) => all(true),
            (WindowUse::WhereNotRotated | WindowUse::WhereSwitchedOn, _) if is_on != Some(true) => all(false),
            (_, Some(marked)) => marked,
            (WindowUse::WhereNotRotated, None) => unrotated.to_vec(),
            (WindowUse::WhereSwitchedOn, None) => {
                let first = self.first_windowed_layer()?;
                (0..layers).map(|layer| layer >= first).collect()
            }
            (WindowUse::WhereLocal, None) => {
                let every = self.optional_size("/sliding_window_pattern")?.or(self.family.global_every);
                ModelFamily::every(every, layers).into_iter().map(|is_global| !is_global).collect()
            }
        };
        let in_use = windowed.contains(&true) && self.window_size()?.is_some();
        if marked.is_some_and(|marked| marked.contains(&true)) && !in_use {
            let expected = "`full_attention` only, since no window is in use";
            return self.wrong(LAYER_TYPES, expected, self.get(LAYER_TYPES));
        }
        Ok(windowed)
    }

    /// From which layer on Qwen models have a window.
    fn first_windowed_layer(&self) -> Result<usize> {
        const POINTER: &str = "/max_window_layers";
        let Some(value) = self.get(POINTER) else { return Ok(QWEN_WINDOW_LAYERS) };
        let layer = value.as_u64().and_then(|layer| usize::try_from(layer).ok());
        layer.map_or_else(|| self.wrong(POINTER, "a number of layers", Some(value)), Ok)
    }

    /// Whether `layer_types` gives each layer a window; `None` where there is no such list.
    fn layer_types(&self, layers: usize) -> Result<Option<Vec<bool>>> {
        let Some(list) = self.get(LAYER_TYPES) else { return Ok(None) };
        let kind = |kind: &Json| match kind.as_str() {
            Some("full_attention") => Some(false),
            Some("sliding_attention") => Some(true),
            _ => None,
        };
        let kinds: Option<Vec<bool>> = list.as_array().and_then(|kinds| kinds.iter().map(kind).collect());
        match kinds.filter(|kinds| kinds.len() == layers) {
            Some(kinds) => Ok(Some(kinds)),
            None => {
                let expected = format!("`full_attention` or `sliding_attention` for each of {layers} layers");
                self.wrong(LAYER_TYPES, &expected, Some(list))
            }
        }
    }

    /// Whether each layer leaves queries and keys as they are, in families in which any does.
    fn unrotated_layers(&self, layers: usize) -> Result<Vec<bool>> {
        const LIST: &str = "/no_rope_layers";
        const INTERVAL: &str = "/no_rope_layer_interval";
        let Some(every) = self.family.unrotated_every else {
            let on = [LIST, INTERVAL].into_iter().find(|key| self.get(key).is_some_and(|value| !keys::is_off(value)));
            let expected = format!(
                "no such key, since layers that do not rotate are not supported yet in the family {}",
                self.family.name
            );
            return match on {
                Some(key) => self.wrong(key, &expected, self.get(key)),
                None => Ok(ModelFamily::every(None, layers)),
            };
        };
        let every = self.size_or(INTERVAL, every)?;
        let Some(list) = self.get(LIST) else { return Ok(ModelFamily::every(Some(every), layers)) };
        // 1 for a layer that rotates, in spite of the name.
        let unrotated: Option<Vec<bool>> = list.as_array().and_then(|list| {
            list.iter().map(|flag| flag.as_u64().filter(|flag| *flag <= 1).map(|flag| flag == 0)).collect()
        });
        match unrotated.filter(|unrotated| unrotated.len() == layers) {
            Some(unrotated) => Ok(unrotated),
            None => self.wrong(LIST, &format!("0 or 1 for each of {layers} layers"), Some(list)),
        }
    }
}
