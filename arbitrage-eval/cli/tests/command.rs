//! The `arbitrage` command on tiny models of random weights: what it prints, what it refuses, how it ends.
#![cfg(feature = "flex")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn tiny(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../arbitrage-models/tests/fixtures/tiny").join(name)
}

fn arbitrage() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_THREADS", "1").stdin(Stdio::null());
    command
}

/// `solve` on a pair whose vocabularies differ, in steps of five tokens.
fn solve(arguments: &[&str]) -> Command {
    let mut command = arbitrage();
    command.arg("solve").arg("--draft").arg(tiny("gguf/qwen2-q5_0-q8_0.gguf"));
    command.arg("--target").arg(tiny("hf/llama3-bf16-sharded"));
    command.args(["--system", "", "--segmenter", "tokens", "--step-tokens", "5", "--steps", "4"]).args(arguments);
    command
}

fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_json_object_names_the_author_of_each_step() {
    let output = run(solve(&["How many eggs?", "--json", "--policy", "random:0.5"]));
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{err}");
    let json: Value = serde_json::from_str(&out).unwrap();
    let steps = json["steps"].as_array().unwrap();
    let joined: String = steps.iter().map(|step| step["text"].as_str().unwrap()).collect();
    assert_eq!(json["text"], joined);
    let count = |author| steps.iter().filter(|step| step["author"] == author).count();
    assert_eq!(json["usage"]["accepted_steps"], count("draft"));
    assert_eq!(json["usage"]["escalated_steps"], count("target"));
    for step in steps {
        assert!(step["tokens"].as_u64().unwrap() >= 1 && step["seconds"].as_f64().unwrap() > 0.0, "{step}");
        assert_eq!(step["rejected_draft"].is_string(), step["author"] == "target", "{step}");
    }
    assert!(json["answer"].is_string() || json["answer"].is_null());
    assert_eq!(json["policy"], "random:0.5");
}

#[test]
fn a_profile_is_printed_beside_the_result() {
    let text =
        |arguments: &[&str]| texts(&run(solve(&[&["Eggs?", "--json", "--policy", "random:0.5"], arguments].concat())));
    let ((plain, none), (profiled, table)) = (text(&[]), text(&["--profile"]));
    let steps = |out: &str| serde_json::from_str::<Value>(out).unwrap()["text"].clone();
    assert_eq!(steps(&plain), steps(&profiled));
    for part in
        ["embedding", "norms", "product: head", "attention", "sampler", "tokenizer", "template", "router", "rest"]
    {
        let line = |text: &str| text.lines().any(|line| line.starts_with(part) && line.contains('%'));
        assert!(line(&table) && !line(&none), "{part}: {table}{none}");
    }
}

#[test]
fn speculation_and_overlap_change_no_text() {
    // Two models with random weights never agree, so that draft and target are the same file: some proposed tokens have to be right.
    let solve = |arguments: &[&str]| {
        let mut command = arbitrage();
        command.arg("solve").arg("--draft").arg(tiny("gguf/qwen2-q5_0-q8_0.gguf"));
        command.arg("--target").arg(tiny("gguf/qwen2-q5_0-q8_0.gguf"));
        command.args(["--system", "", "--segmenter", "tokens", "--step-tokens", "9", "--steps", "6", "--json"]);
        command.args(["--policy", "random:0.5", "How many eggs?"]).args(arguments);
        let (out, err) = texts(&run(command));
        serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{err}"))
    };
    let plain = solve(&["--speculation", "off"]);
    assert!(plain["usage"]["target"].get("guessed").is_none());
    let ways: [&[&str]; 4] = [
        &["--speculation", "rejected"],
        &["--speculation", "lookup", "--overlap", "on"],
        &["--guesses", "draft"],    // the former name of the option
        &["--overlap", "measured"], // the former name of `on`
    ];
    for arguments in ways {
        // Whether a token is worth verifying depends on measured times, which a busy machine can spoil, but not again and again.
        let confirms = (0..5).any(|_| {
            let other = solve(arguments);
            assert_eq!(other["text"], plain["text"], "{arguments:?}");
            other["usage"]["target"]["confirmed"].as_u64().is_some_and(|confirmed| confirmed > 0)
        });
        assert!(confirms, "{arguments:?}");
    }
}

