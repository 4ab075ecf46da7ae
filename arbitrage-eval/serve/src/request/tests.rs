use super::*;
use crate::Policies;
use arbitrage_core::scorer::scorer_fn;
use serde_json::json;

fn model() -> ServedModel {
    let policies = Policies::new(Policy::MeanLogprob(-0.5)).with_scorer(scorer_fn(|_, _| 0.5)).unwrap();
    ServedModel { name: "arbitrage".to_owned(), capabilities: policies.capabilities(), temperature: 0.7, top_p: 1.0 }
}

/// A body with a model name, a question and these fields. A field with `null` removes one of the former.
fn body(kind: CompletionKind, fields: Value) -> Value {
    let mut body = match kind {
        CompletionKind::Chat => json!({"model": "arbitrage", "messages": [{"role": "user", "content": "Why?"}]}),
        CompletionKind::Text => json!({"model": "arbitrage", "prompt": "Why?"}),
    };
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn parse(kind: CompletionKind, fields: Value) -> Result<CompletionRequest, ApiError> {
    model().parse(kind, body(kind, fields).to_string().as_bytes())
}

#[test]
fn requests_are_parsed() {
    let request = parse(CompletionKind::Chat, json!({})).unwrap();
    assert_eq!((request.problem.question.as_str(), request.stream), ("Why?", None));
    assert_eq!(request.choice, PolicyChoice { policy: Policy::MeanLogprob(-0.5), budget: None, handover: None });
    assert_ne!(
        request.problem.seed,
        parse(CompletionKind::Chat, json!({})).unwrap().problem.seed,
        "unless it is given"
    );
    let request =
        parse(CompletionKind::Text, json!({"seed": -1, "max_tokens": 9, "prompt": ["How?"], "stream": true})).unwrap();
    assert_eq!((request.problem.seed, request.problem.max_tokens), (u64::MAX, Some(9)));
    assert_eq!(
        (request.problem.question.as_str(), request.stream),
        ("How?", Some(StreamOptions { include_usage: false }))
    );
    let request =
        parse(CompletionKind::Chat, json!({"stream": true, "stream_options": {"include_usage": true}})).unwrap();
    assert_eq!(request.stream, Some(StreamOptions { include_usage: true }));
}

#[test]
fn conversations_keep_their_order() {
    let messages = json!([
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "2 + "}, {"type": "text", "text": "2?"}]},
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "And 3 + 3?"},
    ]);
    let problem = parse(CompletionKind::Chat, json!({"messages": messages})).unwrap().problem;
    let said = [Message::system("Be short."), Message::user("2 + 2?"), Message::assistant("4")];
    assert_eq!((problem.question.as_str(), &problem.context[..]), ("And 3 + 3?", &said[..]));
}

#[test]
fn choices_are_parsed_from_the_extension_and_the_models_name() {
    let choice = |fields| parse(CompletionKind::Chat, fields).unwrap().choice;
    let of = |policy, budget| PolicyChoice { policy, budget, handover: None };
    assert_eq!(choice(json!({"model": "arbitrage:target"})), of(Policy::Target, None));
    assert_eq!(choice(json!({"model": "arbitrage:target", "arbitrage": {"budget": 1}})), of(Policy::Target, Some(1)));
    assert_eq!(choice(json!({"arbitrage": {"tau": -1}})), of(Policy::MeanLogprob(-1.0), None));
    assert_eq!(choice(json!({"arbitrage": {"policy": "rsd:0.3", "tau": 0.4}})), of(Policy::Rsd(0.4), None));
    assert_eq!(choice(json!({"arbitrage": {"policy": "draft", "budget": 0}})), of(Policy::Draft, Some(0)));
    let handed = choice(json!({"arbitrage": {"policy": "logprob:-1", "handover": "1:3"}}));
    assert_eq!(handed.handover, Some(HandoverRule::for_steps(1, 3).unwrap()));
}

#[test]
fn default_values_and_unknown_fields_are_accepted() {
    let chat = json!({
        "temperature": 0.7, "top_p": 1, "n": 1, "stop": [], "presence_penalty": 0.0, "frequency_penalty": 0, "logit_bias": {},
        "logprobs": false, "top_logprobs": 0, "tools": [], "tool_choice": "auto", "response_format": {"type": "text"},
        "modalities": ["text"], "user": "me", "metadata": {"a": 1}, "anything": [1], "audio": null,
    });
    parse(CompletionKind::Chat, chat).unwrap();
    parse(CompletionKind::Text, json!({"best_of": 1, "echo": false, "suffix": null, "logprobs": null, "top_p": null}))
        .unwrap();
}

