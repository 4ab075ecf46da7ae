//! Matrices that two decoders of one file have in common.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::Decoder;
use super::fused::PackedLinear;
use super::linear::Linear;
use crate::weights::Rows;

/// A decoder whose matrices another one takes over instead of packing them again.
#[derive(Clone)]
pub(super) struct SharedMatrices(Arc<Decoder>);

impl fmt::Debug for SharedMatrices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedMatrices").field(&self.0).finish()
    }
}

impl SharedMatrices {
    /// The matrices of `decoder`.
    pub(super) fn of(decoder: Arc<Decoder>) -> Self {
        Self(decoder)
    }

    /// The linear layer called `name` in the file `path`, if it is packed from that file and holds exactly the numbers of `rows`.
    pub(super) fn find(&self, path: &Path, name: &str, rows: &Rows<'_>) -> Option<Arc<PackedLinear>> {
        let decoder = &*self.0;
        let is_same_file = decoder.backbone.name == path.display().to_string();
        let linear = match name.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.')) {
            Some((index, part)) => decoder.backbone.layers.get(index.parse::<usize>().ok()?)?.matrix(part)?,
            None => decoder.head.as_ref()?,
        };
        match linear {
            Linear::Packed(packed) if is_same_file && !rows.is_requantised() && packed.dtype() == rows.dtype() => {
                Some(packed.clone())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::decoder::{LoadOptions, Outputs, Span, values};
    use crate::weights::DType;
    use crate::{Device, ModelFiles};

    const FILE: &str = "tests/fixtures/tiny/gguf/smollm2-k-quants-tied.gguf";

    fn load(options: &LoadOptions) -> Arc<Decoder> {
        load_file(FILE, options)
    }

    fn load_file(file: &str, options: &LoadOptions) -> Arc<Decoder> {
        let ModelFiles { weights, config, .. } = ModelFiles::open(Path::new(file)).unwrap();
        Arc::new(Decoder::load(weights, config, options).unwrap())
    }

    fn logits(decoder: &Decoder) -> Vec<f32> {
        let mut cache = decoder.cache();
        let span = Span { cache: &mut cache, tokens: &[5, 90, 3], outputs: Outputs::All };
        values(decoder.forward(&mut [span]).unwrap().unwrap().logits)
    }

    /// How many matrices the two have in common, and how many there are.
    fn in_common(one: &Decoder, other: &Decoder) -> (usize, usize) {
        let parts = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"];
        let parts = parts.into_iter().chain(["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]);
        let of = |decoder: &Decoder| -> Vec<*const PackedLinear> {
            let layers = decoder.backbone.layers.iter();
            let linears = layers.flat_map(|layer| parts.clone().map(|part| layer.matrix(part).unwrap()));
            let pointer = |linear: &Linear| match linear {
                Linear::Packed(packed) => Arc::as_ptr(packed),
                Linear::Plain { .. } => panic!("not packed"),
            };
            linears.chain(&decoder.head).map(pointer).collect()
        };
        let (one, other) = (of(one), of(other));
        (one.iter().zip(&other).filter(|(one, other)| one == other).count(), one.len())
    }

    #[test]
    fn matrices_that_stay_the_same_are_shared_and_no_number_changes() {
        let options = LoadOptions::new(Device::flex());
        let whole = load(&options);
        let (all, count) = in_common(&whole, &load(&options.clone().sharing(whole.clone())));
        assert_eq!(all, count);
        let smaller = options.clone().with_weights(DType::Q5K);
        let (alone, sharing) = (load(&smaller), load(&smaller.sharing(whole.clone())));
        let (common, count) = in_common(&whole, &sharing);
        assert!(0 < common && common < count, "{common} of {count}");
        assert_eq!(in_common(&whole, &alone).0, 0);
        assert!(logits(&alone) == logits(&sharing));
    }

    #[test]
    fn matrices_that_are_parts_of_one_are_shared() {
        let file = "tests/fixtures/tiny/gguf/phi3-q8_0-tied.gguf";
        let options = LoadOptions::new(Device::flex());
        let whole = load_file(file, &options);
        let other = load_file(file, &options.sharing(whole.clone()));
        let (common, count) = in_common(&whole, &other);
        assert!(common == count && logits(&whole) == logits(&other), "{common} of {count}");
    }

    #[test]
    fn matrices_of_another_file_are_not_shared() {
        let options = LoadOptions::new(Device::flex());
        let whole = load(&options);
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.gguf");
        std::fs::copy(FILE, &copy).unwrap();
        let ModelFiles { weights, config, .. } = ModelFiles::open(&copy).unwrap();
        let other = Decoder::load(weights, config, &options.sharing(whole.clone())).unwrap();
        assert_eq!(in_common(&whole, &other).0, 0);
    }
}
