//! A draft and a target: which models a name stands for, loading them, and their roles in an engine.

mod load;
mod registry;
mod routing;

pub use load::{Pair, reader, resolve};
pub use registry::{DEFAULT, MINI, default_policy, resolve_router, router_folder};
pub use routing::{RouterPlace, as_verifier, router, scorer};