#[test]
fn the_live_view_ends_in_a_summary_and_the_trace_holds_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("a trace.jsonl");
    let output = run(solve(&["How many eggs?", "--policy", "target", "--trace", trace.to_str().unwrap()]));
    let (out, err) = texts(&output);
    assert!(output.status.success(), "{err}");
    for part in ["target", "answer ", "accepted ", "target only about"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!out.contains('×'), "no ratio of milliseconds: {out}");
    assert!(!out.contains('\u{1b}'), "no colours without a terminal");
    let records: Vec<_> = BufReader::new(std::fs::File::open(&trace).unwrap()).lines().collect();
    let steps = out.lines().filter(|line| line.contains("s   ") && line.contains("target")).count();
    assert!(records.len() >= steps + 2, "a run, {steps} steps and a solution in {} records", records.len());
}

#[test]
fn a_model_that_the_policy_does_not_ask_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.gguf");
    std::fs::write(&broken, "no model").unwrap();
    let solve = |policy: &str, role: &str, file: &Path| {
        let fixture = tiny("gguf/qwen2-q5_0-q8_0.gguf");
        let mut command = arbitrage();
        command.arg("solve");
        for option in ["--draft", "--target"] {
            command.arg(option).arg(if option == role { file } else { &fixture });
        }
        command.args(["--system", "", "--tokens", "5", "--json", "Eggs?", "--policy", policy]);
        run(command)
    };
    for (policy, unused) in [("draft", "--target"), ("target", "--draft")] {
        let output = solve(policy, unused, &broken);
        let (out, err) = texts(&output);
        assert!(output.status.success(), "{policy}: {err}");
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["estimated_target_only_seconds"].is_null(), policy == "draft", "{json}");
        let (_, err) = texts(&solve(policy, unused, &folder.path().join("absent.gguf")));
        assert!(err.contains("absent.gguf"), "the name is checked: {err}");
        let (_, err) = texts(&solve("random:0.5", unused, &broken));
        assert!(err.contains("broken.gguf"), "{err}");
    }
}

