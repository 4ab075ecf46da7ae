//! Models behind servers: requests, answers, and all kinds of failures.

mod exchanges;
mod faults;
mod http;
mod judging;
mod llama;
mod logs;
mod mock_server;
mod proxy;
mod speed;
mod steps;

use std::time::Duration;

use arbitrage_core::{Accepted, Author, Drafter, Finish, Prefix, Problem, SequenceId, Step, StepRule, StepSegmenter};
use arbitrage_models::Prompt;
use arbitrage_models::chat::ChatTemplate;
use arbitrage_models::remote::{Client, Dialect, Endpoint, OpenAiModel, Prompting, Retry, Timeouts};

/// A key that must never be printed or logged.
const KEY: &str = "sk-of-the-tests";

/// An endpoint with timeouts and waits that are short enough for tests.
fn endpoint(url: &str, dialect: Dialect) -> Endpoint {
    let ms = Duration::from_millis;
    let timeouts = Timeouts { connect: ms(1000), first_token: ms(900), idle: ms(400), total: ms(1500) };
    let retry = Retry::default().with_waits(ms(2), ms(3000)).with_budget(10_000).with_breaker(20, ms(20));
    let endpoint = Endpoint::new(url, dialect).unwrap().with_timeouts(timeouts).with_retry(retry);
    endpoint.with_key(KEY).unwrap().with_max_body_bytes(1 << 20)
}

fn plain() -> Prompting {
    Prompting::template(ChatTemplate::plain())
}

fn model(endpoint: Endpoint, prompting: Prompting) -> OpenAiModel {
    let client = Client::new(endpoint).unwrap();
    OpenAiModel::new(client, "m", prompting).unwrap().with_prompt(Prompt::none())
}

/// The next step after `steps`.
fn next(model: &mut OpenAiModel, question: &str, steps: &[&str], rule: &StepRule<'_>) -> Result<Step, String> {
    let problem = Problem::new(question);
    let accepted = |text: &&str| Accepted { step: Step::new(*text, Finish::Boundary), author: Author::Target };
    let steps: Vec<Accepted> = steps.iter().map(accepted).collect();
    let prefix = Prefix::new(SequenceId::fresh(), &problem, &steps);
    let step = model.draft(&[prefix], rule).pop().unwrap();
    step.map_err(|error| error.to_string())
}

/// A whole solution, as steps and as text.
fn solve(model: &mut OpenAiModel, question: &str, segmenter: &dyn StepSegmenter) -> (Vec<Step>, String) {
    let mut steps: Vec<Step> = Vec::new();
    while steps.len() < 50 && steps.last().is_none_or(|step| step.finish != Finish::EndOfText) {
        let texts: Vec<&str> = steps.iter().map(|step| step.text.as_str()).collect();
        steps.push(next(model, question, &texts, &StepRule::new(segmenter, 64)).unwrap());
    }
    let text = steps.iter().map(|step| step.text.as_str()).collect();
    (steps, text)
}
