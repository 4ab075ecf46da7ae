//! A draft and a target, loaded.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arbitrage_core::scorer::Judge;
use arbitrage_core::segmenter::{self, TokenBudget};
use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{
    AdvantageRouter, Drafter, Limits, Prefix, Problem, SequenceId, StepRule, StepScorer, StepSegmenter, Verifier,
};
use arbitrage_mini::Checker;
use arbitrage_mini::shipped;
use arbitrage_models::sampler::Sampling;
use arbitrage_models::source::{ModelSource, file_digest, known_digest};
use arbitrage_models::speculation::{DraftModel, PromptLookup};
use arbitrage_models::tokenizer::Tokenizer;
use arbitrage_models::weights::DType;
use arbitrage_models::{HeadTokens, LoadOptions, LocalModel, LocalTarget, ModelFiles, ProcessReward, Prompt};

use arbitrage_router::Policy;
use arbitrage_router::learned::{self, Card};

use crate::Failure;
use crate::cli::{Guesses, LimitOptions, PairOptions, PlacementOptions, Segmenter};
use crate::model::{Model, Trusted};
use crate::placement::Role;
use crate::progress::Bars;
use crate::served::Address;

/// The pair that `--pair` means when it is not given.
pub const DEFAULT: &str = "qwen2.5-coder";

/// The drafter that is the target's own file.
const SAME: &str = "same";

/// Tokens of a head that is trimmed to a text, where nothing else was asked for: what FR-Spec keeps.
const HEAD: usize = 32_768;

/// Known pairs: name, draft, target.
const PAIRS: [(&str, &str, &str); 1] = [(DEFAULT, "qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct")];

/// The pair that is shipped inside the program.
pub const MINI: &str = "mini";

/// The router that a pair is used with where none is named.
const ROUTERS: [(&str, &str); 2] = [(MINI, "mini:probe"), (DEFAULT, "qwen2.5-coder:probe")];

/// Two loaded models.
pub struct Pair {
    /// The drafter.
    pub draft: Model,
    /// The target.
    pub target: Model,
    /// Seconds a decoded token of the target, measured at warm-up.
    pub target_seconds_per_token: f64,
}

impl Pair {
    /// Gets and loads both models and warms them up.
    pub fn load(options: &PairOptions) -> Result<Self, Failure> {
        let (draft, target) = names(options)?;
        options.placement.check()?;
        let (of_draft, of_target) = (options.draft_template.as_deref(), options.target_template.as_deref());
        let mut draft = open(&draft, (Role::Draft, of_draft), &lean(options), options)?;
        let mut target = open(&target, (Role::Target, of_target), &Lean::default(), options)?;
        if let (Some(SAME), Model::Local(draft), Model::Local(target)) = (options.draft.as_deref(), &draft, &target)
            && draft.decoder().bytes_a_token() >= target.decoder().bytes_a_token()
        {
            anstream::eprintln!("the draft is no smaller than the target: its weights have no more bits as they are");
        }
        warm_up(&mut draft)?;
        let target_seconds_per_token = warm_up(&mut target)?;
        Ok(Self { draft, target, target_seconds_per_token })
    }
}

/// A policy's router. Trained ones are checked against the pair, and have the drafter report what they read.
pub fn router(
    policy: Policy,
    (folder, placement): (Option<&Path>, &PlacementOptions),
    mut draft: Model,
    target: &Trusted,
    scorer: impl FnOnce() -> Result<Box<dyn StepScorer>, Failure>,
) -> Result<(Box<dyn AdvantageRouter>, Model), Failure> {
    let Policy::Learned(tau) = policy else {
        return Ok((policy.router(policy.needs_scorer().then(scorer).transpose()?)?, draft));
    };
    let folder = folder.ok_or("--policy learned: no router is known for this pair; name its folder with --router")?;
    let card = Card::open(folder)?;
    let record = |name: &str, digest: Option<String>| ModelRecord { name: name.to_owned(), digest };
    card.check_pair(&record(draft.name(), draft.digest()), &record(Verifier::name(target), Verifier::digest(target)))?;
    draft = draft.with_hidden(card.reads.needs_hidden(), "a probe")?;
    let card = tau.map_or(Ok(card.clone()), |tau| card.with_threshold(tau))?;
    Ok((learned::open(card, folder, &placement.load(Role::Router)?)?, draft))
}

/// What scores steps for RSD and the oracle: the mini family's reward model and checker, elsewhere the target as judge.
pub fn scorer(options: &PairOptions, policy: Policy, target: &Trusted) -> Result<Box<dyn StepScorer>, Failure> {
    Ok(match policy {
        _ if options.pair.as_deref() != Some(MINI) => Box::new(Judge::new(target.local("the target as judge")?)),
        Policy::Oracle(_) => Box::new(Checker),
        _ => Box::new(ProcessReward::open(mini("prm")?, &options.placement.load(Role::Scorer)?)?),
    })
}

