//! What the name of a GGUF file says about its quantisation.

use crate::weights::gguf::split_name::{SplitName, without_ending};

/// What comes before the digits of a quantisation.
const KINDS: [&str; 8] = ["Q", "IQ", "TQ", "F", "BF", "FP", "MXFP", "NVFP"];
/// What some publishers put before a quantisation.
const VARIANTS: [&str; 2] = ["UD-", "I1-"];
/// Longest label, in bytes.
const MAX_LABEL_BYTES: usize = 24;

/// The name of a GGUF file, without its folder and ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GgufName<'a> {
    /// The name without the number of the part, if it is one.
    stem: &'a str,
}

/// Whether `text` is the label of a quantisation, such as Q4_K_M, BF16 or UD-Q4_K_XL, in upper or lower case.
pub(super) fn is_label(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let plain = VARIANTS.iter().find_map(|variant| upper.strip_prefix(variant)).unwrap_or(&upper);
    let rest = plain.trim_start_matches(|character: char| character.is_ascii_alphabetic());
    let kind = &plain[..plain.len() - rest.len()];
    let is_rest = rest.starts_with(|character: char| character.is_ascii_digit())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    text.len() <= MAX_LABEL_BYTES && KINDS.contains(&kind) && is_rest
}

impl<'a> GgufName<'a> {
    /// Reads the name of the file at `path`, with slashes; `None` where it does not end in `.gguf`, and for the projectors of images
    /// (`mmproj-…`), which are no language models.
    pub(super) fn read(path: &'a str) -> Option<Self> {
        let file = path.rsplit('/').next()?;
        let (stem, _) = without_ending(file)?;
        if stem.to_ascii_lowercase().starts_with("mmproj") {
            return None;
        }
        Some(Self { stem: SplitName::read(file).map_or(stem, |split| split.stem) })
    }

    /// The label of the quantisation, if the name ends in one: the longest.
    pub(super) fn label(self) -> Option<&'a str> {
        let after = self.stem.match_indices(['-', '.', '_']).map(|(at, _)| at + 1);
        std::iter::once(0).chain(after).map(|start| &self.stem[start..]).find(|end| is_label(end))
    }

    /// Whether the name ends in `label`, after `-`, `.`, `_` or nothing.
    pub(super) fn ends_in(self, label: &str) -> bool {
        let start = self.stem.len().checked_sub(label.len());
        let Some((before, end)) = start.and_then(|start| self.stem.split_at_checked(start)) else { return false };
        end.eq_ignore_ascii_case(label) && (before.is_empty() || before.ends_with(['-', '.', '_']))
    }
}

#[cfg(test)]
mod tests {
    use super::{GgufName, is_label};

    #[test]
    fn labels_are_told_from_other_words() {
        for label in ["Q4_K_M", "q8_0", "IQ4_XS", "BF16", "f16", "UD-Q4_K_XL", "i1-Q4_K_M", "MXFP4_MOE", "Q4_0_4_4"] {
            assert!(is_label(label), "{label}");
        }
        for other in ["model", "qwen2", "Q", "", "Q4-K", "q4.gguf", "F16/x", "instruct-q4_0", "4bit", "Qé4"] {
            assert!(!is_label(other), "{other}");
        }
    }

    #[test]
    fn names_end_in_labels() {
        let name = |path| GgufName::read(path).unwrap();
        for (path, label) in [
            ("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", Some("q4_k_m")),
            ("sub/Qwen3-8B-UD-Q4_K_XL.gguf", Some("UD-Q4_K_XL")),
            ("Llama.Q8_0.GGUF", Some("Q8_0")),
            ("m_F16-00001-of-00003.gguf", Some("F16")),
            ("Q4_0.gguf", Some("Q4_0")),
            ("model.gguf", None),
        ] {
            assert_eq!(name(path).label(), label, "{path}");
        }
        assert!(name("a-Q4_K_M.gguf").ends_in("q4_k_m") && name("a-UD-Q4_K_XL.gguf").ends_in("Q4_K_XL"));
        assert!(!name("a-BF16.gguf").ends_in("F16") && !name("q.gguf").ends_in("Q4_0"));
        assert_eq!((name("q/m-00001-of-00001.gguf").stem, name("m-1-of-2.gguf").stem), ("m", "m-1-of-2"));
        assert_eq!(GgufName::read("mmproj-F16.gguf"), None);
        assert_eq!(GgufName::read("model.bin"), None);
    }
}
