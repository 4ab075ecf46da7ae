use std::fs;
use std::ops::ControlFlow::{Break, Continue};

use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{Prefix, Step};

use super::*;

/// Knows of a step its length and its place, and counts what it is asked. It can be made to break off.
struct Fake {
    name: &'static str,
    asked: usize,
    most: usize,
}

impl HiddenReader for Fake {
    fn record(&self) -> ModelRecord {
        serde_json::from_value(json!({ "name": self.name })).unwrap()
    }
    fn told(&self) -> [String; 2] {
        [String::new(), String::new()]
    }
    fn width(&self) -> usize {
        3
    }
    fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Hidden>> {
        let hidden = |(prefix, step): &(Prefix<'_>, &Step)| {
            self.asked += 1;
            if self.asked > self.most {
                return Err(Error::NotFinite { model: self.name.into(), place: "here".into(), index: 0 });
            } else if step.text.contains("long") {
                return Err(Error::ContextFull { model: self.name.into(), tokens: 9, context: 8 });
            }
            let state = |by: f32| vec![by * step.text.len() as f32, prefix.steps.len() as f32, -0.5];
            Ok(Hidden { last: state(1.0), mean: state(0.1) })
        };
        steps.iter().map(hidden).collect()
    }
    fn forget(&mut self, _: SequenceId) {}
}

fn fake(name: &'static str) -> Fake {
    Fake { name, asked: 0, most: usize::MAX }
}

/// Solutions of one to four steps. Number 5 is too long to be read.
fn solutions(count: usize) -> Vec<LabelledSolution> {
    let text = |at: usize, step: usize| if (at, step) == (5, 1) { "long".into() } else { "x".repeat(at + step + 1) };
    let steps = |at: usize| (0..at % 4 + 1).map(|step| (text(at, step), 1.0)).collect::<Vec<_>>();
    (0..count).map(|at| LabelledSolution::of_texts(format!("{at}"), "s".into(), format!("q{at}"), &steps(at))).collect()
}

fn read(reader: &mut Fake, path: &Path, in_flight: usize) -> Result<Vec<Option<Vec<Hidden>>>> {
    read_states(reader, &solutions(12), Some(path), in_flight, |_, _| Continue(()))
}

#[test]
fn every_step_has_its_states_and_what_is_known_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states");
    let mut told = Vec::new();
    let mut reader = fake("small");
    let states = read_states(&mut reader, &solutions(12), Some(&path), 5, |solution, reason| {
        told.push((solution.id.clone(), reason.map(ToString::to_string)));
        Continue(())
    });
    let states = states.unwrap();
    for (at, (solution, states)) in solutions(12).iter().zip(&states).enumerate() {
        let Some(states) = states else {
            assert_eq!(at, 5);
            continue;
        };
        assert_eq!(states.len(), solution.labelled.len());
        for (place, (judged, hidden)) in solution.labelled.iter().zip(states).enumerate() {
            assert_eq!(hidden.last, [judged.step.text.len() as f32, place as f32, -0.5]);
        }
    }
    assert_eq!(told.len(), 12);
    assert!(told[5].1.as_ref().is_some_and(|reason| reason.contains("context")), "{told:?}");
    let asked = reader.asked;
    assert_eq!(read(&mut reader, &path, 2).unwrap(), states);
    assert_eq!(reader.asked, asked, "all of it is known");
    assert_eq!(
        read_states(&mut reader, &solutions(12), None, 3, |_, _| Continue(())).unwrap(),
        states,
        "nothing is kept"
    );
}

#[test]
fn a_reading_that_broke_off_ends_in_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, pieces] = ["whole", "pieces"].map(|name| folder.path().join(name));
    let states = read(&mut fake("small"), &whole, 4).unwrap();
    let bytes = fs::read(&whole).unwrap();
    for most in [0, 3, 8, 14, 20] {
        let mut broken = Fake { most, ..fake("small") };
        assert!(matches!(read(&mut broken, &pieces, 2), Err(Error::NotFinite { .. })));
        let found = fs::read(&pieces).unwrap();
        assert!(bytes.starts_with(&found) && found.len() < bytes.len());
        let mut reader = fake("small");
        assert_eq!(read(&mut reader, &pieces, 3).unwrap(), states);
        assert!(fs::read(&pieces).unwrap() == bytes);
        assert!(most < 8 || reader.asked < 30, "what was read is kept");
        fs::remove_file(&pieces).unwrap();
    }
    let mut heard = 0;
    let told_to_end = read_states(&mut fake("small"), &solutions(12), Some(&pieces), 5, |_, _| {
        heard += 1;
        if heard == 7 { Break(()) } else { Continue(()) }
    });
    assert!(matches!(told_to_end, Err(Error::CutOff { done: 7, of: 12 })));
    assert!(bytes.starts_with(&fs::read(&pieces).unwrap()));
    assert_eq!(read(&mut fake("small"), &pieces, 3).unwrap(), states);
    for cut in 0..bytes.len() {
        fs::write(&pieces, &bytes[..cut]).unwrap();
        assert_eq!(read(&mut fake("small"), &pieces, 3).unwrap(), states, "cut at {cut}");
        assert!(fs::read(&pieces).unwrap() == bytes, "cut at {cut}");
    }
}

#[test]
fn what_is_not_what_its_hash_says_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states");
    let states = read(&mut fake("small"), &path, 4).unwrap();
    let bytes = fs::read(&path).unwrap();
    let header = beginning_of(&bytes);
    for at in header..bytes.len() {
        let mut spoilt = bytes.clone();
        spoilt[at] ^= 1;
        fs::write(&path, &spoilt).unwrap();
        assert_eq!(read(&mut fake("small"), &path, 4).unwrap(), states, "byte {at}");
        assert!(fs::read(&path).unwrap() == bytes, "byte {at}");
    }
    for at in 0..header {
        let mut spoilt = bytes.clone();
        spoilt[at] ^= 1;
        fs::write(&path, &spoilt).unwrap();
        assert!(matches!(read(&mut fake("small"), &path, 4), Err(Error::Format { .. })), "byte {at}");
        assert!(fs::read(&path).unwrap() == spoilt, "what is not ours stays as it is");
    }
}

fn beginning_of(bytes: &[u8]) -> usize {
    8 + 4 + u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize + 8
}

#[test]
fn other_states_are_refused_by_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states");
    read(&mut fake("small"), &path, 4).unwrap();
    let before = fs::read(&path).unwrap();
    let refused = |reader: &mut Fake, solutions: &[LabelledSolution], parts: &[&str]| {
        let error = read_states(reader, solutions, Some(&path), 4, |_, _| Continue(())).unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(fs::read(&path).unwrap() == before);
    };
    refused(&mut fake("large"), &solutions(12), &["states: expected", "large", "small"]);
    refused(&mut fake("small"), &solutions(11), &["solutions 11", "solutions 12"]);
    let mut relabelled = solutions(12);
    relabelled[3].labelled[0].label = 0.0;
    refused(&mut fake("small"), &relabelled, &["digest"]);
    fs::write(&path, "{\"question\": \"no states, and longer than any header of theirs\"}".repeat(9)).unwrap();
    let error = read(&mut fake("small"), &path, 4).unwrap_err().to_string();
    assert!(error.contains("something else"), "{error}");
    assert!(read(&mut fake("small"), &folder.path().join("no/such"), 4).is_err());
}