/// The target's role, with what it verifies several tokens at a time.
pub fn guessing(target: Model, draft: &Model, guesses: Guesses) -> Result<Trusted, Failure> {
    let target = match target {
        Model::Local(target) => *target,
        Model::Remote(target) if matches!(guesses, Guesses::Off | Guesses::Rejected) => {
            return Ok(Trusted::behind(*target));
        }
        Model::Remote(_) => return Err("--guesses: a target behind a server verifies none".into()),
    };
    let target = match guesses {
        Guesses::Off | Guesses::Rejected => target,
        Guesses::Lookup => target.with_proposer(PromptLookup::new())?,
        Guesses::Draft => target.with_proposer(DraftModel::new(draft.local("--guesses draft")?.share()))?,
    };
    Ok(Trusted::of(LocalTarget::new(target).with_reuse(guesses != Guesses::Off)))
}

impl LimitOptions {
    /// The engine's caps.
    pub fn limits(&self) -> Limits {
        Limits::default().with_steps(self.steps).with_step_tokens(self.step_tokens).with_tokens(self.tokens)
    }

    /// The rule by which steps end.
    pub fn segmenter(&self) -> Result<Box<dyn StepSegmenter>, Failure> {
        Ok(match self.segmenter {
            Segmenter::BlankLine => Box::new(segmenter::BlankLine::new()),
            Segmenter::Newline => Box::new(segmenter::Newline::new()),
            Segmenter::Markers => Box::new(segmenter::StepMarkers::new()),
            Segmenter::Tokens => Box::new(TokenBudget::new(self.step_tokens)?),
        })
    }
}

/// The folder of what is shipped, which is unpacked and compared once.
fn shipped_folder() -> Result<&'static Path, Failure> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    if FOLDER.get().is_none() {
        FOLDER.set(shipped::unpack()?).ok();
    }
    FOLDER.get().map(PathBuf::as_path).ok_or_else(|| "what is shipped is not unpacked".into())
}

/// A folder of the mini pair, as a name.
fn mini(part: &str) -> Result<String, Failure> {
    let path = shipped_folder()?.join(MINI).join(part);
    Ok(path.to_str().ok_or_else(|| format!("{}: the path is not UTF-8", path.display()))?.to_owned())
}

/// The folder of a router: that of a shipped one's name, any other folder, or, unnamed, that of the router which goes with the pair.
pub fn router_folder(options: &PairOptions, named: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    let own = options.draft.is_none() && options.target.is_none();
    let pair = options.pair.as_deref().unwrap_or(DEFAULT);
    let goes_with = ROUTERS.iter().find(|(of, _)| own && *of == pair).map(|(_, name)| Path::new(*name));
    named.or(goes_with).map(folder_of).transpose()
}

/// Who decides where nobody was named: the trained router, where there is one.
pub fn usual(folder: Option<&Path>) -> Policy {
    folder.map_or(Policy::MeanLogprob(-0.15), |_| Policy::Learned(None))
}

/// The folder of a router that is named: that of a shipped one, or any other.
pub fn folder_of(router: &Path) -> Result<PathBuf, Failure> {
    Ok(match shipped::router(router) {
        Some(place) => shipped_folder()?.join(place),
        None => router.to_owned(),
    })
}

fn names(options: &PairOptions) -> Result<(String, String), Failure> {
    let pair = options.pair.as_deref().unwrap_or(DEFAULT);
    if pair == MINI {
        let chosen = |given: &Option<String>, part| given.clone().map_or_else(|| mini(part), Ok);
        return Ok((chosen(&options.draft, "draft")?, chosen(&options.target, "target")?));
    }
    let found = PAIRS.iter().find(|(name, ..)| *name == pair);
    let (_, draft, target) = match (found, &options.draft, &options.target) {
        (Some(pair), ..) => *pair,
        (None, Some(_), Some(_)) => PAIRS[0],
        (None, ..) => {
            let known: Vec<_> = PAIRS.iter().map(|(name, ..)| *name).collect();
            return Err(format!("pair `{}` is unknown; known are {MINI}, {}", pair, known.join(", ")).into());
        }
    };
    let chosen = |given: &Option<String>, other: &str| given.clone().unwrap_or_else(|| other.to_owned());
    let (draft, target) = (chosen(&options.draft, draft), chosen(&options.target, target));
    if draft != SAME {
        return Ok((draft, target));
    }
    if options.draft_weights.is_none() {
        return Err(
            "--draft same: the draft would be the target itself; --draft-weights makes it smaller, for instance q3"
                .into(),
        );
    }
    Ok((target.clone(), target))
}

