//! From the name of a role's model to the model.

use std::path::{Path, PathBuf};
use std::thread;

use arbitrage_core::Drafter;
use arbitrage_models::source::{ModelSource, file_digest, known_digest};
use arbitrage_models::weights::{Gguf, SafetensorsFolder};
use arbitrage_models::{LoadOptions, LocalModel, Prompt};

use super::registry::is_shipped;
use crate::Failure;
use crate::cli::PairOptions;
use crate::model::{Model, UnloadedModel};
use crate::model_path::{resolve, weights_file};
use crate::placement::ModelRole;
use crate::progress::LoadingProgress;
use crate::remote_address::Address;

/// The model of a role before it is loaded.
pub(super) enum RoleModel {
    /// A file or folder that is to be loaded.
    File(ModelToLoad),
    /// Behind a server, or named only.
    Ready(Model),
}

/// A file or folder, and how it is loaded.
pub(super) struct ModelToLoad {
    path: PathBuf,
    digest: Option<String>,
    load: LoadOptions,
    /// The system message in place of the default one.
    system: Option<String>,
}

impl RoleModel {
    /// The model called `name` in `role`: its path, after a download unless it is cached; the client of its server; or only its name where
    /// it is not `needed`.
    pub(super) fn find(name: &str, role: ModelRole, needed: bool, options: &PairOptions) -> Result<Self, Failure> {
        if let Some(address) = Address::parse(name) {
            let address = address.map_err(|error| format!("--{} {name}: {error}", role.name()))?;
            let model = remote(&address, role, options)?;
            return Ok(Self::Ready(match needed {
                true => model,
                false => Model::Unloaded(UnloadedModel { name: model.name().to_owned(), digest: model.digest(), role }),
            }));
        }
        let mut load = options.placement.load(role)?;
        if let (ModelRole::Draft, Some(weights)) = (role, options.draft_weights) {
            load = load.with_weights(weights);
        }
        if options.int8_cache {
            load = load.with_int8_cache();
        }
        if let Some(context) = options.context {
            load = load.with_context(context);
        }
        if !needed {
            let path = ModelSource::parse(name)?.expected_path()?;
            let (name, digest) = (LocalModel::name_of(&path, &load), digest(name, &path)?);
            return Ok(Self::Ready(Model::Unloaded(UnloadedModel { name, digest, role })));
        }
        ModelToLoad::find(name, options.system.as_deref(), load).map(Self::File)
    }

    fn open(self) -> Result<Model, Failure> {
        match self {
            Self::File(file) => file.open().map(local),
            Self::Ready(model) => Ok(model),
        }
    }
}

impl ModelToLoad {
    /// The model called `name`, after a download unless it is cached.
    pub(super) fn find(name: &str, system: Option<&str>, load: LoadOptions) -> Result<Self, Failure> {
        let path = resolve(name)?;
        let digest = digest(name, &path)?;
        Ok(Self { path, digest, load, system: system.map(str::to_owned) })
    }

    /// Loads it.
    pub(super) fn open(self) -> Result<LocalModel, Failure> {
        let progress = LoadingProgress::new(&[&self.path]);
        let opened = self.open_reporting(&progress);
        progress.finish();
        opened
    }

    fn open_reporting(self, progress: &LoadingProgress) -> Result<LocalModel, Failure> {
        let Self { path, digest, load, system } = self;
        let model = LocalModel::open(&path, &load.with_progress(progress.listener()))?;
        // Users did not choose the templates of the models that are part of the program, and cannot mend them.
        for warning in model.warnings().filter(|_| !is_shipped(&path)) {
            anstream::eprintln!("warning: {}: {warning}", path.display());
        }
        let model = match system {
            Some(text) => model.with_prompt(Prompt::system(text)),
            None => model,
        };
        Ok(match digest {
            Some(digest) => model.with_digest(digest),
            None => model,
        })
    }

    /// Whether `other` is the same file, on the same device.
    fn is_file_of(&self, other: &Self) -> bool {
        let same_file = match (self.path.canonicalize(), other.path.canonicalize()) {
            (Ok(path), Ok(other)) => path == other,
            _ => false,
        };
        same_file && self.load.device == other.load.device && self.load.precision == other.load.precision
    }
}

/// Opens the models of both roles.
pub(super) fn open_both(draft: RoleModel, target: RoleModel) -> Result<(Model, Model), Failure> {
    match (draft, target) {
        (RoleModel::File(draft), RoleModel::File(target)) if draft.is_file_of(&target) => open_once(draft, target),
        (RoleModel::File(draft), RoleModel::File(target)) => open_side_by_side(draft, target),
        (draft, target) => Ok((draft.open()?, target.open()?)),
    }
}

