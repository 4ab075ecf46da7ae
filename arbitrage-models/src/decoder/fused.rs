//! Fused.
