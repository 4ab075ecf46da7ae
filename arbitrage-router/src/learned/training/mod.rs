//! Training of learned routers, with burn's autodiff.

mod lessons;
mod network;
mod probe;

pub use lessons::Recipe;