/// Opens one file for both roles. All weights are shared, or those that the draft's other format leaves as they are.
fn open_once(draft: ModelToLoad, target: ModelToLoad) -> Result<(Model, Model), Failure> {
    let has_same_weights = draft.load.weights == target.load.weights;
    let target = target.open()?;
    let draft = match has_same_weights {
        true => target.share(),
        #[cfg(feature = "flex")]
        false => ModelToLoad { load: draft.load.sharing(target.shared_decoder()), ..draft }.open()?,
        #[cfg(not(feature = "flex"))]
        false => draft.open()?,
    };
    Ok((local(draft), local(target)))
}

/// Opens two files, of which one's weights are packed while the other's tokenizer is read.
fn open_side_by_side(draft: ModelToLoad, target: ModelToLoad) -> Result<(Model, Model), Failure> {
    let progress = LoadingProgress::new(&[&draft.path, &target.path]);
    let (opened_draft, opened_target) = thread::scope(|scope| {
        let target = scope.spawn(|| target.open_reporting(&progress));
        (draft.open_reporting(&progress), target.join())
    });
    progress.finish();
    let opened_target = opened_target.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    Ok((local(opened_draft?), local(opened_target?)))
}

fn local(model: LocalModel) -> Model {
    Model::Local(Box::new(model))
}

/// The client of a model behind a server.
fn remote(address: &Address, role: ModelRole, options: &PairOptions) -> Result<Model, Failure> {
    let template = match role {
        ModelRole::Draft => options.draft_template.as_deref(),
        _ => options.target_template.as_deref(),
    };
    let model = address.model(role.name(), template)?;
    Ok(Model::Remote(Box::new(match &options.system {
        Some(text) => model.with_prompt(Prompt::system(text)),
        None => model,
    })))
}

/// Largest GGUF file that is read as a whole for its digest, in bytes. Larger ones are known by their name.
const MAX_HASHED_BYTES: u64 = 256 << 20;

/// A model's digest: that of the list of known models, or else the digest of its weights, in its folder or in a GGUF file that is not too
/// large. A known model is found by its name, even in the cache of another tool, or by its path in our cache.
fn digest(name: &str, path: &Path) -> Result<Option<String>, Failure> {
    let known = known_digest(Path::new(name)).or_else(|| known_digest(path));
    let weights = if path.is_dir() { weights_file(path) } else { path.to_owned() };
    if known.is_some() || !weights.is_file() {
        return Ok(known);
    }
    // Reading a file to its end is for one whose header fits its size only.
    if weights.extension().is_some_and(|extension| extension == "safetensors") {
        SafetensorsFolder::open(path)?;
    } else if weights.metadata().is_ok_and(|data| data.len() > MAX_HASHED_BYTES)
        || !Gguf::open(&weights).is_ok_and(|file| file.parts() == 1)
    {
        return Ok(None); // what is no model is reported where it is loaded; one of several parts is not the model
    }
    Ok(Some(file_digest(weights)?))
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use arbitrage_models::device;
    use arbitrage_models::weights::DType;

    use super::*;

    fn to_load(path: &Path, weights: Option<DType>) -> RoleModel {
        let load = LoadOptions::new(device("flex").unwrap());
        let load = weights.map_or(load.clone(), |weights| load.with_weights(weights));
        RoleModel::File(ModelToLoad::find(path.to_str().unwrap(), None, load).unwrap())
    }

    #[test]
    fn a_file_in_both_roles_has_one_set_of_weights() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../arbitrage-models/tests/fixtures/tiny/gguf");
        let file = models.join("qwen2-q5_0-q8_0.gguf");
        let the_same = models.join("../gguf").join("qwen2-q5_0-q8_0.gguf");
        let are_shared = |draft, target| match open_both(draft, target).unwrap() {
            (Model::Local(draft), Model::Local(target)) => std::ptr::eq(draft.decoder(), target.decoder()),
            (draft, target) => panic!("{} and {} are not loaded", draft.name(), target.name()),
        };
        assert!(are_shared(to_load(&file, None), to_load(&the_same, None)));
        assert!(are_shared(to_load(&file, Some(DType::Q4_0)), to_load(&file, Some(DType::Q4_0))));
        assert!(!are_shared(to_load(&file, Some(DType::Q4_0)), to_load(&file, None)), "other weights");
        assert!(!are_shared(to_load(&file, None), to_load(&models.join("llama2-q4_0.gguf"), None)), "another file");
    }
}