#[test]
fn the_question_may_come_from_standard_input() {
    let mut child =
        solve(&["--json", "--policy", "draft"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"How many eggs?\n").unwrap();
    let json: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(json["question"], "How many eggs?\n");
}

#[test]
fn invalid_options_are_refused_in_one_line() {
    let cases: &[(&[&str], &str)] = &[
        (&["Eggs?", "--policy", "logprob:0.5"], "logprob"),
        (&["Eggs?", "--policy", "rsd:10"], "0..=9"),
        (&["Eggs?", "--temperature", "NaN"], "temperature"),
        (&["Eggs?", "--tokens", "0"], "tokens"),
        (&["Eggs?", "--device", "tpu"], "flex"),
        (&["  "], "empty"),
    ];
    for (arguments, part) in cases {
        let output = run(solve(arguments));
        let (_, err) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {err}");
        assert!(err.starts_with("error:") && err.contains(part), "{arguments:?}: {err}");
    }
}

#[test]
fn devices_are_listed_and_unknown_devices_are_refused() {
    let mut list = arbitrage();
    list.arg("devices");
    let (out, err) = texts(&run(list));
    let mut lines = out.lines();
    assert!(lines.next().unwrap().starts_with("compiled in: flex"), "{out}{err}");
    assert!(lines.next().unwrap().starts_with("flex      the processor"), "{out}{err}");

    let mut list = arbitrage();
    list.arg("devices").env("ARBITRAGE_ISA", "portable").env("ARBITRAGE_THREADS", "3");
    let (out, err) = texts(&run(list));
    let end = "\nthreads: 3\ninstruction set: portable (this processor has portable, ";
    assert!(out.contains(end), "{out}{err}");
    let mut list = arbitrage();
    list.arg("devices").env("ARBITRAGE_THREADS", "0");
    let (_, err) = texts(&run(list));
    assert!(err.starts_with("error: ARBITRAGE_THREADS: expected a number of threads from 1 to 1024"), "{err}");

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (toml, out) = (path("eval.toml"), path("out"));
    let models = "models = { pair = \"mini\", draft_device = \"tpu\" }";
    let rest = "benchmark = [{ name = \"sums\", mini = \"test:0..1\" }]\npolicy = [{ policy = \"draft\" }]";
    std::fs::write(&toml, format!("{models}\n{rest}\n")).unwrap();
    let mut commands = vec![arbitrage(), arbitrage()];
    commands[0].args(["mini", "draft", "--quick", "--device", "tpu", "--out", &out]);
    commands[1].args(["eval", &toml, "--out", &out]);
    for option in ["--device", "--draft-device", "--target-device", "--router-device", "--scorer-device"] {
        commands.push(solve(&["Eggs?", option, "tpu"]));
    }
    for command in commands {
        let command_line = format!("{command:?}");
        let output = run(command);
        let (_, err) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{command_line}: {err}");
        let parts = ["error: device `tpu`: unknown; compiled in: flex", "; found: flex"];
        assert!(parts.iter().all(|part| err.contains(part)), "{command_line}: {err}");
    }
    assert!(!Path::new(&out).exists(), "nothing was written");
}

#[test]
fn every_role_has_a_device_of_its_own() {
    let text = |arguments: &[&str]| {
        let (out, err) = texts(&run(solve(&[&["Eggs?", "--json", "--policy", "random:0.5"], arguments].concat())));
        serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{err}"))["text"].clone()
    };
    let placed = ["--draft-device", "flex", "--target-device", "flex", "--router-device", "flex:0"];
    assert_eq!(text(&placed), text(&["--device", "flex"]));
}

/// The records say where, and what was tuned is kept with the models.
#[cfg(feature = "wgpu")]
#[test]
fn a_target_runs_on_an_accelerator_and_its_tuning_is_cached() {
    let folder = tempfile::tempdir().unwrap();
    let (problems, out) = (folder.path().join("problems.jsonl"), folder.path().join("out.jsonl"));
    std::fs::write(&problems, "{\"question\": \"How many eggs?\", \"answer\": \"1\"}\n").unwrap();
    let mut command = arbitrage();
    command.args(["run", "--policy", "random:0.5", "--system", "", "--segmenter", "tokens", "--step-tokens", "3"]);
    command.arg("--draft").arg(tiny("gguf/qwen2-q5_0-q8_0.gguf")).arg("--target").arg(tiny("hf/llama3-bf16-sharded"));
    command.args(["--steps", "4", "--target-device", "wgpu"]).arg("--problems").arg(&problems).arg("--out").arg(&out);
    let output = run({
        command.env("ARBITRAGE_CACHE", folder.path()).env("CUBECL_AUTOTUNE_LEVEL", "minimal");
        command
    });
    let (_, err) = texts(&output);
    assert!(output.status.success(), "{err}");
    let records = std::fs::read_to_string(&out).unwrap();
    let first: Value = serde_json::from_str(records.lines().next().unwrap()).unwrap();
    assert_eq!(first["notes"]["backends"], serde_json::json!({ "target": "wgpu" }), "{first}");
    assert!(folder.path().join(".kernels/default.db").exists());
}

#[test]
fn an_unknown_weight_format_is_refused_with_a_list() {
    let output = run(solve(&["Eggs?", "--draft-weights", "q9_k"]));
    let (_, err) = texts(&output);
    assert!(!output.status.success() && err.contains("`q9_k`") && err.contains("q4_0, q4_1"), "{err}");
}

#[test]
fn the_draft_is_requantised_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.jsonl");
    let options = ["Eggs?", "--json", "--policy", "random:0.5", "--draft-weights", "q4_0", "--trace"];
    let output = run(solve(&[&options[..], &[trace.to_str().unwrap()]].concat()));
    let (_, err) = texts(&output);
    assert!(output.status.success() && err.is_empty(), "{err}");
    let trace = std::fs::read_to_string(trace).unwrap();
    assert!(trace.contains("q8_0+q4_0"), "{trace}");
}

