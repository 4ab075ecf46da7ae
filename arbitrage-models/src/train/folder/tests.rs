use burn::module::{Module, ModuleMapper};

use super::*;
use crate::config::ModelFamily;
use crate::train::{HeadBias, TextBatch, TransformerWithHead};

const CONFIG: &str = "config.json";

fn config(change: impl FnOnce(&mut serde_json::Value)) -> ModelConfig {
    let mut json = json!({
        "model_type": "qwen2", "vocab_size": 12, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 32,
        "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "tie_word_embeddings": false
    });
    change(&mut json);
    ModelConfig::from_json(Path::new(CONFIG), &json.to_string()).unwrap()
}

/// A model whose biases are not zero, as they are initially.
fn model(config: ModelConfig) -> Transformer {
    Transformer::init(config, 3, &Device::flex()).unwrap().map(&mut AddToVectors(0.0))
}

/// Adds a different number to every vector.
struct AddToVectors(f32);

impl ModuleMapper for AddToVectors {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 0.0625;
        if D == 1 { param.map(|tensor| tensor + self.0) } else { param }
    }
}

fn hidden(model: &Transformer) -> Vec<f32> {
    values(model.hidden(&TextBatch::new([&[1u32, 5, 9, 2][..]])).unwrap())
}

#[test]
fn opened_folders_have_the_saved_weights_and_biases() {
    for family in ["llama", "qwen2"] {
        let saved = model(config(|json| json["model_type"] = json!(family)));
        let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        saved.save(first.path(), &FolderFiles::default()).unwrap();
        let opened = Transformer::open(first.path(), &Device::flex()).unwrap();
        let biases = opened.named_tensors().iter().filter(|tensor| tensor.name.ends_with(".bias")).count();
        assert_eq!(biases, if family == "qwen2" { 6 } else { 0 });
        let worst = hidden(&saved).iter().zip(hidden(&opened)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 5e-3, "{family}: {worst} is more than half precision explains");
        // Only the first conversion to half precision is lossy: the second folder has the bytes of the first.
        opened.save(second.path(), &FolderFiles::default()).unwrap();
        for file in ["model.safetensors", CONFIG] {
            let [one, two] = [&first, &second].map(|folder| fs::read(folder.path().join(file)).unwrap());
            assert!(one == two, "{family}: {file}");
        }
    }
}

#[test]
fn a_classifier_is_opened_without_its_head() {
    for (outputs, bias) in [(1, HeadBias::Present), (2, HeadBias::Absent)] {
        let folder = tempfile::tempdir().unwrap();
        let saved = TransformerWithHead::new(model(config(|_| ())), outputs, bias, 5);
        saved.save(folder.path(), &FolderFiles::default()).unwrap();
        let opened = Transformer::open(folder.path(), &Device::flex()).unwrap();
        let worst = hidden(saved.body()).iter().zip(hidden(&opened)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 5e-3, "{outputs}: {worst}");
    }
}

#[test]
fn a_bias_that_is_missing_or_misshapen_is_named() {
    let folder = tempfile::tempdir().unwrap();
    model(config(|json| json["model_type"] = json!("llama"))).save(folder.path(), &FolderFiles::default()).unwrap();
    let path = folder.path().join(CONFIG);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"llama\"", "\"qwen2\"").replace("Llama", "Qwen2")).unwrap();
    let error = Transformer::open(folder.path(), &Device::flex()).unwrap_err();
    assert!(matches!(error, Error::Weights { .. }));
    for part in ["model.layers.0.self_attn.q_proj.bias", "model.layers.1.self_attn.v_proj.bias"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    fs::write(&path, text.replace("\"vocab_size\": 12", "\"vocab_size\": 13")).unwrap();
    let error = Transformer::open(folder.path(), &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("model.embed_tokens.weight") && error.contains("13"), "{error}");
}

#[test]
fn weights_beyond_half_precision_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    for value in [1e6, f32::NAN, f32::INFINITY] {
        let mut model = model(config(|_| ()));
        model.norm.gamma = model.norm.gamma.map(|tensor| tensor * value);
        let error = model.save(folder.path(), &FolderFiles::default()).unwrap_err();
        assert!(matches!(&error, Error::NotFinite { place, .. } if place.contains("model.norm")), "{error}");
        assert!(!folder.path().join(CONFIG).exists() && !folder.path().join("model.safetensors").exists());
    }
}

#[test]
fn families_that_cannot_be_saved_are_refused() {
    let mut scaled = config(|_| ());
    scaled.family = ModelFamily::by_name("mistral").unwrap();
    let error = Transformer::init(scaled, 0, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("family") && error.contains("mistral"), "{error}");
}

#[test]
fn ids_and_rows_out_of_range_are_errors() {
    let model = model(config(|_| ()));
    for id in [12, u32::MAX] {
        let error = model.hidden(&TextBatch::new([&[1, id][..]])).unwrap_err();
        assert!(error.to_string().contains(&id.to_string()), "{error}");
    }
    assert!(matches!(model.hidden(&TextBatch::new([&[1; 33][..]])), Err(Error::ContextFull { tokens: 33, .. })));
    assert!(matches!(model.hidden(&TextBatch::new([])), Err(Error::EmptyPrompt { .. })));
    let classifier = TransformerWithHead::new(model, 2, HeadBias::Present, 0);
    let texts = TextBatch::new([&[1, 2][..]]);
    assert!(classifier.forward(&texts, &[2]).unwrap_err().to_string().contains("row"));
}
