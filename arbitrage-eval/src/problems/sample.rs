//! Selects problems.

use std::collections::{BTreeMap, HashSet};

use arbitrage_core::Draw;

use super::ProblemRow;

/// Drops problems whose question, except for case and white space, equals an earlier one (paper, App. C). Returns how many.
pub fn deduplicate(rows: &mut Vec<ProblemRow>) -> usize {
    let (before, mut seen) = (rows.len(), HashSet::new());
    rows.retain(|row| seen.insert(normalised(&row.problem.question)));
    before - rows.len()
}

/// A question in lower case with single spaces.
pub(crate) fn normalised(question: &str) -> String {
    question.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A random sample of `count` problems, stratified by source in proportion to its size (paper, App. C), in the original order; all problems
/// if there are no more. The choice depends only on `seed`, the sources and the order.
pub fn stratified(rows: Vec<ProblemRow>, count: usize, seed: u64) -> Vec<ProblemRow> {
    stratified_by(rows, |row| &row.source, count, seed)
}

/// As [`stratified`], for any items that have a source.
pub fn stratified_by<T>(rows: Vec<T>, source: impl Fn(&T) -> &str, count: usize, seed: u64) -> Vec<T> {
    if rows.len() <= count {
        return rows;
    }
    let mut sources: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    rows.iter().enumerate().for_each(|(at, row)| sources.entry(source(row)).or_default().push(at));
    let sizes: Vec<usize> = sources.values().map(Vec::len).collect();
    let mut draw = Draw::new(Draw::new(seed).next_u64());
    let mut chosen = HashSet::new();
    for (mut members, share) in sources.into_values().zip(shares(&sizes, count)) {
        for taken in 0..share {
            let at = taken + (draw.uniform() * (members.len() - taken) as f64) as usize;
            members.swap(taken, at);
            chosen.insert(members[taken]);
        }
    }
    rows.into_iter().enumerate().filter(|(at, _)| chosen.contains(at)).map(|(_, row)| row).collect()
}

/// Divides `count` in proportion to `sizes` into whole numbers, by the method of largest remainders.
fn shares(sizes: &[usize], count: usize) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let mut shares: Vec<usize> = sizes.iter().map(|size| size * count / total).collect();
    let mut rest: Vec<usize> = (0..sizes.len()).collect();
    rest.sort_by_key(|&at| std::cmp::Reverse(sizes[at] * count % total));
    let missing = count - shares.iter().sum::<usize>();
    rest.into_iter().take(missing).for_each(|at| shares[at] += 1);
    shares
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::problems::{BadRows, read};

    fn rows(sizes: &[usize]) -> Vec<ProblemRow> {
        let row = |source: usize, at: usize| {
            format!("{{\"question\": \"{source} {at}?\", \"id\": \"{source}-{at}\", \"source\": \"{source}\"}}")
        };
        let lines: Vec<_> =
            sizes.iter().enumerate().flat_map(|(source, size)| (0..*size).map(move |at| row(source, at))).collect();
        read(Path::new("f"), lines.join("\n").as_bytes(), BadRows::Fail).unwrap().rows
    }

    proptest! {
        #[test]
        fn shares_are_fair(sizes in prop::collection::vec(1usize..30, 1..6), count in 1usize..60, seed: u64) {
            let all = rows(&sizes);
            let (total, chosen) = (all.len(), stratified(all, count, seed));
            prop_assert_eq!(chosen.len(), count.min(total));
            for (source, size) in sizes.iter().enumerate() {
                let found = chosen.iter().filter(|row| row.source == source.to_string()).count();
                let fair = (*size * count.min(total)) as f64 / total as f64;
                prop_assert!((found as f64 - fair).abs() <= 1.0, "{} of {}", found, fair);
            }
        }
    }

    #[test]
    fn the_choice_is_pinned_by_the_seed() {
        let ids = |seed| stratified(rows(&[20, 20]), 6, seed).into_iter().map(|row| row.problem.id).collect::<Vec<_>>();
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }

    #[test]
    fn duplicate_questions_are_dropped() {
        let text = "{\"question\": \"What  is\\n2?\"}\n{\"question\": \"what is 2?\"}\n{\"question\": \"What is 3?\"}";
        let mut rows = read(Path::new("f"), text.as_bytes(), BadRows::Fail).unwrap().rows;
        assert_eq!((deduplicate(&mut rows), rows.len()), (1, 2));
        assert_eq!(rows[0].problem.id, "f-1");
    }
}
