//! Tests against jinja2's renderings (`tests/fixtures/tokenizer/make_chat.py`) and with hostile templates.

use super::*;
use serde_json::Value as Json;
use std::time::Duration;

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizer");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn template(source: &str) -> Result<ChatTemplate> {
    ChatTemplate::new("model.gguf", source, Some("<s>"), Some("</s>"))
}

fn failure(source: &str) -> String {
    let messages = [Message::user("hello")];
    match template(source).and_then(|template| template.render(&messages, true)) {
        Err(Error::Template { reason, path }) => {
            assert_eq!(path, Path::new("model.gguf"));
            reason
        }
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn renders_as_jinja2_does() {
    let cases: Vec<Json> = serde_json::from_str(&fixture("chat.json")).unwrap();
    assert_eq!(cases.len(), 48);
    for case in cases {
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let source = fixture(case["template"].as_str().unwrap());
        let messages = case["messages"].as_array().unwrap().iter();
        let messages: Vec<Message> = messages
            .map(|message| Message { role: text(&message["role"]), content: text(&message["content"]) })
            .collect();
        let july = SystemTime::UNIX_EPOCH + Duration::from_secs(1_721_952_000);
        let rendered = template(&source).unwrap().with_now(july).render(&messages, case["generate"].as_bool().unwrap());
        match case["text"].as_str() {
            Some(expected) => assert_eq!(rendered.unwrap(), expected, "{case}"),
            None => {
                let error = rendered.unwrap_err().to_string();
                assert!(error.contains(case["failure"].as_str().unwrap()) && error.contains("line "), "{error}");
            }
        }
    }
}

#[test]
fn failures_name_the_line() {
    let cases = [
        ("a\n{% for x in %}", "line 2: syntax error"),
        ("a\nb\n{{ 1 / 0 }}", "line 3: "),
        (
            "\n{{ raise_exception('no system role') }}",
            "line 2: invalid operation: raised by the template: no system role",
        ),
        ("{{ missing.field.deeper }}", "line 1: undefined value"),
        ("{{ unknown_function() }}", "line 1: unknown function"),
        ("{% include 'other.jinja' %}", "line 1: "),
        ("{{ messages[0].content.no_such_method() }}", "line 1: unknown method"),
    ];
    for (source, expected) in cases {
        let reason = failure(source);
        assert!(reason.starts_with(expected), "{source}: {reason}");
    }
}

#[test]
fn endless_and_huge_templates_are_stopped() {
    let cases = [
        "{% for i in range(9999) %}{% for j in range(9999) %}{% for k in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{% set ns = namespace(t='xxxxxxxx') %}{% for i in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}",
        "{{ 'x' * 99999999 }}",
        "{{ 'x' * 99999999999 }}",
        "{{ (range(99999) | list) * 9999 }}",
        "{% for i in range(99) %}{{ 'x' * 999999 }}{% endfor %}",
    ];
    for source in cases {
        let start = std::time::Instant::now();
        let reason = failure(source);
        let stopped = ["too much work", "too large", "recursion limit"];
        assert!(stopped.iter().any(|why| reason.contains(why)), "{reason}");
        assert!(start.elapsed().as_secs() < 10, "{source}: {:?}", start.elapsed());
    }
    assert!(failure(&"{{ 1 }}".repeat(1 << 16)).contains("at most 65536 bytes"));
    assert!(!failure(&format!("{}{}", "{% if 1 %}".repeat(5000), "{% endif %}".repeat(5000))).is_empty());
    assert!(!failure(&format!("{{{{ {}1{} }}}}", "(".repeat(9000), ")".repeat(9000))).is_empty());
}

#[test]
fn long_conversations_fit_the_budget() {
    let source = fixture("qwen2.5.jinja");
    let turns: Vec<Message> = (0..400)
        .map(|turn| if turn % 2 == 0 { Message::user("x".repeat(4000)) } else { Message::assistant("y".repeat(4000)) })
        .collect();
    assert!(template(&source).unwrap().render(&turns, true).unwrap().len() > 1_600_000);
}

#[test]
fn message_content_is_not_rendered_as_a_template() {
    let prompt = template("{{ messages[0].content }}").unwrap().render(&[Message::user("{{ 1 + 1 }}")], true).unwrap();
    assert_eq!(prompt, "{{ 1 + 1 }}");
}

#[test]
fn a_model_without_a_template_gets_plain_text() {
    let plain = ChatTemplate::plain();
    assert!(plain.is_plain());
    let messages = [Message::system("Be brief."), Message::user("1 + 1?")];
    assert_eq!(plain.render(&messages, true).unwrap(), "Be brief.\n1 + 1?\n");
}
