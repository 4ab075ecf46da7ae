//! The command with models behind a server: a fake of vLLM's chat route.
#![cfg(feature = "flex")]

use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

#[expect(dead_code, reason = "this test sends no chunks")]
#[path = "../../../arbitrage-models/tests/remote/http.rs"]
mod http;

fn arbitrage(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_THREADS", "1").env("ARBITRAGE_DRAFT_KEY", "hush");
    command.env_remove("ARBITRAGE_TARGET_KEY").stdin(Stdio::null()).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn tiny() -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../arbitrage-models/tests/fixtures/tiny/gguf");
    path.join("qwen2-q5_0-q8_0.gguf").to_str().unwrap().to_owned()
}

/// The requests: the model, whether the prompt ended in a step, and the API key.
type Requests = Arc<Mutex<Vec<(String, bool, Option<String>)>>>;

/// A server that answers in one piece or as a stream: a first step that ends at the blank line, then the last step.
fn fake_server() -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    let log = requests.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let log = log.clone();
            let mut reader = BufReader::new(stream);
            std::thread::spawn(move || while answer(&mut reader, &log).is_some() {});
        }
    });
    (url, requests)
}

fn answer(reader: &mut BufReader<TcpStream>, requests: &Requests) -> Option<()> {
    let request = http::Message::read(reader)?;
    let key = Some(request.header("authorization")).filter(|key| !key.is_empty()).map(str::to_owned);
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let begun = body["messages"].as_array()?.last()?["role"] == "assistant";
    requests.lock().unwrap().push((body["model"].as_str()?.to_owned(), begun, key));
    let (text, stop) = if begun { ("So it is \\boxed{4}.", Value::Null) } else { ("2 and 2.", json!("\n\n")) };
    let usage = json!({ "prompt_tokens": 9, "completion_tokens": 5 });
    let said = json!({ "role": "assistant", "content": text });
    let choices = |said: &str, text| json!([{ "index": 0, said: text, "finish_reason": "stop", "stop_reason": stop, "logprobs": null }]);
    let (kind, answer) = if body["stream"] == true {
        let chunk = json!({ "choices": choices("delta", said), "usage": usage });
        ("text/event-stream", format!("data: {chunk}\n\ndata: [DONE]\n\n"))
    } else {
        ("application/json", json!({ "choices": choices("message", said), "usage": usage }).to_string())
    };
    http::answer(reader.get_mut(), 200, &format!("content-type: {kind}\r\n"), answer.as_bytes()).ok()
}

/// `run` on one problem, whose answer is 4; the output, and the trace.
fn run(draft: &str, target: &str, policy: &str) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let [problems, out] = ["problems.jsonl", "out.jsonl"].map(|name| folder.path().join(name));
    std::fs::write(&problems, "{\"question\": \"What is 2 + 2?\", \"answer\": \"4\"}\n").unwrap();
    let [problems, to] = [&problems, &out].map(|path| path.to_str().unwrap());
    let (pair, rest) = (["--draft", draft, "--target", target], ["--policy", policy, "--step-tokens", "8"]);
    let output = arbitrage(&[&["run", "--problems", problems, "--out", to], &pair[..], &rest[..]].concat());
    (output, std::fs::read_to_string(out).unwrap_or_default())
}

#[test]
fn both_models_may_be_behind_servers() {
    let (url, requests) = fake_server();
    let (output, trace) = run(&format!("vllm:{url}#small"), &format!("vllm:{url}#large"), "random:1");
    assert!(output.status.success() && text(&output).contains("right: 1 of 1"), "{}", text(&output));
    let requests = requests.lock().unwrap();
    assert!(requests.iter().any(|(model, begun, _)| model == "small" && *begun), "{requests:?}");
    for (model, _, key) in requests.iter() {
        assert_eq!(key.as_deref(), (model == "small").then_some("Bearer hush"), "{requests:?}");
    }
    assert!(trace.contains("2 and 2.\\n\\n") && trace.contains("remote:small"), "{trace}");
    assert!(!trace.contains("hush") && !text(&output).contains("hush"));
}

#[test]
fn a_remote_target_works_with_a_local_draft() {
    let (url, requests) = fake_server();
    let (output, _) = run(&tiny(), &format!("vllm:{url}#large"), "target");
    assert!(output.status.success() && text(&output).contains("right: 1 of 1"), "{}", text(&output));
    assert!(requests.lock().unwrap().iter().all(|(model, _, key)| model == "large" && key.is_none()));
}

#[test]
fn a_server_that_the_policy_does_not_ask_need_not_answer() {
    let (output, _) = run("vllm:http://127.0.0.1:9#small", &tiny(), "target");
    assert!(output.status.success(), "{}", text(&output));
    let (output, trace) = run(&tiny(), "vllm:http://127.0.0.1:9#large", "draft");
    assert!(output.status.success() && trace.contains("remote:large"), "{}", text(&output));
}

