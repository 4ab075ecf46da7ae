//! Matrices that a folder stores as several tensors, whose names differ in their ends, and that are presented as one.

use std::collections::HashMap;

use arbitrage_core::text::excerpt;

/// The end of the name of a matrix.
pub(super) const WEIGHT: &str = ".weight";

/// The name of the tensor of this end that belongs to the matrix `name`.
pub(super) fn part_name(name: &str, end: &str) -> String {
    format!("{}{end}", name.strip_suffix(WEIGHT).unwrap_or(name))
}

/// Whether `name` is that of a tensor with one of these ends that belongs to one of `matrices`.
pub(super) fn is_part<T>(name: &str, ends: &[&str], matrices: &HashMap<String, T>) -> bool {
    let stem = ends.iter().find_map(|end| name.strip_suffix(end));
    stem.is_some_and(|stem| matrices.contains_key(&format!("{stem}{WEIGHT}")))
}

/// How errors name a tensor.
pub(super) fn field(name: &str) -> String {
    format!("tensor `{}`", excerpt(name))
}
