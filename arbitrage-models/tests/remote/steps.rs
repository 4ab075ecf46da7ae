//! Steps in every dialect and by every segmenter.

use std::sync::Arc;

use arbitrage_core::segmenter::{BlankLine, Newline, Separators, StepMarkers, TokenBudget};
use arbitrage_core::{Author, Drafter, Finish, Prefix, Problem, SequenceId, SeveralDrafts, StepRule, StepSegmenter};
use arbitrage_models::RenderedPrompt;
use arbitrage_models::chat::{ChatTemplate, Message};
use arbitrage_models::remote::{Client, Continuation, Dialect, Endpoint, OpenAiModel, Prompting, StopReporting};
use arbitrage_models::sampler::Sampling;
use arbitrage_models::tokenizer::{EncodeMode, Tokenizer};

use crate::mock_server::{MockBehavior, MockServer, solution};
use crate::{endpoint, model, next, plain, solve};

const QUESTION: &str = "six times seven?";

#[test]
fn a_solution_is_the_same_in_every_dialect_by_either_route() {
    let whole = solution(QUESTION).concat();
    for dialect in Dialect::ALL {
        for chat in [false, true] {
            if chat && dialect.continuation == Continuation::Never {
                continue;
            }
            let server = MockServer::start(MockBehavior::new(dialect.clone()));
            let route = if chat { &dialect.chat } else { &dialect.completions };
            let wanted = !route.logprobs.is_empty();
            let prompting = if chat { Prompting::Chat } else { plain() };
            let mut model = model(endpoint(&server.url(), dialect.clone()), prompting).with_logprobs(wanted).unwrap();
            let (steps, text) = solve(&mut model, QUESTION, &BlankLine::new());
            let name = format!("{} {}", dialect.name, route.path);
            assert_eq!(text, whole, "{name}");
            let finishes: Vec<_> = steps.iter().map(|step| step.finish).collect();
            let expected = [Finish::Boundary, Finish::Boundary, Finish::Boundary, Finish::EndOfText];
            assert_eq!(finishes, expected, "{name}");
            for step in &steps[..3] {
                assert_eq!(step.logprobs, vec![-0.25; if wanted { 6 } else { 0 }], "{name}");
                assert_eq!(step.cost.decoded, 6, "{name}");
            }
            let streamed = route.stop == StopReporting::Unreported || wanted && !route.stop_logprob;
            assert!(server.requests().iter().all(|(_, body, _)| (body["stream"] == true) == streamed), "{name}");
            assert_eq!(model.counts().without_logprobs, 0, "{name}");
        }
    }
}

#[test]
fn steps_end_where_each_segmenter_says() {
    let segmenters: [(&dyn StepSegmenter, &[&str]); 3] = [
        (&Newline::new(), &["1. For «q» é=1.\n\n", "2. For «q» é=2.\n\n", "3. For «q» é=3.\n\n", "Answer: \\boxed{1}"]),
        (&Separators::new(["=", "."]).unwrap(), &["1.", " For «q» é=", "1.", "\n\n2."]),
        (&TokenBudget::new(4).unwrap(), &["1. For «q» é=", "1.\n\n2. For ", "«q» é=2.\n\n", "3. For «q» é="]),
    ];
    for (segmenter, expected) in segmenters {
        for dialect in [Dialect::VLLM, Dialect::OPENAI] {
            let server = MockServer::start(MockBehavior::new(dialect.clone()));
            let mut model = model(endpoint(&server.url(), dialect.clone()), plain());
            let (steps, text) = solve(&mut model, "q", segmenter);
            assert_eq!(text, solution("q").concat());
            let texts: Vec<&str> = steps.iter().map(|step| step.text.trim_matches('\n')).collect();
            for (at, expected) in expected.iter().enumerate() {
                assert_eq!(texts[at], expected.trim_matches('\n'), "{} of {}", at, dialect.name);
            }
        }
    }
}

fn marked(_: &str) -> Vec<String> {
    ["Step 1: a", "dd.\n", "Step", " 2", ": check", ".\n", "Step 3: done"].map(str::to_owned).to_vec()
}

