//! Learned routers and reward models: that they learn a rule that is there, come back from their folders as they were, and refuse
//! what nothing can be learned from.
#![cfg(all(feature = "train", feature = "flex"))]

#[path = "learned/head.rs"]
mod head;
#[path = "learned/probe.rs"]
mod probe;
#[path = "learned/reward.rs"]
mod reward;
#[path = "learned/support.rs"]
mod support;
#[path = "learned/text.rs"]
mod text;
