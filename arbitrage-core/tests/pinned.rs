//! Seeded runs are pinned: whoever changes a random number, a decision or a record's form sees it here.
//!
//! `ARBITRAGE_REGENERATE=1 cargo test --test pinned` writes the fixture anew.

mod support;

use std::path::PathBuf;

use arbitrage_core::trace::{Record, read_jsonl};
use arbitrage_core::{Author, Draw, Prefix, Problem, SequenceId};
use serde_json::Value;
use support::{ROUTERS, Setup, timeless};

fn fixture() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "babble.jsonl"].iter().collect()
}

/// A run of every policy as JSON lines, without times.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for router in 0..ROUTERS {
        let setup = Setup::new(20 + router as u64, router);
        for answer in setup.engine().0.solve_all(&setup.problems(2)) {
            let records = timeless(answer.unwrap()).records.into_iter().map(Record::Step);
            lines.extend(records.map(|record| serde_json::to_string(&record).unwrap()));
        }
    }
    lines
}

/// Equal, but for the last bits of numbers: logarithms differ between machines.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() <= 1e-5,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
        }
        (a, b) => a == b,
    }
}

#[test]
fn seeded_runs_are_what_they_were() {
    let lines = lines();
    if std::env::var_os("ARBITRAGE_REGENERATE").is_some() {
        std::fs::write(fixture(), lines.join("\n") + "\n").unwrap();
    }
    let pinned = std::fs::read_to_string(fixture()).unwrap();
    assert_eq!(pinned.lines().count(), lines.len());
    for (number, (found, expected)) in lines.iter().zip(pinned.lines()).enumerate() {
        let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        assert!(alike(&parse(found), &parse(expected)), "line {}:\n{found}\n{expected}", number + 1);
    }
}

#[test]
fn the_fixture_is_a_trace() {
    assert!(read_jsonl(fixture()).unwrap().iter().all(|record| matches!(record, Record::Step(_))));
}

#[test]
fn random_numbers_are_what_they_were() {
    let problem = Problem::new("?").with_seed(7);
    let prefix = Prefix::new(SequenceId(99), &problem, &[]);
    let mut zero = Draw::new(0);
    let reference: [u64; 3] = std::array::from_fn(|_| zero.next_u64());
    // The first numbers of SplitMix64's reference implementation for seed 0.
    assert_eq!(reference, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
    let streams = [prefix.draw(Author::Draft), prefix.draw(Author::Target), prefix.routing_draw()];
    assert_eq!(streams.map(|mut draw| draw.next_u64()), PINNED_STREAMS);
}

const PINNED_STREAMS: [u64; 3] = [3_167_992_149_630_043_406, 319_611_946_110_763_692, 801_728_632_210_636_971];