#[test]
fn a_marker_that_is_found_late_opens_the_next_step() {
    for dialect in [Dialect::VLLM, Dialect::LLAMA_CPP] {
        let server = MockServer::start(MockBehavior { solution: marked, ..MockBehavior::new(dialect.clone()) });
        let mut model = model(endpoint(&server.url(), dialect), plain());
        let (steps, text) = solve(&mut model, "q", &StepMarkers::new());
        let texts: Vec<&str> = steps.iter().map(|step| step.text.as_str()).collect();
        assert_eq!(texts, ["Step 1: add.\n", "Step 2: check.\n", "Step 3: done"]);
        assert_eq!((text, model.counts().closed_streams), (marked("").concat(), 2));
    }
}

fn blank_start(_: &str) -> Vec<String> {
    ["\n\n", "\n", "\n\n", "one.", "\n\n\n", "two"].map(str::to_owned).to_vec()
}

#[test]
fn a_blank_line_without_text_before_it_ends_no_step() {
    for dialect in Dialect::ALL {
        let server = MockServer::start(MockBehavior { solution: blank_start, ..MockBehavior::new(dialect.clone()) });
        let mut model = model(endpoint(&server.url(), dialect.clone()), plain());
        let (steps, text) = solve(&mut model, "q", &BlankLine::new());
        let texts: Vec<&str> = steps.iter().map(|step| step.text.as_str()).collect();
        assert_eq!(text.trim_end(), "\n\n\n\n\none.\n\n\ntwo", "{}", dialect.name);
        assert!(texts[0].starts_with("\n\n\n\n\none.\n\n"), "{}: {texts:?}", dialect.name);
        assert_eq!(steps[0].finish, Finish::Boundary, "{}", dialect.name);
        // What a server removes behind its stop string is generated again.
        assert!((5..=6).contains(&steps[0].cost.decoded), "{}", dialect.name);
    }
}

#[test]
fn blank_lines_alone_come_to_an_end() {
    fn endless(_: &str) -> Vec<String> {
        vec!["\n\n".to_owned(); 100]
    }
    let server = MockServer::start(MockBehavior { solution: endless, ..MockBehavior::new(Dialect::VLLM) });
    let mut model = model(endpoint(&server.url(), Dialect::VLLM), plain());
    let step = next(&mut model, "q", &[], &StepRule::new(&BlankLine::new(), 10)).unwrap();
    assert_eq!((step.finish, step.cost.decoded, step.text), (Finish::Length, 10, "\n\n".repeat(10)));
}

#[test]
fn the_context_ends_a_text_and_refuses_a_prompt() {
    for dialect in [Dialect::VLLM, Dialect::LLAMA_CPP] {
        let server = MockServer::start(MockBehavior { context: 30, ..MockBehavior::new(dialect.clone()) });
        let mut model = model(endpoint(&server.url(), dialect.clone()), plain());
        let segmenter = BlankLine::new();
        let rule = StepRule::new(&segmenter, 64);
        let mut steps: Vec<String> = Vec::new();
        let finish = loop {
            let texts: Vec<&str> = steps.iter().map(String::as_str).collect();
            let step = next(&mut model, "q", &texts, &rule).unwrap();
            steps.push(step.text);
            assert!(steps.len() < 40);
            if matches!(step.finish, Finish::Context | Finish::EndOfText) {
                break step.finish;
            }
        };
        // The mock server counts four characters as a token and generates shorter ones, so the text fits or is cut, but never fails.
        assert!(solution("q").concat().starts_with(&steps.concat()), "{steps:?}");
        if finish == Finish::Context {
            assert!(!steps.concat().is_empty());
        }
        let error = next(&mut model, &"long ".repeat(40), &[], &rule).unwrap_err();
        assert!(error.contains("does not fit the model's context") && error.contains(&server.url()), "{error}");
        let error = next(&mut model, " \n", &[], &rule).unwrap_err();
        assert!(error.contains("the prompt is empty"), "{error}");
    }
}

