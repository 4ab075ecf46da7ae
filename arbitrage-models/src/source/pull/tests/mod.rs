//! Downloads from a fake hub and a fake package index, without a network.

mod hub;
mod pulls;
mod real;
mod sandbox;
