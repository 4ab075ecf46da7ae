//! Training of learned routers, with burn's autodiff.

mod lessons;
mod network;
mod probe;
mod reward;
mod text;

pub use lessons::Recipe;
pub use reward::train_reward;
