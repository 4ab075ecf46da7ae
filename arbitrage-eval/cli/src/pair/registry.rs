//! The models and routers behind a pair's name, and the folder of the shipped ones.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arbitrage_mini::shipped;
use arbitrage_router::Policy;

use crate::Failure;
use crate::cli::PairOptions;
use crate::remote_address::Address;

/// The pair that is used when `--pair` is not given.
pub(crate) const DEFAULT_PAIR: &str = "qwen2.5-coder";

/// Value of `--draft` for the target's own file, with its weights requantised by `--draft-weights`.
pub(super) const TARGET_COPY: &str = "same";

/// A pair of downloadable models.
struct KnownPair {
    name: &'static str,
    draft: &'static str,
    target: &'static str,
}

const PAIRS: [KnownPair; 1] =
    [KnownPair { name: DEFAULT_PAIR, draft: "qwen2.5-coder-0.5b-instruct", target: "qwen2.5-coder-1.5b-instruct" }];

/// The pair whose models are part of the program.
pub(crate) const MINI: &str = "mini";

/// The trained router that each pair is used with unless `--router` names another.
const ROUTERS: [(&str, &str); 2] = [(MINI, "mini:probe"), (DEFAULT_PAIR, "qwen2.5-coder:probe")];

/// Whether `path` is one of the models that are part of the program.
pub(super) fn is_shipped(path: &Path) -> bool {
    let is_named_so = path.parent().is_some_and(|folder| folder.ends_with(MINI));
    is_named_so && shipped_folder().is_ok_and(|root| path.starts_with(root))
}

/// The names of a pair's two models, as they can be opened.
pub(super) struct ModelNames {
    /// The draft's name, path or address.
    pub draft: String,
    /// The target's name, path or address.
    pub target: String,
}

/// The models that the options choose: those of `--pair`, each replaced by `--draft` or `--target` if given.
pub(super) fn model_names(options: &PairOptions) -> Result<ModelNames, Failure> {
    let pair = options.pair.as_deref().unwrap_or(DEFAULT_PAIR);
    if pair == MINI {
        let chosen = |given: &Option<String>, model| given.clone().map_or_else(|| mini_model(model), Ok);
        let (draft, target) = (chosen(&options.draft, "draft.gguf")?, chosen(&options.target, "target.gguf")?);
        return Ok(ModelNames { draft, target });
    }
    let both_given = options.draft.is_some() && options.target.is_some();
    let known = PAIRS.iter().find(|known| known.name == pair || both_given);
    let Some(known) = known else {
        let names: Vec<_> = PAIRS.iter().map(|known| known.name).collect();
        return Err(format!("--pair: expected {MINI} or {}, found `{pair}`", names.join(", ")).into());
    };
    let target = options.target.clone().unwrap_or_else(|| known.target.to_owned());
    match options.draft.as_deref() {
        Some(TARGET_COPY) if options.draft_weights.is_none() => {
            Err("--draft same: the draft would be the target itself; choose a format with fewer bits by --draft-weights, such as q4_0".into())
        }
        Some(TARGET_COPY) => Ok(ModelNames { draft: target.clone(), target }),
        draft => Ok(ModelNames { draft: draft.unwrap_or(known.draft).to_owned(), target }),
    }
}

/// The draft's name, path or address.
pub(crate) fn draft_name(options: &PairOptions) -> Result<String, Failure> {
    Ok(model_names(options)?.draft)
}

/// Whether the draft is behind a server, by its name.
pub(crate) fn has_remote_draft(options: &PairOptions) -> Result<bool, Failure> {
    Ok(Address::parse(&draft_name(options)?).is_some())
}

/// The folder of the router that `--router` names, or else of the pair's trained router; `None` if the pair has none.
pub(crate) fn router_folder(options: &PairOptions, named: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let is_unchanged_pair = options.draft.is_none() && options.target.is_none();
    let pair = options.pair.as_deref().unwrap_or(DEFAULT_PAIR);
    let default = ROUTERS.iter().find(|(of, _)| is_unchanged_pair && *of == pair).map(|(_, name)| Path::new(*name));
    named.or(default).map(resolve_router).transpose()
}

/// The policy that is used when `--policy` is not given: the trained router if there is one, else the threshold on log-probability.
pub(crate) fn default_policy(folder: Option<&Path>) -> Policy {
    folder.map_or_else(Policy::default, |_| Policy::Learned(None))
}

/// The folder of a router that is named by its path, or by its name if it is shipped.
pub(crate) fn resolve_router(router: &Path) -> Result<PathBuf, Failure> {
    Ok(match shipped::router(router) {
        Some(subfolder) => shipped_folder()?.join(subfolder),
        None => router.to_owned(),
    })
}

/// The folder of the files that are part of the program, which are unpacked and verified once per process.
fn shipped_folder() -> Result<&'static Path, Failure> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    if FOLDER.get().is_none() {
        FOLDER.set(shipped::unpack()?).ok();
    }
    FOLDER.get().map(PathBuf::as_path).ok_or_else(|| "the shipped models could not be unpacked".into())
}

/// The path of one of the mini pair's models (`draft.gguf`, `target.gguf`, `prm`), as a model's name.
pub(super) fn mini_model(model: &str) -> Result<String, Failure> {
    let path = shipped_folder()?.join(MINI).join(model);
    Ok(path.to_str().ok_or_else(|| format!("{}: the path is not UTF-8", path.display()))?.to_owned())
}
