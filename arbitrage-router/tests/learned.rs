//! Learned routers, reward models and value heads: they learn a simple rule, are read back from their folders
//! unchanged, and reject examples that cannot be learned from.
#![cfg(all(feature = "train", feature = "flex"))]

#[path = "learned/probe.rs"]
mod probe;
#[path = "learned/reward.rs"]
mod reward;
#[path = "learned/sequential.rs"]
mod sequential;
#[path = "learned/support.rs"]
mod support;
#[path = "learned/text.rs"]
mod text;
#[path = "learned/value_head.rs"]
mod value_head;
