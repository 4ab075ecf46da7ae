//! A draft and a target: the models behind a pair's name, loading them, and the parts of an engine that use them.

mod engine;
mod load;
mod lookahead;
mod needed_roles;
mod open;
mod registry;
mod routing;

pub(crate) use engine::{EngineSettings, RoutedEngine};
pub(crate) use load::{LoadedPair, open_reader, seconds_per_token};
pub(crate) use lookahead::DraftChoosing;
pub(crate) use needed_roles::NeededRoles;
pub(crate) use registry::{
    DEFAULT_PAIR, MINI, default_policy, draft_name, has_remote_draft, resolve_router, router_folder,
};
pub(crate) use routing::{RouterSource, as_verifier, default_scorer, open_router};