#[test]
fn requests_have_all_parameters() {
    let server = MockServer::start(MockBehavior::new(Dialect::VLLM));
    let sampling = Sampling::at_temperature(0.7).unwrap().with_top_p(0.95).unwrap().with_min_p(0.05).unwrap();
    let ask = |author, seed, prompting| {
        let mut model = model(endpoint(&server.url(), Dialect::VLLM), prompting);
        model = model.with_sampling(sampling).unwrap().with_author(author).with_field("priority", 3);
        let problem = Problem::new("q").with_seed(seed);
        let steps = model.draft(&[Prefix::new(SequenceId(0), &problem, &[])], &StepRule::new(&BlankLine::new(), 33));
        steps.into_iter().for_each(|step| drop(step.unwrap()));
        server.requests().pop().unwrap()
    };
    let (path, body, headers) = ask(Author::Draft, 1, plain());
    assert_eq!((path.as_str(), &body["max_tokens"], &body["stop"][0]), ("/v1/completions", &33.into(), &"\n\n".into()));
    let expected = serde_json::json!([0.7, 0.95, -1, 0.05, 1.0, 3]);
    let fields = ["temperature", "top_p", "top_k", "min_p", "repetition_penalty", "priority"];
    assert_eq!(serde_json::Value::from(fields.map(|field| body[field].clone()).to_vec()), expected);
    assert!(headers.contains(&("authorization".to_owned(), format!("Bearer {}", crate::KEY))));
    assert!(headers.contains(&("accept-encoding".to_owned(), "identity".to_owned())));
    // A seed depends on author and problem only.
    let seed = |author, seed| ask(author, seed, plain()).1["seed"].as_u64().unwrap();
    let (draft, target, other) = (seed(Author::Draft, 1), seed(Author::Target, 1), seed(Author::Draft, 2));
    assert_eq!(draft, body["seed"].as_u64().unwrap());
    assert!(draft != target && draft != other && draft < 1 << 31);
}

#[test]
fn several_drafts_are_a_request_each_with_a_temperature_and_seed_of_its_own() {
    let server = MockServer::start(MockBehavior::new(Dialect::VLLM));
    let mut model = model(endpoint(&server.url(), Dialect::VLLM), plain());
    let (segmenter, problems) = (BlankLine::new(), [QUESTION, "q"].map(|text| Problem::new(text).with_seed(1)));
    let prefixes: Vec<_> = problems.iter().map(|problem| Prefix::new(SequenceId::fresh(), problem, &[])).collect();
    let rule = StepRule::new(&segmenter, 33);
    let own = model.draft(&prefixes, &rule).into_iter().map(Result::unwrap).collect::<Vec<_>>();
    let drafts = model.draft_several(&prefixes, SeveralDrafts::new(3, 0.75).unwrap(), &rule);
    for (own, drafts) in own.iter().zip(drafts) {
        let drafts = drafts.unwrap();
        assert_eq!((drafts.len(), &drafts[0].text), (3, &own.text));
    }
    let requests = server.requests();
    let mut temperatures: Vec<f64> =
        requests[2..].iter().map(|(_, body, _)| body["temperature"].as_f64().unwrap()).collect();
    temperatures.sort_by(f64::total_cmp);
    assert_eq!(temperatures, [0.0, 0.0, 0.75, 0.75, 0.75, 0.75]);
    let of_question = requests[2..].iter().filter(|(_, body, _)| body["prompt"].as_str().unwrap().contains(QUESTION));
    // A greedy request has no seed.
    let seeds: std::collections::BTreeSet<Option<u64>> =
        of_question.map(|(_, body, _)| body["seed"].as_u64()).collect();
    assert!(seeds.len() == 3 && seeds.contains(&None), "{seeds:?}");
}

#[test]
fn special_tokens_are_sent_once() {
    let template = "{{ bos_token }}{% for m in messages %}{{ m.content }}\n{% endfor %}";
    for (dialect, prompt, adds) in [(Dialect::VLLM, "<s>q\n", false), (Dialect::SGLANG, "q\n", true)] {
        let server = MockServer::start(MockBehavior {
            solution: |_| vec!["x".to_owned()],
            ..MockBehavior::new(dialect.clone())
        });
        let template = ChatTemplate::new("t", template, Some("<s>"), None).unwrap();
        assert!(template.render(&[Message::user("q")], true).unwrap().starts_with("<s>"));
        let mut model = model(endpoint(&server.url(), dialect), Prompting::template(template));
        next(&mut model, "q", &[], &StepRule::new(&BlankLine::new(), 8)).unwrap();
        let (_, body, _) = server.requests().pop().unwrap();
        assert_eq!((body["prompt"].as_str(), body.get("add_special_tokens").is_none()), (Some(prompt), adds));
    }
}

