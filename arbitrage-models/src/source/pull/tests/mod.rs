//! Downloads from a fake hub and a fake package index, without a network.

mod hub;
mod hub_models;
mod hub_sandbox;
mod hub_split;
mod pulls;
mod real;
mod sandbox;
mod server;
