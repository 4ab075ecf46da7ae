//! The command with models behind a server: a stand-in that speaks vLLM's chat route.
#![cfg(feature = "flex")]

use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

#[allow(dead_code)] // chunks are for others
#[path = "../../../arbitrage-models/tests/remote/http.rs"]
mod http;

fn arbitrage(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbitrage"));
    command.env("ARBITRAGE_OFFLINE", "1").env("ARBITRAGE_THREADS", "1").env("ARBITRAGE_DRAFT_KEY", "hush");
    command.env_remove("ARBITRAGE_TARGET_KEY").stdin(Stdio::null()).args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn tiny() -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../arbitrage-models/tests/fixtures/tiny/gguf");
    path.join("qwen2-q5_0-q8_0.gguf").to_str().unwrap().to_owned()
}

/// What was asked: the model, whether a step was there already, and the key.
type Asked = Arc<Mutex<Vec<(String, bool, Option<String>)>>>;

/// Answers whoever asks, in one piece or as a stream: a first step that ends at the blank line, then the end.
fn stand_in() -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let heard = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let heard = heard.clone();
            let mut reader = BufReader::new(stream);
            std::thread::spawn(move || while answer(&mut reader, &heard).is_some() {});
        }
    });
    (url, asked)
}

fn answer(reader: &mut BufReader<TcpStream>, asked: &Asked) -> Option<()> {
    let request = http::Message::read(reader)?;
    let key = Some(request.header("authorization")).filter(|key| !key.is_empty()).map(str::to_owned);
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let begun = body["messages"].as_array()?.last()?["role"] == "assistant";
    asked.lock().unwrap().push((body["model"].as_str()?.to_owned(), begun, key));
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
    let (url, asked) = stand_in();
    let (output, trace) = run(&format!("vllm:{url}#small"), &format!("vllm:{url}#large"), "random:1");
    assert!(output.status.success() && told(&output).contains("right: 1 of 1"), "{}", told(&output));
    let asked = asked.lock().unwrap();
    assert!(asked.iter().any(|(model, begun, _)| model == "small" && *begun), "{asked:?}");
    for (model, _, key) in asked.iter() {
        assert_eq!(key.as_deref(), (model == "small").then_some("Bearer hush"), "{asked:?}");
    }
    assert!(trace.contains("2 and 2.\\n\\n") && trace.contains("remote:small"), "{trace}");
    assert!(!trace.contains("hush") && !told(&output).contains("hush"));
}

#[test]
fn a_served_target_beside_a_local_draft() {
    let (url, asked) = stand_in();
    let (output, _) = run(&tiny(), &format!("vllm:{url}#large"), "target");
    assert!(output.status.success() && told(&output).contains("right: 1 of 1"), "{}", told(&output));
    assert!(asked.lock().unwrap().iter().all(|(model, _, key)| model == "large" && key.is_none()));
}

#[test]
fn what_a_served_model_cannot_do_is_said() {
    let (url, _) = stand_in();
    let (small, large) = (format!("vllm:{url}#small"), format!("vllm:{url}#large"));
    let (output, _) = run(&small, &large, "rsd:5");
    assert!(
        !output.status.success() && told(&output).contains("judge needs a model in this process"),
        "{}",
        told(&output)
    );
    let (output, _) = run("openai:http://127.0.0.1:9#small", &large, "draft");
    assert!(!output.status.success() && told(&output).contains("--draft-template"), "{}", told(&output));
    let (output, _) = run("vlm:http://127.0.0.1:9#small", &large, "draft");
    assert!(!output.status.success() && told(&output).contains("--draft vlm:"), "{}", told(&output));
}
