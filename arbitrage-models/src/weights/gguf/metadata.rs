//! A GGUF file's metadata, with getters that say what is wrong.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arbitrage_core::text::excerpt;

use super::Gguf;
use super::value::{MetadataArray, MetadataValue, Strings};
use crate::error::{Error, Result};
use crate::weights::report::nearest;

/// Tensors start at multiples of so many bytes, unless `general.alignment` says otherwise.
const DEFAULT_ALIGNMENT: u64 = 32;
/// The largest alignment that is accepted, in bytes; real files have 32.
const MAX_ALIGNMENT: u64 = 1 << 20;

/// Keys and values in the file's order.
///
/// The getters' errors name the key: [`Error::Format`] if it is missing (with the most similar key that is there) or of another type.
/// Integers are accepted in any width, since writers differ.
#[derive(Debug, Clone)]
pub struct Metadata {
    path: PathBuf,
    entries: Vec<(String, MetadataValue)>,
    by_key: HashMap<String, usize>,
}

impl Metadata {
    /// Refuses a key that comes twice.
    pub(super) fn new(path: &Path, entries: Vec<(String, MetadataValue)>) -> Result<Self> {
        let mut by_key = HashMap::with_capacity(entries.len());
        for (at, (key, _)) in entries.iter().enumerate() {
            if by_key.insert(key.clone(), at).is_some() {
                return Err(Error::format(path, excerpt(key), "one value a key", "the key again"));
            }
        }
        Ok(Self { path: path.to_owned(), entries, by_key })
    }

    /// All entries in the file's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &MetadataValue)> + '_ {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value under `key`, if there is one.
    pub fn get(&self, key: &str) -> Option<&MetadataValue> {
        self.by_key.get(key).map(|at| &self.entries[*at].1)
    }

    /// `getter`'s value of `key`, or `None` if the key is missing; a wrong type stays an error.
    ///
    /// # Errors
    /// Those of `getter`.
    pub fn optional<'a, T>(&'a self, key: &str, getter: impl Fn(&'a Self, &str) -> Result<T>) -> Result<Option<T>> {
        self.by_key.contains_key(key).then(|| getter(self, key)).transpose()
    }

    /// An integer of 0 to 2³² − 1.
    ///
    /// # Errors
    /// See the [type](Self).
    pub fn u32_of(&self, key: &str) -> Result<u32> {
        let value = self.required(key, "a u32")?;
        let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.wrong(key, "a u32", value))
    }

    /// A finite floating-point number.
    ///
    /// # Errors
    /// See the [type](Self).
    pub fn f32_of(&self, key: &str) -> Result<f32> {
        let value = self.required(key, "a finite f32")?;
        let number = value.as_float().map(|number| number as f32).filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong(key, "a finite f32", value))
    }

    /// A boolean.
    ///
    /// # Errors
    /// See the [type](Self).
    pub fn bool_of(&self, key: &str) -> Result<bool> {
        match self.required(key, "a bool")? {
            MetadataValue::Bool(value) => Ok(*value),
            other => Err(self.wrong(key, "a bool", other)),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// See the [type](Self).
    pub fn str_of(&self, key: &str) -> Result<&str> {
        match self.required(key, "a string")? {
            MetadataValue::String(text) => Ok(text),
            other => Err(self.wrong(key, "a string", other)),
        }
    }

    /// An array of texts.
    ///
    /// # Errors
    /// See the [type](Self).
    pub fn strings_of(&self, key: &str) -> Result<&Strings> {
        match self.required(key, "an array of strings")? {
            MetadataValue::Array(MetadataArray::Strings(strings)) => Ok(strings),
            other => Err(self.wrong(key, "an array of strings", other)),
        }
    }

    /// An array of integers that fit an `i32`.
    ///
    /// # Errors
    /// See the [type](Self).
    pub fn i32s_of(&self, key: &str) -> Result<Vec<i32>> {
        self.scalars_of(key, "an array of i32", |value| i32::try_from(value.as_integer()?).ok())
    }

    /// An array of integers of 0 to 2³² − 1.
    ///
    /// # Errors
    /// See the [type](Self).
    pub fn u32s_of(&self, key: &str) -> Result<Vec<u32>> {
        self.scalars_of(key, "an array of u32", |value| u32::try_from(value.as_integer()?).ok())
    }

    /// An array of floating-point numbers.
    ///
    /// # Errors
    /// See the [type](Self).
    pub fn f32s_of(&self, key: &str) -> Result<Vec<f32>> {
        self.scalars_of(key, "an array of f32", |value| value.as_float().map(|number| number as f32))
    }

    /// Tensors start at multiples of so many bytes: a power of two.
    pub(super) fn alignment(&self) -> Result<u64> {
        const KEY: &str = "general.alignment";
        let alignment = self.optional(KEY, Self::u32_of)?.map_or(DEFAULT_ALIGNMENT, u64::from);
        if alignment.is_power_of_two() && alignment <= MAX_ALIGNMENT {
            return Ok(alignment);
        }
        Err(Error::format(&self.path, KEY, format!("a power of two of at most {MAX_ALIGNMENT}"), alignment))
    }

    fn scalars_of<T>(
        &self,
        key: &str,
        expected: &str,
        convert: impl Fn(&MetadataValue) -> Option<T>,
    ) -> Result<Vec<T>> {
        let value = self.required(key, expected)?;
        let MetadataValue::Array(array @ MetadataArray::Scalars { .. }) = value else {
            return Err(self.wrong(key, expected, value));
        };
        let convert = |element: MetadataValue| convert(&element).ok_or_else(|| self.wrong(key, expected, value));
        array.scalars().map(convert).collect()
    }

    fn required(&self, key: &str, expected: &str) -> Result<&MetadataValue> {
        self.get(key).ok_or_else(|| {
            let near = nearest(key, self.iter().map(|(key, _)| key));
            let hint = near.map_or_else(String::new, |near| format!("; the nearest key is `{}`", excerpt(near)));
            Error::format(&self.path, key, expected, format!("no such key{hint}"))
        })
    }

    fn wrong(&self, key: &str, expected: &str, found: &MetadataValue) -> Error {
        Error::format(&self.path, key, expected, found)
    }
}

macro_rules! forward_getters {
    ($($getter:ident -> $type:ty),* $(,)?) => {
        /// Shorthands for the getters of [`Metadata`].
        impl Gguf {
            $(
                #[doc = concat!("See [`Metadata::", stringify!($getter), "`].\n\n# Errors\nSee [`Metadata`].")]
                pub fn $getter(&self, key: &str) -> Result<$type> {
                    self.all_metadata().$getter(key)
                }
            )*
        }
    };
}
forward_getters!(
    u32_of -> u32,
    f32_of -> f32,
    bool_of -> bool,
    str_of -> &str,
    strings_of -> &Strings,
    i32s_of -> Vec<i32>,
    f32s_of -> Vec<f32>,
);
