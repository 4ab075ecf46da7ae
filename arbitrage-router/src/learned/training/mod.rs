//! Training of learned routers, with burn's autodiff.

mod head;
mod lessons;
mod network;
mod probe;
mod reward;
mod text;

pub use head::JudgedStates;
pub use lessons::Recipe;
pub use reward::train_reward;