#[test]
fn errors_name_what_a_remote_model_cannot_do() {
    let (url, _) = fake_server();
    let (small, large) = (format!("vllm:{url}#small"), format!("vllm:{url}#large"));
    let (output, _) = run(&small, &large, "rsd:5");
    assert!(
        !output.status.success() && text(&output).contains("judge needs a model in this process"),
        "{}",
        text(&output)
    );
    let (output, _) = run("openai:http://127.0.0.1:9#small", &large, "draft");
    assert!(!output.status.success() && text(&output).contains("--draft-template"), "{}", text(&output));
    let (output, _) = run("vlm:http://127.0.0.1:9#small", &large, "draft");
    assert!(!output.status.success() && text(&output).contains("--draft vlm:"), "{}", text(&output));
}

/// A server of two models that add: the small one errs on odd numbers, the large one never does and takes longer.
fn adding_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            std::thread::spawn(move || while add(&mut reader).is_some() {});
        }
    });
    url
}

fn add(reader: &mut BufReader<TcpStream>) -> Option<()> {
    let request = http::Message::read(reader)?;
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let messages = body["messages"].as_array()?;
    let begun = messages.last()?["role"] == "assistant";
    let question = messages.iter().find(|message| message["role"] == "user")?["content"].as_str()?;
    // The question of the warm-up has no number.
    let number = question.split(|c: char| !c.is_ascii_digit()).find_map(|part| part.parse::<u64>().ok()).unwrap_or(0);
    let is_small = body["model"] == "small";
    std::thread::sleep(std::time::Duration::from_millis(if is_small { 1 } else { 12 }));
    let sum = number + 2 + u64::from(is_small && number % 2 == 1);
    let (text, stop) =
        if begun { (format!("So it is \\boxed{{{sum}}}."), Value::Null) } else { ("Add 2.".to_owned(), json!("\n\n")) };
    let usage = json!({ "prompt_tokens": 9, "completion_tokens": 5 });
    let choices = |name: &str, said: Value| json!([{ "index": 0, name: said, "finish_reason": "stop", "stop_reason": stop, "logprobs": null }]);
    let said = json!({ "role": "assistant", "content": text });
    let (kind, answer) = if body["stream"] == true {
        let chunk = json!({ "choices": choices("delta", said), "usage": usage });
        ("text/event-stream", format!("data: {chunk}\n\ndata: [DONE]\n\n"))
    } else {
        ("application/json", json!({ "choices": choices("message", said), "usage": usage }).to_string())
    };
    http::answer(reader.get_mut(), 200, &format!("content-type: {kind}\r\n"), answer.as_bytes()).ok()
}

#[test]
fn a_pair_behind_servers_is_fitted_with_a_text_router() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (problems, out, url) = (path("problems.jsonl"), path("fit"), adding_server());
    let row = |number: usize| format!("{{\"question\": \"What is {number} + 2?\", \"answer\": \"{}\"}}\n", number + 2);
    std::fs::write(&problems, (100..340).map(row).collect::<String>()).unwrap();
    let base =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../arbitrage-models/tests/fixtures/tiny/hf/qwen2-f32-tied");
    let pair = [format!("vllm:{url}#small"), format!("vllm:{url}#large")];
    let output = arbitrage(&[
        "fit",
        "--draft",
        &pair[0],
        "--target",
        &pair[1],
        "--problems",
        &problems,
        "--out",
        &out,
        "--base",
        base.to_str().unwrap(),
        "--in-flight",
        "8",
        "--sample",
        "24",
        "--training",
        "40",
        "--calibration",
        "60",
        "--test",
        "24",
        "--updates",
        "20",
        "--goal",
        "accept:0.5",
    ]);
    let told = text(&output);
    assert!(output.status.success(), "{told}");
    let card = std::fs::read_to_string(folder.path().join("fit/router/router.json")).unwrap();
    let card: Value = serde_json::from_str(&card).unwrap();
    assert_eq!((&card["reads"]["kind"], &card["goal"]), (&"text".into(), &"accept:0.5".into()), "{told}");
    assert!(card["data"]["scorer"].as_str().unwrap().contains("right solutions of a run"), "{card}");
    for part in ["training", "calibration"] {
        assert!(folder.path().join(format!("fit/reference/{part}/target.jsonl")).is_file(), "{part}: {told}");
    }
    let verdict: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("fit/verdict.json")).unwrap()).unwrap();
    assert_eq!(verdict["test"]["solved"], 24, "the target solves all: {told}");
    assert_eq!(verdict["test"]["speculation_share"], Value::Null, "nothing verifies tokens there");
    // The router opens with the pair that it is for.
    let solved = arbitrage(&[
        "solve",
        "What is 7 + 2?",
        "--draft",
        &pair[0],
        "--target",
        &pair[1],
        "--json",
        "--policy",
        "learned",
        "--router",
        &path("fit/router"),
    ]);
    assert!(solved.status.success() && text(&solved).contains("boxed"), "{}", text(&solved));
}
