//! The same pair behind llama.cpp's server and in this process: what is equal, and how close the two best tokens are where it is not.
//!
//! ```text
//! python3 examples/remote/llama_server.py DRAFT.gguf --port 8081 &
//! python3 examples/remote/llama_server.py TARGET.gguf --port 8082 &
//! cargo run --release -p arbitrage-examples --example remote_pair -- \
//!     PROBLEMS.jsonl 20 DRAFT.gguf TARGET.gguf http://127.0.0.1:8081 http://127.0.0.1:8082 [TAU]
//! ```
//!
//! Everything is greedy. For each problem (a line with `question`): the server's one uninterrupted completion and its steps under
//! always-target; then the pair under the draft's mean log-probability (τ, −0.15 unless given), remote and remote, local and remote,
//! local and local. A difference is listed with the place where texts part, and the margin between the two best tokens there, of the
//! target's server and of the local target.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Instant;

use arbitrage_core::router::{AlwaysTarget, MeanLogprob};
use arbitrage_core::segmenter::TokenBudget;
use arbitrage_core::testing::Scripted;
use arbitrage_core::{
    Accepted, AdvantageRouter, Author, Drafter, Engine, Finish, Limits, Prefix, Problem, SequenceId, Shared, Step,
    StepRule, Target, Verifier,
};
use arbitrage_models::chat::ChatTemplate;
use arbitrage_models::remote::{Client, Dialect, Endpoint, OpenAiModel, Prompting};
use arbitrage_models::{LoadOptions, LocalModel, LocalTarget, ModelFiles, Prompt, device};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Tokens a solution, by either way.
const TOKENS: usize = 320;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [data, count, draft, target, draft_url, target_url, tau @ ..] = args.as_slice() else {
        return Err("usage: remote_pair PROBLEMS.jsonl COUNT DRAFT.gguf TARGET.gguf DRAFT_URL TARGET_URL [TAU]".into());
    };
    let tau = tau.first().map_or(Ok(-0.15), |tau| tau.parse())?;
    let problems = load(Path::new(data), count.parse()?)?;
    let options = LoadOptions::new(device("flex")?);
    let mut reader = LocalModel::open(target, &options)?;
    let remote = |url: &str, path: &str, logprobs| Ok::<_, Failure>(Shared::new(remote(url, path, logprobs)?, url));
    let (far_draft, far_target) = (remote(draft_url, draft, true)?, remote(target_url, target, false)?);

    let (whole, always) = stepwise(&far_target, &problems)?;
    let server = Server { url: target_url, template: template(target)? };
    let mut equal = 0;
    for ((problem, whole), always) in problems.iter().zip(&whole).zip(&always) {
        equal += usize::from(agree(whole, always));
        report("uninterrupted / always-target", problem, [whole, always], &server, &mut reader)?;
    }
    println!("always-target equals one uninterrupted completion on {equal} of {}", problems.len());

    let gate = || MeanLogprob::new(tau);
    let both = solve(far_draft.clone(), Target(far_target.clone()), gate()?, &problems)?;
    let mixed = solve(LocalModel::open(draft, &options)?, Target(far_target.clone()), gate()?, &problems)?;
    let local_target = LocalTarget::new(LocalModel::open(target, &options)?);
    let local = solve(LocalModel::open(draft, &options)?, local_target, gate()?, &problems)?;
    for (name, [one, other]) in [
        ("remote/remote against local/remote", [&both, &mixed]),
        ("local/remote against local/local", [&mixed, &local]),
        ("remote/remote against local/local", [&both, &local]),
    ] {
        let equal = one.iter().zip(other).filter(|(one, other)| agree(one, other)).count();
        println!("{name}: equal on {equal} of {}", problems.len());
        for ((problem, one), other) in problems.iter().zip(one).zip(other) {
            report(name, problem, [one, other], &server, &mut reader)?;
        }
    }
    println!("draft's server: {:?}", far_draft.lock().counts());
    println!("target's server: {:?}", far_target.lock().counts());
    Ok(())
}

fn load(path: &Path, count: usize) -> Result<Vec<Problem>, Failure> {
    let text = std::fs::read_to_string(path)?;
    let problem = |(at, line): (usize, &str)| -> Result<Problem, Failure> {
        let row: Value = serde_json::from_str(line)?;
        let question = row["question"].as_str().or(row["problem"].as_str()).ok_or("a line has no question")?;
        Ok(Problem::new(question).with_id(at.to_string()))
    };
    text.lines().take(count).enumerate().map(problem).collect()
}

fn template(path: &str) -> Result<ChatTemplate, Failure> {
    Ok(ChatTemplate::for_tokenizer(&ModelFiles::open(path)?.tokenizer)?)
}

fn remote(url: &str, path: &str, logprobs: bool) -> Result<OpenAiModel, Failure> {
    let client = Client::new(Endpoint::new(url, Dialect::LLAMA_CPP)?)?;
    Ok(OpenAiModel::new(client, url, Prompting::template(template(path)?))?.with_logprobs(logprobs)?)
}

/// Each problem's one uninterrupted completion, and its steps under always-target.
///
/// A server rounds a prompt otherwise where it reads it in other pieces, as after another prompt that begins alike. So every prompt is read
/// once before, and both begin from the same state of the server's cache.
fn stepwise(target: &Shared<OpenAiModel>, problems: &[Problem]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let mut texts = (Vec::new(), Vec::new());
    for problem in problems {
        complete(&mut target.lock(), problem, 1)?;
        texts.0.push(complete(&mut target.lock(), problem, TOKENS)?);
        let one = std::slice::from_ref(problem);
        texts.1.extend(solve(Scripted::new("none", [""]), Target(target.clone()), AlwaysTarget, one)?);
    }
    Ok(texts)
}

