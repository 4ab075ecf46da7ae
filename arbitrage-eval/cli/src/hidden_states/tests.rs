use std::fs;
use std::ops::ControlFlow::{Break, Continue};

use arbitrage_core::trace::ModelRecord;
use arbitrage_core::{Prefix, Step};
use safetensors::{Dtype, SafeTensors};

use super::*;

/// Its states are made of a step's length and position. Counts the steps that it reads, and fails after `max` of them.
struct FakeReader {
    name: &'static str,
    read: usize,
    max: usize,
}

impl HiddenReader for FakeReader {
    fn record(&self) -> ModelRecord {
        serde_json::from_value(json!({ "name": self.name })).unwrap()
    }
    fn prompt_identity(&self) -> [String; 2] {
        [String::new(), String::new()]
    }
    fn width(&self) -> usize {
        3
    }
    fn hidden(&mut self, steps: &[(Prefix<'_>, &Step)]) -> Vec<Result<Hidden>> {
        let hidden = |(prefix, step): &(Prefix<'_>, &Step)| {
            self.read += 1;
            if self.read > self.max {
                return Err(Error::NotFinite { model: self.name.into(), place: "here".into(), index: 0 });
            } else if step.text.contains("long") {
                return Err(Error::ContextFull {
                    model: self.name.into(),
                    tokens: 9,
                    context: 8,
                    context_key: "/max_position_embeddings".into(),
                });
            }
            let state = |by: f32| vec![by * step.text.len() as f32, prefix.steps.len() as f32, -0.5];
            Ok(Hidden { last: state(1.0), mean: state(0.1) })
        };
        steps.iter().map(hidden).collect()
    }
    fn release(&mut self, _: SequenceId) {}
}

fn fake(name: &'static str) -> FakeReader {
    FakeReader { name, read: 0, max: usize::MAX }
}

/// Solutions of one to four steps. Number 5 is too long to be read.
fn solutions(count: usize) -> Vec<LabelledSolution> {
    let text = |at: usize, step: usize| if (at, step) == (5, 1) { "long".into() } else { "x".repeat(at + step + 1) };
    let steps = |at: usize| (0..at % 4 + 1).map(|step| (text(at, step), 1.0)).collect::<Vec<_>>();
    (0..count).map(|at| LabelledSolution::of_texts(format!("{at}"), "s".into(), format!("q{at}"), &steps(at))).collect()
}

fn read(reader: &mut FakeReader, path: &Path, in_flight: usize) -> Result<Vec<Option<Vec<Hidden>>>> {
    read_states(reader, &solutions(12), Some(path), in_flight, |_, _| Continue(()))
}

#[test]
fn every_step_has_its_states_and_cached_states_are_not_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states");
    let mut seen = Vec::new();
    let mut reader = fake("small");
    let states = read_states(&mut reader, &solutions(12), Some(&path), 5, |solution, error| {
        seen.push((solution.id.clone(), error.map(ToString::to_string)));
        Continue(())
    });
    let states = states.unwrap();
    for (at, (solution, states)) in solutions(12).iter().zip(&states).enumerate() {
        let Some(states) = states else {
            assert_eq!(at, 5);
            continue;
        };
        assert_eq!(states.len(), solution.labelled.len());
        for (position, (labelled, hidden)) in solution.labelled.iter().zip(states).enumerate() {
            assert_eq!(hidden.last, [labelled.step.text.len() as f32, position as f32, -0.5]);
        }
    }
    assert_eq!(seen.len(), 12);
    assert!(seen[5].1.as_ref().is_some_and(|error| error.contains("context")), "{seen:?}");
    let before = reader.read;
    assert_eq!(read(&mut reader, &path, 2).unwrap(), states);
    assert_eq!(reader.read, before, "all states are cached");
    assert_eq!(
        read_states(&mut reader, &solutions(12), None, 3, |_, _| Continue(())).unwrap(),
        states,
        "without a file"
    );
}

/// Another reader of the format accepts a complete file and no other.
#[test]
fn the_file_is_a_safetensors_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states");
    let states = read(&mut fake("small"), &path, 4).unwrap();
    let bytes = fs::read(&path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.len(), 24);
    for (at, states) in states.iter().enumerate() {
        let tensor = tensors.tensor(&format!("{at}.states")).unwrap();
        assert_eq!((tensor.dtype(), tensor.shape()), (Dtype::F32, &[at % 4 + 1, 2, 3][..]));
        let numbers: Vec<f32> =
            tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        match states {
            Some(states) => assert_eq!(numbers[..6], [&states[0].last[..], &states[0].mean].concat()),
            None => assert!(numbers.iter().all(|number| number.is_nan())),
        }
    }
    assert!(SafeTensors::deserialize(&bytes[..bytes.len() - 1]).is_err());
}