#[test]
fn a_smaller_copy_of_the_target_drafts_for_it() {
    let solve = |weights| {
        let mut command = arbitrage();
        command.args(["solve", "--draft", "same", "--draft-weights", weights, "--target"]);
        command.arg(tiny("gguf/qwen2-q5_0-q8_0.gguf"));
        command.args(["--system", "", "--segmenter", "tokens", "--step-tokens", "5", "--steps", "4", "--json"]);
        command.args(["--policy", "draft", "Eggs?"]);
        let output = run(command);
        assert!(output.status.success(), "{output:?}");
        texts(&output)
    };
    let mut bare = arbitrage();
    bare.args(["solve", "--draft", "same", "Eggs?"]);
    let (_, err) = texts(&run(bare));
    assert!(err.starts_with("error:") && err.contains("--draft-weights"), "{err}");
    let ((small, quiet), (whole, warned)) = (solve("q4_0"), solve("f16"));
    let text = |json: &str| serde_json::from_str::<Value>(json).unwrap()["text"].clone();
    assert_ne!(text(&small), text(&whole));
    assert!(quiet.is_empty() && warned.contains("no smaller than the target"), "{quiet} {warned}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child =
        solve(&["Eggs?", "--policy", "draft", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{:?}", texts(&output));
}

#[test]
fn models_are_listed_and_inspected() {
    let mut list = arbitrage();
    list.args(["models", "list"]);
    let (out, _) = texts(&run(list));
    assert!(out.contains("qwen2.5-coder-0.5b-instruct"), "{out}");
    for model in ["gguf/smollm2-k-quants-tied.gguf", "hf/mistral-bf16"] {
        let mut inspect = arbitrage();
        inspect.args(["models", "inspect", "--tensors", "--scan"]).arg(tiny(model));
        let output = run(inspect);
        let (out, err) = texts(&output);
        assert!(output.status.success(), "{err}");
        assert!(out.contains("model.layers.0.mlp.down_proj.weight"), "{out}");
    }
}

/// A copy of a tiny folder with one file replaced.
fn changed(name: &str, file: &str, change: impl Fn(&str) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(tiny(name)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let path = folder.path().join(file);
    std::fs::write(&path, change(&std::fs::read_to_string(&path).unwrap_or_default())).unwrap();
    folder
}

fn inspect(arguments: &[&str]) -> Output {
    let mut command = arbitrage();
    command.args(["models", "inspect"]).args(arguments);
    run(command)
}

#[test]
fn inspect_shows_what_is_to_know_about_a_model() {
    let path = tiny("gguf/qwen2-q5_0-q8_0.gguf");
    let (out, err) = texts(&inspect(&[path.to_str().unwrap()]));
    for part in [
        "family      qwen2, a language model",
        "parameters  ",
        ", in Q",
        "of weights; with the cache, ",
        " for the whole context of ",
        "a text ends with \"<|im_end|>\" (",
        "prompts     get no token before their text",
        "template    tokenizer.chat_template; a prompt is \"",
    ] {
        assert!(out.contains(part), "{part}: {out}{err}");
    }
    let (out, err) = texts(&inspect(&[path.to_str().unwrap(), "--json", "--tensors", "--context", "16"]));
    let json: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
    let (weights, memory) = (&json["weights"]["bytes"], &json["memory"]);
    let cache = 16 * json["shape"]["cache_bytes_per_token"].as_u64().unwrap();
    assert_eq!(memory[0]["bytes"].as_u64().unwrap(), weights.as_u64().unwrap() + cache);
    assert_eq!(memory.as_array().unwrap().len(), 1);
    assert!(json["parameters"].as_u64().unwrap() > 1000 && json["tensors"].as_array().unwrap().len() > 10, "{json}");
    assert_eq!(json["tokens"]["begin"], Value::Null);
    assert!(json["template"]["prompt"].as_str().unwrap().contains("1 + 1"), "{json}");
    let (_, err) = texts(&inspect(&[path.to_str().unwrap(), "--context", "999999"]));
    assert!(err.contains("--context: expected 1 to ") && err.contains("found 999999"), "{err}");
}

#[test]
fn inspect_shows_the_token_that_prompts_begin_with() {
    let (out, err) = texts(&inspect(&[tiny("hf/mistral-bf16").to_str().unwrap()]));
    for part in ["prompts     begin with \"<s>\" (", "template    chat_template.jinja", "in BF16"] {
        assert!(out.contains(part), "{part}: {out}{err}");
    }
}

#[test]
fn a_classifier_is_inspected_as_one() {
    let (out, err) = texts(&inspect(&[tiny("../scorers/two-classes").to_str().unwrap()]));
    assert!(out.contains("a classifier with 2 outputs") && !out.contains("template"), "{out}{err}");
}

#[test]
fn known_models_are_listed_as_json() {
    let mut list = arbitrage();
    list.args(["models", "list", "--json"]);
    let json: Value = serde_json::from_str(&texts(&run(list)).0).unwrap();
    let names: Vec<_> = json.as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"qwen2.5-coder-0.5b-instruct"), "{names:?}");
}

#[test]
fn models_of_the_users_own_list_are_listed_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("own.json");
    let command = |arguments: &[&str], text: &str| {
        std::fs::write(&list, text).unwrap();
        let mut command = arbitrage();
        command.env("ARBITRAGE_MODELS", &list).env("ARBITRAGE_CACHE", folder.path().join("cache"));
        command.env("ARBITRAGE_OFFLINE", "1").env("HF_HUB_CACHE", folder.path()).args(arguments);
        run(command)
    };
    let own = r#"{"mine": {"hub": "hf:a/b@v1:Q4_0", "licence": "MIT", "bytes": 5}}"#;
    let (out, err) = texts(&command(&["models", "list"], own));
    assert!(out.contains("mine") && out.contains("MIT") && out.contains("not cached, hf:a/b@v1:Q4_0"), "{out}{err}");
    assert!(out.contains("own.json") && out.contains("gemma-3-270m"), "{out}");
    let (out, _) = texts(&command(&["models", "list", "--json"], own));
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json.as_array().unwrap().last().unwrap()["hub"], "hf:a/b@v1:Q4_0");
    for arguments in [["models", "pull", "mine", "--update"], ["models", "pull", "--update", "hf:a/b@v1:Q4_0"]] {
        let output = command(&arguments, own);
        let (_, err) = texts(&output);
        assert!(output.status.code() == Some(1) && err.contains("hf:a/b@v1:Q4_0") && err.contains("OFFLINE"), "{err}");
    }
    let (_, err) = texts(&command(&["models", "list"], r#"{"gemma-3-270m": {"hub": "hf:a/b"}}"#));
    assert!(err.contains("own.json: gemma-3-270m: expected another name"), "{err}");
    let (_, err) = texts(&command(&["models", "pull"], own));
    assert!(err.contains("mine, hf:OWNER/REPO, hf:OWNER/REPO:Q4_K_M"), "{err}");
}

/// The checks of loading, in words and exit code.
#[test]
fn inspect_refuses_what_loading_refuses() {
    let raise = |_: &str| "{{ raise_exception('no') }}".to_owned();
    let broken = [
        changed("hf/qwen2-f32-tied", "config.json", |text| {
            text.replace("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 3")
        }),
        changed("hf/qwen2-f32-tied", "config.json", |text| text.replace("\"vocab_size\": ", "\"vocab_size\": 1")),
        changed("hf/qwen2-f32-tied", "config.json", |text| text.replace('{', "{,")),
        changed("hf/mistral-bf16", "chat_template.jinja", raise),
        changed("hf/mistral-bf16", "chat_template.jinja", |_| "{% for".to_owned()),
        changed("hf/mistral-bf16", "chat_template.jinja", |_| "{# nothing #}".to_owned()),
        changed("hf/qwen2-f32-tied", "adapter_config.json", |_| "{}".to_owned()),
    ];
    for folder in broken {
        let path = folder.path().to_str().unwrap();
        let inspected = inspect(&[path]);
        let mut solve = arbitrage();
        solve.args(["solve", "--draft", path, "--target", path, "--system", "", "--policy", "target", "Eggs?"]);
        let solved = run(solve);
        let [(out, err), (_, other)] = [texts(&inspected), texts(&solved)];
        assert_eq!((inspected.status.code(), solved.status.code()), (Some(1), Some(1)), "{out}{err}{other}");
        assert!(out.is_empty() && err.starts_with("error: ") && err.contains(path), "{out}{err}");
        assert_eq!(err, other);
    }
}

#[test]
fn what_is_no_model_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(tiny("gguf/qwen2-q5_0-q8_0.gguf"), folder.path().join("tiny.gguf")).unwrap();
    std::fs::write(folder.path().join("page.html"), "<!DOCTYPE html>").unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (name, part) in [
        (path("."), "a folder with a GGUF file; open `"),
        (path("page.html"), "a web page"),
        (path("Tiny.gguf"), "did you mean `"),
        ("https://huggingface.co/a/b/resolve/main/c.gguf".to_owned(), "expected `hf:a/b:c.gguf`"),
        ("Qwen/Some-GGUF".to_owned(), "write `hf:Qwen/Some-GGUF`"),
        ("/dev/zero".to_owned(), "expected a regular file, found a device"),
    ] {
        let output = inspect(&[&name]);
        let (_, err) = texts(&output);
        assert_eq!((output.status.code(), err.lines().count()), (Some(1), 1), "{name}: {err}");
        assert!(err.contains(part), "{name}: {err}");
    }
}