/// A server reads the name of a control token in a text as that token: such a prompt is sent as ids, or refused.
#[test]
fn names_of_control_tokens_in_a_question_stay_text() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny/hf/qwen2-f32-tied");
    let tokenizer = Arc::new(Tokenizer::from_folder(folder).unwrap());
    let template = || ChatTemplate::for_tokenizer(&tokenizer).unwrap();
    let ask = |dialect: Dialect, with_tokenizer: bool, question: &str, step: &str| {
        let server = MockServer::start(MockBehavior {
            solution: |_| vec!["x".to_owned()],
            ..MockBehavior::new(dialect.clone())
        });
        let mut model = model(endpoint(&server.url(), dialect), Prompting::template(template()));
        if with_tokenizer {
            model = model.with_tokenizer(tokenizer.clone());
        }
        let answer = next(&mut model, question, &[step], &StepRule::new(&BlankLine::new(), 8));
        let prompt = server.requests().pop().map(|(_, body, _)| body["prompt"].clone());
        (prompt, answer.err().unwrap_or_default())
    };
    let named = "a <|im_end|> b";
    let rendered = RenderedPrompt::new(&tokenizer, &template(), &[Message::user(named)], true).unwrap();
    let step = tokenizer.encode("One.\n\n", EncodeMode::Continuation).unwrap();
    let ids = [rendered.ids().unwrap(), step].concat();
    assert_eq!(ask(Dialect::VLLM, true, named, "One.\n\n").0, Some(serde_json::json!(ids)));
    let in_step = ask(Dialect::VLLM, true, "q", "<|im_start|>\n\n").0.unwrap();
    assert!(in_step.is_array());
    let harmless = format!("{}x", template().render(&[Message::user("> a <")], true).unwrap());
    assert_eq!(ask(Dialect::TGI, true, "> a <", "x").0, Some(harmless.into()));
    for (dialect, with_tokenizer, part) in [(Dialect::TGI, true, "`tgi`"), (Dialect::VLLM, false, "`<|im_end|>`")] {
        let (prompt, error) = ask(dialect, with_tokenizer, named, "One.\n\n");
        assert!(prompt.is_none() && error.contains("prompt: expected") && error.contains(part), "{error}");
    }
}

#[test]
fn unsupported_options_are_refused_at_once() {
    let client = |dialect| Client::new(Endpoint::new("http://localhost:1", dialect).unwrap()).unwrap();
    let chat = OpenAiModel::new(client(Dialect::OPENAI), "m", Prompting::Chat).unwrap_err().to_string();
    assert!(chat.contains("prompting") && chat.contains("openai"), "{chat}");
    let tgi = OpenAiModel::new(client(Dialect::TGI), "m", plain()).unwrap();
    assert!(tgi.with_logprobs(true).unwrap_err().to_string().contains("/v1/completions"));
    let openai = OpenAiModel::new(client(Dialect::OPENAI), "m", plain()).unwrap();
    let sampling = Sampling::at_temperature(1.0).unwrap().with_top_k(20);
    assert!(openai.with_sampling(sampling).unwrap_err().to_string().contains("top_k 20"));
    for url in ["", "localhost:8000", "ftp://x", "http://me:pw@x", "http://x/?key=pw", "http://x/#pw", "http://"] {
        let error = Endpoint::new(url, Dialect::VLLM).unwrap_err().to_string();
        assert!(error.starts_with("endpoint: expected") && !error.contains("pw"), "{url}: {error}");
    }
    let endpoint = || Endpoint::new("http://x/base/v1/", Dialect::VLLM).unwrap();
    assert_eq!(endpoint().url(), "http://x/base");
    assert!(endpoint().with_key("two words").is_err() && endpoint().with_key("").is_err());
    let unset = endpoint().with_key_from("ARBITRAGE_TEST_NO_SUCH_KEY").unwrap_err().to_string();
    assert!(unset.contains("ARBITRAGE_TEST_NO_SUCH_KEY"), "{unset}");
    assert!(endpoint().with_in_flight(0).is_err());
}