/// What makes a draft lean.
#[derive(Default)]
struct Lean<'a> {
    weights: Option<DType>,
    head: Option<usize>,
    head_from: Option<&'a Path>,
}

fn lean(options: &PairOptions) -> Lean<'_> {
    Lean { weights: options.draft_weights, head: options.draft_head, head_from: options.draft_head_from.as_deref() }
}

impl Lean<'_> {
    fn options(&self, mut load: LoadOptions, tokenizer: &Tokenizer) -> Result<LoadOptions, Failure> {
        if let Some(most) = self.weights {
            load = load.with_weights(most);
        }
        let head = match (self.head_from, self.head) {
            (Some(path), count) => {
                let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
                let count = count.unwrap_or_else(|| HEAD.min(tokenizer.vocab_size()));
                HeadTokens::counted([text.as_str()], count, tokenizer)?
            }
            (None, Some(count)) => HeadTokens::first(count, tokenizer)?,
            (None, None) => return Ok(load),
        };
        Ok(load.with_head(head))
    }
}

/// The path of a model, which is got first where it is not there.
pub fn resolve(name: &str) -> Result<PathBuf, Failure> {
    Ok(ModelSource::parse(name)?.resolve(&mut Bars::default())?)
}

/// A model by its name or address, in a role; a template is for prompts to a server.
fn open(
    name: &str,
    (role, template): (Role, Option<&Path>),
    lean: &Lean<'_>,
    options: &PairOptions,
) -> Result<Model, Failure> {
    let model = match Address::parse(name) {
        Some(address) => {
            let model =
                address.map_err(|error| format!("--{} {name}: {error}", role.name()))?.model(role.name(), template)?;
            Model::Remote(Box::new(match &options.system {
                Some(text) => model.with_prompt(Prompt::system(text)),
                None => model,
            }))
        }
        None => {
            let path = resolve(name)?;
            let files = ModelFiles::open(&path)?;
            let load = lean.options(options.placement.load(role)?, &files.tokenizer)?;
            let model = LocalModel::from_files(files, &load)?;
            Model::Local(Box::new(known(model, name, &path, options.system.as_deref())?))
        }
    };
    model.with_sampling(sampling(options)?)
}

/// A model that reads and does not write.
pub fn reader(name: &str, system: Option<&str>, load: &LoadOptions) -> Result<LocalModel, Failure> {
    let path = resolve(name)?;
    known(LocalModel::open(&path, load)?, name, &path, system)
}

/// The model with its digest, and what it is told.
fn known(model: LocalModel, name: &str, path: &Path, system: Option<&str>) -> Result<LocalModel, Failure> {
    if let unused @ [first, ..] = model.decoder().unused() {
        let count = unused.len();
        anstream::eprintln!(
            "{}: {count} tensors have no use here, the first `{}`",
            path.display(),
            first.escape_debug()
        );
    }
    let model = match system {
        Some(text) => model.with_prompt(Prompt::system(text)),
        None => model,
    };
    Ok(match digest(name, path)? {
        Some(digest) => model.with_digest(digest),
        None => model,
    })
}

/// A file in the cache is known by its path; a model found in another tool's cache only by its name. Weights of a folder are read
/// for it, as they are read anyway.
pub fn digest(name: &str, path: &Path) -> Result<Option<String>, Failure> {
    let known = known_digest(Path::new(name)).or_else(|| known_digest(path));
    let weights = path.join("model.safetensors");
    Ok(if known.is_none() && weights.is_file() { Some(file_digest(weights)?) } else { known })
}

fn sampling(options: &PairOptions) -> Result<Sampling, Failure> {
    let mut sampling = Sampling::at_temperature(options.temperature)?;
    if let Some(top_k) = options.top_k {
        sampling = sampling.with_top_k(top_k);
    }
    if let Some(top_p) = options.top_p {
        sampling = sampling.with_top_p(top_p)?;
    }
    if let Some(min_p) = options.min_p {
        sampling = sampling.with_min_p(min_p)?;
    }
    Ok(sampling)
}

/// Writes a few tokens, so that weights are paged in, threads awake and servers known to answer, and returns the seconds a token.
fn warm_up(model: &mut Model) -> Result<f64, Failure> {
    const TOKENS: usize = 8;
    let problem = Problem::new("Count from one to ten.");
    let id = SequenceId(u64::MAX);
    let segmenter = TokenBudget::new(TOKENS)?;
    let mut seconds = 0.0;
    for _ in 0..2 {
        let steps = model.draft(&[Prefix::new(id, &problem, &[])], &StepRule::new(&segmenter, TOKENS));
        let step = steps.into_iter().next().ok_or("the model wrote nothing")??;
        seconds = (step.cost.seconds - step.cost.prefill_seconds) / step.cost.decoded.max(2) as f64;
    }
    model.release(id);
    Ok(seconds)
}
