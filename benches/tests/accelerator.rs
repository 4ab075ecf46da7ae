//! The whole benchmark in small: random weights, every figure, and a cost model that the simulator reads.

use std::path::Path;
use std::process::{Command, Output};

use arbitrage_eval::cost::{Hardware, Reuse, WorkCounts};
use serde_json::Value;

fn accelerator(folder: &Path, prompt: &str, more: &[&str]) -> Output {
    let sizes =
        ["--prompt", prompt, "--step", "6", "--tokens", "4", "--batches", "1,3", "--rounds", "2", "--buffer", "4"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_accelerator"));
    command.args(["--device", "flex", "--shapes", "tiny", "--steps", "4", "--share", "0.5"]).args(sizes);
    command.arg("--json").arg(folder.join("all.json")).arg("--cost").arg(folder.join("cost.json")).args(more);
    command.output().unwrap()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn tiny_shapes_give_every_figure_and_a_cost_model_that_the_simulator_reads() {
    for precision in ["packed", "plain", "half"] {
        let folder = tempfile::tempdir().unwrap();
        let output =
            accelerator(folder.path(), "24", &["--precision", precision, "--name", "a machine", "--bandwidth", "10"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        for part in ["a machine (flex)", "| tiny, 3 ", "of nominal", "| tiny-pair | 2 of 4 "] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('–'), "{text}");

        let all: Value = serde_json::from_str(&read(folder.path(), "all.json")).unwrap();
        let single = &all["shapes"][0];
        let rounds = [&single["judge"], &single["switch"], &single["prefill"], &single["decode"][1]["seconds"]];
        for seconds in rounds.into_iter().chain([&all["simulated"][0]["seconds"]]) {
            let seconds = seconds.as_array().unwrap();
            assert!(seconds.len() == 2 && seconds.iter().all(|second| second.as_f64().unwrap() > 0.0), "{all}");
        }
        assert!(single["bandwidth"]["read"].as_f64().unwrap() > 0.0);

        let hardware: Hardware = serde_json::from_str(&read(folder.path(), "cost.json")).unwrap();
        assert_eq!(hardware.name, "tiny shapes on a machine");
        assert!(hardware.router_step > 0.0 && hardware.scorer_token > 0.0);
        let mut work = WorkCounts::default();
        (work.draft.decoded, work.target.prefilled, work.routed) = (6.0, 6.0, 1.0);
        assert!(hardware.seconds(&work, Reuse::Off).is_finite());
    }
}

#[test]
fn what_cannot_be_measured_is_left_out_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let output = accelerator(folder.path(), "5000", &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && text.contains("tiny is left out"), "{text}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("5000 tokens"), "the reason is told");
}
