//! Pulls from a fake package index, without a network.

mod bench;
mod hub;
mod pulls;
mod real;
