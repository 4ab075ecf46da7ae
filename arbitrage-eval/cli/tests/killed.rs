//! Trainings and collections that are killed at random moments and go on: nothing is lost, nothing is doubled, and what comes out is
//! what a run without interruption gives. And those that are refused, since they would go on with something else.
#![cfg(all(unix, feature = "flex"))]

#[path = "killed/calibration.rs"]
mod calibration;
#[path = "killed/collection.rs"]
mod collection;
#[path = "killed/evaluation.rs"]
mod evaluation;
#[path = "killed/fitting.rs"]
mod fitting;
#[path = "killed/interrupts.rs"]
mod interrupts;
#[path = "killed/support.rs"]
mod support;
#[path = "killed/training.rs"]
mod training;