#[test]
fn bad_fields_are_rejected_by_name() {
    use CompletionKind::{Chat, Text};
    let message = |message| json!({"messages": [message]});
    let table = [
        (Chat, json!({"model": null}), "model"),
        (Chat, json!({"model": 3}), "model"),
        (Chat, json!({"messages": null}), "messages"),
        (Chat, json!({"messages": []}), "messages[0].role"),
        (Chat, json!({"messages": "hi"}), "messages"),
        (Chat, message(json!("hi")), "messages[0]"),
        (Chat, message(json!({"content": "hi"})), "messages[0].role"),
        (Chat, message(json!({"role": "tool", "content": "hi"})), "messages[0].role"),
        (Chat, message(json!({"role": "assistant", "content": "hi"})), "messages[0].role"),
        (Chat, message(json!({"role": "user"})), "messages[0].content"),
        (Chat, message(json!({"role": "user", "content": " \n"})), "messages[0].content"),
        (Chat, message(json!({"role": "user", "content": [{"type": "image_url"}]})), "messages[0].content[0].type"),
        (
            Chat,
            message(json!({"role": "user", "content": [{"type": "text", "text": 1}]})),
            "messages[0].content[0].text",
        ),
        (Chat, message(json!({"role": "user", "content": ["hi"]})), "messages[0].content[0]"),
        (Chat, message(json!({"role": "user", "content": "hi", "tool_calls": []})), "messages[0].tool_calls"),
        (Chat, json!({"max_tokens": 0}), "max_tokens"),
        (Chat, json!({"max_tokens": 1.5}), "max_tokens"),
        (Chat, json!({"max_completion_tokens": -3}), "max_completion_tokens"),
        (Chat, json!({"max_tokens": 3, "max_completion_tokens": 4}), "max_tokens"),
        (Chat, json!({"seed": "x"}), "seed"),
        (Chat, json!({"seed": 1e30}), "seed"),
        (Chat, json!({"stream": "yes"}), "stream"),
        (Chat, json!({"stream_options": {"include_usage": true}}), "stream_options"),
        (Chat, json!({"stream": true, "stream_options": {"include_usage": 1}}), "stream_options.include_usage"),
        (Chat, json!({"temperature": 0}), "temperature"),
        (Chat, json!({"top_p": 0.5}), "top_p"),
        (Chat, json!({"n": 2}), "n"),
        (Chat, json!({"stop": "\n"}), "stop"),
        (Chat, json!({"stop": ["\n"]}), "stop"),
        (Chat, json!({"presence_penalty": 1}), "presence_penalty"),
        (Chat, json!({"logit_bias": {"1": 2}}), "logit_bias"),
        (Chat, json!({"logprobs": true}), "logprobs"),
        (Chat, json!({"tools": [{}]}), "tools"),
        (Chat, json!({"tool_choice": "required"}), "tool_choice"),
        (Chat, json!({"response_format": {"type": "json_object"}}), "response_format"),
        (Chat, json!({"modalities": ["text", "audio"]}), "modalities"),
        (Chat, json!({"arbitrage": 1}), "arbitrage"),
        (Chat, json!({"arbitrage": {"polcy": "draft"}}), "arbitrage.polcy"),
        (Chat, json!({"arbitrage": {"policy": "rds"}}), "arbitrage.policy"),
        (Chat, json!({"arbitrage": {"policy": "oracle"}}), "arbitrage.policy"),
        (Chat, json!({"arbitrage": {"policy": "learned"}}), "arbitrage.policy"),
        (Chat, json!({"arbitrage": {"policy": "rsd:7"}}), "arbitrage.policy"),
        (Chat, json!({"arbitrage": {"policy": "draft", "tau": 0.5}}), "arbitrage.tau"),
        (Chat, json!({"arbitrage": {"tau": 0.5}}), "arbitrage.tau"),
        (Chat, json!({"arbitrage": {"budget": -1}}), "arbitrage.budget"),
        (Chat, json!({"arbitrage": {"handover": "0"}}), "arbitrage.handover"),
        (Chat, json!({"arbitrage": {"handover": 1}}), "arbitrage.handover"),
        (Chat, json!({"arbitrage": {"policy": "draft"}, "model": "arbitrage:draft"}), "arbitrage.policy"),
        (Text, json!({"prompt": null}), "prompt"),
        (Text, json!({"prompt": ["a", "b"]}), "prompt"),
        (Text, json!({"prompt": [1, 2]}), "prompt"),
        (Text, json!({"prompt": " "}), "prompt"),
        (Text, json!({"best_of": 2}), "best_of"),
        (Text, json!({"echo": true}), "echo"),
        (Text, json!({"logprobs": 0}), "logprobs"),
        (Text, json!({"suffix": "."}), "suffix"),
    ];
    for (kind, fields, name) in table {
        let error = parse(kind, fields.clone()).expect_err(&fields.to_string());
        let param = error.to_json()["error"]["param"].clone();
        assert_eq!(param, json!(name), "{fields}: {error}");
    }
}

#[test]
fn other_bodies_are_rejected() {
    for body in ["", "{", "[]", "3", "{\"model\": \"\u{0}\"", "{\"model\": \"a\" }x"] {
        model().parse(CompletionKind::Chat, body.as_bytes()).unwrap_err();
    }
    model().parse(CompletionKind::Chat, b"{\"model\": \"\xff\"}").unwrap_err();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(model().parse(CompletionKind::Chat, deep.as_bytes()), Err(ApiError::InvalidJson(_))));
    let unknown = model().parse(CompletionKind::Text, br#"{"model": "gpt-4", "prompt": "a"}"#).unwrap_err();
    assert!(unknown.to_string().contains("arbitrage:draft"), "{unknown}");
}