#[test]
fn two_processes_do_not_write_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states");
    let error = read_states(&mut fake("small"), &solutions(12), Some(&path), 4, |_, _| {
        let error = read(&mut fake("small"), &path, 4).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        Break(())
    });
    assert!(matches!(error, Err(Error::CutOff { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the file");
}

#[test]
fn an_interrupted_computation_ends_in_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, pieces] = ["whole", "pieces"].map(|name| folder.path().join(name));
    let states = read(&mut fake("small"), &whole, 4).unwrap();
    let bytes = fs::read(&whole).unwrap();
    for max in [0, 3, 8, 14, 20] {
        let mut broken = FakeReader { max, ..fake("small") };
        assert!(matches!(read(&mut broken, &pieces, 2), Err(Error::NotFinite { .. })));
        let found = fs::read(&pieces).unwrap();
        assert!(bytes.starts_with(&found) && found.len() < bytes.len());
        let mut reader = fake("small");
        assert_eq!(read(&mut reader, &pieces, 3).unwrap(), states);
        assert!(fs::read(&pieces).unwrap() == bytes);
        assert!(max < 8 || reader.read < 30, "complete solutions are kept");
        fs::remove_file(&pieces).unwrap();
    }
    let mut seen = 0;
    let stopped = read_states(&mut fake("small"), &solutions(12), Some(&pieces), 5, |_, _| {
        seen += 1;
        if seen == 7 { Break(()) } else { Continue(()) }
    });
    assert!(matches!(stopped, Err(Error::CutOff { done: 7, of: 12 })));
    assert!(bytes.starts_with(&fs::read(&pieces).unwrap()));
    assert_eq!(read(&mut fake("small"), &pieces, 3).unwrap(), states);
    for cut in 0..bytes.len() {
        fs::write(&pieces, &bytes[..cut]).unwrap();
        assert_eq!(read(&mut fake("small"), &pieces, 3).unwrap(), states, "cut at {cut}");
        assert!(fs::read(&pieces).unwrap() == bytes, "cut at {cut}");
    }
}

#[test]
fn corrupt_solutions_are_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states");
    let states = read(&mut fake("small"), &path, 4).unwrap();
    let bytes = fs::read(&path).unwrap();
    let header = start_length(&bytes);
    for at in header..bytes.len() {
        let mut corrupt = bytes.clone();
        corrupt[at] ^= 1;
        fs::write(&path, &corrupt).unwrap();
        assert_eq!(read(&mut fake("small"), &path, 4).unwrap(), states, "byte {at}");
        assert!(fs::read(&path).unwrap() == bytes, "byte {at}");
    }
    for at in 0..header {
        let mut corrupt = bytes.clone();
        corrupt[at] ^= 1;
        fs::write(&path, &corrupt).unwrap();
        assert!(matches!(read(&mut fake("small"), &path, 4), Err(Error::Format { .. })), "byte {at}");
        assert!(fs::read(&path).unwrap() == corrupt, "a file with another header is not changed");
    }
}

fn start_length(bytes: &[u8]) -> usize {
    8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

#[test]
fn errors_for_other_states_name_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("states");
    read(&mut fake("small"), &path, 4).unwrap();
    let before = fs::read(&path).unwrap();
    let refused = |reader: &mut FakeReader, solutions: &[LabelledSolution], parts: &[&str]| {
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
    assert!(error.contains("another kind of file"), "{error}");
    fs::write(&path, b"arbstate and what followed").unwrap();
    let error = read(&mut fake("small"), &path, 4).unwrap_err().to_string();
    assert!(error.contains("made by an earlier version: delete it and run again"), "{error}");
    assert!(read(&mut fake("small"), &folder.path().join("no/such"), 4).is_err());
}

#[test]
fn thousands_of_solutions_have_a_long_header() {
    let (folder, solutions) = (tempfile::tempdir().unwrap(), solutions(1500));
    let path = folder.path().join("states");
    let read = |reader: &mut FakeReader| read_states(reader, &solutions, Some(&path), 64, |_, _| Continue(())).unwrap();
    let states = read(&mut fake("model"));
    let mut again = fake("model");
    assert_eq!((read(&mut again), again.read), (states, 0), "all states are read from the file");
    let bytes = fs::read(&path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert!(header > u64::from(u16::MAX) && header % 8 == 0, "{header}");
    assert_eq!(SafeTensors::deserialize(&bytes).unwrap().len(), 2 * solutions.len());
}