/// The answer as one step of at most so many tokens.
fn complete(model: &mut OpenAiModel, problem: &Problem, tokens: usize) -> Result<String, Failure> {
    let segmenter = TokenBudget::new(tokens)?;
    let steps = model.draft(&[Prefix::new(SequenceId::fresh(), problem, &[])], &StepRule::new(&segmenter, tokens));
    Ok(steps.into_iter().next().ok_or("no answer")??.text)
}

fn solve<D: Drafter, V: Verifier, R: AdvantageRouter>(
    draft: D,
    target: V,
    router: R,
    problems: &[Problem],
) -> Result<Vec<String>, Failure> {
    let start = Instant::now();
    let limits = Limits::default().with_tokens(TOKENS).with_in_flight(1);
    let mut engine = Engine::new(draft, target, router).with_limits(limits);
    let answers = engine.solve_all(problems);
    let texts = answers.into_iter().map(|answer| Ok::<_, Failure>(answer?.text())).collect();
    eprintln!(
        "{} problems, the first of them {:?}: {:.0} s",
        problems.len(),
        problems[0].id,
        start.elapsed().as_secs_f64()
    );
    texts
}

/// Whether texts are equal as far as both were written: limits cut them at different places.
fn agree(one: &str, other: &str) -> bool {
    let shorter = one.len().min(other.len());
    one.as_bytes()[..shorter] == other.as_bytes()[..shorter] && (one.len() == other.len() || shorter > TOKENS)
}

struct Server<'a> {
    url: &'a str,
    template: ChatTemplate,
}

/// Tells where two texts part, if they do.
fn report(
    name: &str,
    problem: &Problem,
    texts: [&String; 2],
    server: &Server<'_>,
    reader: &mut LocalModel,
) -> Result<(), Failure> {
    let [one, other] = texts;
    if agree(one, other) {
        return Ok(());
    }
    let common = parting(one, other);
    let rests = [&one[common..], &other[common..]];
    let shown = rests.map(|rest| rest.chars().take(24).collect::<String>());
    let far = server.margin(problem, &one[..common])?;
    let near = margin(reader, problem, &one[..common], rests)?;
    println!("  {name}: problem {} parts at byte {common}: {:?} / {:?}", problem.id, shown[0], shown[1]);
    println!("    two best of the server: {far}; local log-probabilities of the two: {near}");
    Ok(())
}

/// The last place up to which both are equal and a token may begin: not within a word, whose first letter's token has the space.
fn parting(one: &str, other: &str) -> usize {
    let equal = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let letter = |text: &str| text.chars().next().is_some_and(char::is_alphabetic);
    let edge = |at: usize| {
        let (Some((before, rest)), Some(other)) = (one.split_at_checked(at), other.get(at..)) else { return false };
        let within = before.ends_with(|last: char| last == ' ' || last.is_alphabetic());
        !rest.is_empty() && !other.is_empty() && !(within && (letter(rest) || letter(other)))
    };
    (0..=equal).rev().find(|&at| edge(at)).unwrap_or(0)
}

/// The local log-probabilities of both continuations' first tokens, and their difference.
fn margin(reader: &mut LocalModel, problem: &Problem, before: &str, rests: [&str; 2]) -> Result<String, Failure> {
    let id = SequenceId::fresh();
    let before = [Accepted { step: Step::new(before, Finish::Length), author: Author::Target }];
    let steps = if before[0].step.text.is_empty() { &[][..] } else { &before[..] };
    let mut first = |rest: &str| {
        let rest: String = rest.chars().take(24).collect();
        let step = Step::new(rest, Finish::Length);
        let reading = reader.read(&Prefix::new(id, problem, steps), &step)?;
        Ok::<_, Failure>(reading.logprobs.first().copied().unwrap_or(f32::NAN))
    };
    let [one, other] = [first(rests[0])?, first(rests[1])?];
    reader.release(id);
    Ok(format!("{one:.4} and {other:.4}, margin {:.4}", (one - other).abs()))
}

impl Server<'_> {
    /// The two best tokens behind a text.
    fn margin(&self, problem: &Problem, begun: &str) -> Result<String, Failure> {
        let prompt = self.template.render(&Prompt::default().messages(problem), true)? + begun;
        let body = json!({ "prompt": prompt, "n_predict": 1, "temperature": 0, "n_probs": 2 }).to_string();
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address)?;
        let length = body.len();
        let head = format!(
            "POST /completion HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer of the server")?;
        let value: Value = serde_json::from_str(body)?;
        let top = |at: usize| value.pointer(&format!("/completion_probabilities/0/top_logprobs/{at}"));
        let (Some(one), Some(other)) = (top(0), top(1)) else {
            return Err("the server gives no log-probabilities".into());
        };
        let number = |entry: &Value| entry["logprob"].as_f64().unwrap_or(f64::NAN);
        let margin = number(one) - number(other);
        Ok(format!(
            "{} {:.4} and {} {:.4}, margin {margin:.4}",
            one["token"],
            number(one),
            other["token"],
            number(other)
        ))
    }
}
