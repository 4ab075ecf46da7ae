//! A real llama.cpp server, where `ARBITRAGE_LLAMA_SERVER` says that there is one: see `examples/remote/llama_server.py`.

use arbitrage_core::segmenter::{BlankLine, StepMarkers};
use arbitrage_core::{Finish, StepRule, StepSegmenter};
use arbitrage_models::Prompt;
use arbitrage_models::remote::Client;
use arbitrage_models::remote::{Dialect, Endpoint, OpenAiModel, Prompting};

use crate::{next, plain};

fn model(prompting: Prompting) -> OpenAiModel {
    let url = std::env::var("ARBITRAGE_LLAMA_SERVER").expect("ARBITRAGE_LLAMA_SERVER=http://host:port");
    let client = Client::new(Endpoint::new(&url, Dialect::LLAMA_CPP).unwrap()).unwrap();
    OpenAiModel::new(client, "m", prompting).unwrap().with_prompt(Prompt::none())
}

#[test]
#[ignore = "needs a server"]
fn a_real_server_writes_the_same_whole_and_streamed() {
    let question = "Count from one to three, each number on a line of its own with a blank line between.";
    let solve = |mut model: OpenAiModel, segmenter: &dyn StepSegmenter| {
        let mut steps: Vec<String> = Vec::new();
        loop {
            let texts: Vec<&str> = steps.iter().map(String::as_str).collect();
            let step = next(&mut model, question, &texts, &StepRule::new(segmenter, 48)).unwrap();
            steps.push(step.text);
            if step.finish != Finish::Boundary || steps.len() == 4 {
                println!("{steps:?} {:?}", model.counts());
                return steps;
            }
        }
    };
    let whole = solve(model(plain()), &BlankLine::new());
    let streamed = solve(model(plain()).with_logprobs(true).unwrap(), &BlankLine::new());
    assert_eq!(whole, streamed);
    solve(model(Prompting::Chat), &BlankLine::new());
    solve(model(plain()), &StepMarkers::new());
}
