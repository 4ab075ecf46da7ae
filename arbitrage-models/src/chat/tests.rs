//! Tests against jinja2's renderings (`make_chat.py` in `tests/fixtures/chat` and in `tests/fixtures/tokenizer`), and of what is refused.

use super::*;
use serde_json::Value as Json;
use std::time::Duration;

/// Constructs that jinja2 renders and that are refused here, with the line. No public template is known to use them.
const REFUSED: [&str; 13] = [
    "'%e' %",
    "'%g' %",
    ".__class__",
    "recursive %}",
    "| slice(",
    "| groupby(",
    "| wordwrap(",
    ".format(1, 2)",
    ".encode(",
    "10 ** 30",
    "9223372036854775807 + 1",
    "{{ +1 }}",
    "{% autoescape true %}",
];

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn json(name: &str) -> Json {
    serde_json::from_str(&fixture(name)).unwrap()
}

fn template(source: &str) -> Result<ChatTemplate> {
    ChatTemplate::new("model.gguf", source, Some("<s>"), Some("</s>"))
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn conversation(messages: &Json) -> Vec<Message> {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let message = |message: &Json| Message { role: text(&message["role"]), content: text(&message["content"]) };
    messages.as_array().unwrap().iter().map(message).collect()
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
    let cases = json("tokenizer/chat.json");
    assert_eq!(cases.as_array().unwrap().len(), 48);
    for case in cases.as_array().unwrap() {
        let source = fixture(&format!("tokenizer/{}", case["template"].as_str().unwrap()));
        let messages = conversation(&case["messages"]);
        let generate = case["generate"].as_bool().unwrap();
        // What the template itself says, without putting a system message elsewhere.
        let template = ChatTemplate { system: SystemMessages::Accepted, ..template(&source).unwrap() };
        let rendered = template.with_now(at(1_721_952_000)).render(&messages, generate);
        match case["text"].as_str() {
            Some(expected) => assert_eq!(rendered.unwrap(), expected, "{case}"),
            None => {
                let error = rendered.unwrap_err().to_string();
                assert!(error.contains(case["failure"].as_str().unwrap()) && error.contains("line "), "{error}");
            }
        }
    }
}

/// The tokens of `families.json`.
fn with_tokens(source: &str, tokens: &Json) -> Result<ChatTemplate> {
    let tokens = tokens.as_object().unwrap().iter().map(|(name, text)| (name.as_str(), text.as_str().unwrap()));
    ChatTemplate::with_tokens("model.gguf", source, tokens).map(|template| template.with_now(at(1_720_080_303)))
}

#[test]
fn families_render_as_transformers_does() {
    let file = json("chat/families.json");
    let families = file["families"].as_array().unwrap();
    assert!(families.len() >= 25);
    let mut wrong = Vec::new();
    for family in families {
        let name = family["family"].as_str().unwrap();
        let template = with_tokens(&fixture(&format!("chat/families/{name}.jinja")), &file["tokens"]).unwrap();
        let warning = family["warning"].as_str().unwrap();
        if template.warnings().concat().is_empty() != warning.is_empty()
            || !template.warnings().concat().contains(warning)
        {
            wrong.push(format!("{name}: {:?}", template.warnings()));
        }
        let conversations = file["conversations"].as_array().unwrap();
        assert_eq!(conversations.len(), 6);
        for (conversation, expected) in conversations.iter().zip(family["renderings"].as_array().unwrap()) {
            let messages = self::conversation(&conversation["messages"]);
            let rendered = template.render(&messages, conversation["generate"].as_bool().unwrap());
            let equal = match (&rendered, expected["text"].as_str(), expected["raised"].as_str()) {
                (Ok(text), Some(expected), None) => text == expected,
                (Err(error), None, Some(raised)) => error.to_string().contains(raised),
                _ => false,
            };
            if !equal {
                wrong.push(format!("{name}:\n  expected {expected}\n  found {rendered:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn constructs_render_as_transformers_does_or_are_refused_with_the_line() {
    let constructs = json("chat/constructs.json");
    let constructs = constructs.as_array().unwrap();
    assert!(constructs.len() >= 150, "{}", constructs.len());
    let file = json("chat/families.json");
    let messages = conversation(&file["conversations"][3]["messages"]);
    let mut wrong = Vec::new();
    for construct in constructs {
        let source = construct["source"].as_str().unwrap();
        let rendered = with_tokens(source, &file["tokens"]).and_then(|template| template.render(&messages, true));
        let refused = REFUSED.iter().any(|part| source.contains(part));
        let right = match (&rendered, construct["text"].as_str()) {
            (Ok(text), Some(expected)) => !refused && text == expected,
            (Err(error), expected) => (expected.is_none() || refused) && error.to_string().contains("line "),
            (Ok(_), None) => false,
        };
        if !right {
            wrong.push(format!("{construct}\n  {rendered:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
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
        ("{{ missing.field.deeper }}", "line 1: undefined value: `missing` is undefined"),
        ("{{ unknown_function() }}", "line 1: unknown function"),
        ("{% include 'other.jinja' %}", "line 1: "),
        ("{{ messages[0].content.no_such_method() }}", "line 1: unknown method"),
        ("\r\n\r\n{{ 1 | no_such_filter }}", "line 3: unknown filter"),
        ("{{ 1 is no_such_test }}", "line 1: unknown test"),
        ("a\n{% generation %}", "line 2: syntax error"),
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
        "{% set ns = namespace(t=[]) %}{% for i in range(999) %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.t }}",
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
    let turns: Vec<Message> = (0..400)
        .map(|turn| if turn % 2 == 0 { Message::user("x".repeat(4000)) } else { Message::assistant("y".repeat(4000)) })
        .collect();
    for source in ["tokenizer/qwen2.5.jinja", "chat/families/qwen3.5.jinja", "chat/families/gemma3.jinja"] {
        assert!(template(&fixture(source)).unwrap().render(&turns, true).unwrap().len() > 1_600_000, "{source}");
    }
    let long = [Message::user("word ".repeat(2_000_000))];
    assert!(template(&fixture("chat/families/glm4.jinja")).unwrap().render(&long, true).unwrap().len() > 9_000_000);
}

#[test]
fn message_content_is_not_rendered_as_a_template() {
    let prompt = template("{{ messages[0].content }}").unwrap().render(&[Message::user("{{ 1 + 1 }}")], true).unwrap();
    assert_eq!(prompt, "{{ 1 + 1 }}");
}

#[test]
fn a_model_without_a_template_gets_plain_text() {
    let plain = ChatTemplate::plain();
    assert!(plain.is_plain() && plain.warnings().is_empty());
    let messages = [Message::system("Be brief."), Message::user("1 + 1?")];
    assert_eq!(plain.render(&messages, true).unwrap(), "Be brief.\n1 + 1?\n");
}

#[test]
fn an_empty_template_counts_as_none_and_says_so() {
    for source in ["", " \n", "\u{feff}\r\n"] {
        let template = template(source).unwrap();
        assert!(template.is_plain(), "{source:?}");
        assert!(template.warnings()[0].contains("no chat template: the plain format is used"));
        assert_eq!(template.render(&[Message::user("1 + 1?")], true).unwrap(), "1 + 1?\n");
    }
}

#[test]
fn an_empty_prompt_is_an_error() {
    for source in ["{# #}", "{{ messages[0].content[99:] }}", "{% if false %}x{% endif %}", "{{ '\\n' }}"] {
        let reason = failure(source);
        assert!(reason.contains("the prompt is empty"), "{source}: {reason}");
    }
    // Nothing is lost where there is nothing.
    assert_eq!(template("{{ messages[0].content }}\n ").unwrap().render(&[Message::user("")], true).unwrap(), "\n ");
}

#[test]
fn newlines_and_the_byte_order_mark_are_as_jinja2_reads_them() {
    let source = "\u{feff}{% for m in messages %}\r\n<{{ m.content }}>\r\n  {% endfor %}\rend{{ 'a\r\nb' }}\r\n";
    let prompt = template(source).unwrap().render(&[Message::user("x\r\ny")], true).unwrap();
    assert_eq!(prompt, "<x\r\ny>\nenda\nb");
}

#[test]
fn system_messages_that_a_template_refuses_go_to_the_first_user_message() {
    let refuses = "{% for m in messages %}{% if m.role == 'system' %}\n{{ raise_exception('no system') }}{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}";
    let template = template(refuses).unwrap();
    assert!(template.warnings()[0].contains("refuses system messages (line 2: "), "{:?}", template.warnings());
    let messages = [Message::system("Be brief."), Message::user("1 + 1?"), Message::assistant("2")];
    assert_eq!(template.render(&messages, true).unwrap(), "<user>Be brief.\n\n1 + 1?<assistant>2");
    assert_eq!(template.render(&messages[1..], true).unwrap(), "<user>1 + 1?<assistant>2");
    assert_eq!(template.render(&[Message::system(""), Message::user("1 + 1?")], true).unwrap(), "<user>1 + 1?");
    // There is no user message to put it into.
    assert!(template.render(&[Message::system("alone")], true).is_err());
    // One that raises for other reasons stays an error.
    let always = self::template("\n{{ raise_exception('never') }}").unwrap();
    assert!(always.warnings().is_empty());
    assert!(always.render(&[Message::user("x")], true).unwrap_err().to_string().contains("line 2: "));
}

#[test]
fn system_messages_that_a_template_leaves_out_are_warned_of() {
    let source = "{% for m in messages if m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endfor %}";
    let template = template(source).unwrap();
    assert!(template.warnings()[0].contains("leaves out system messages"), "{:?}", template.warnings());
    let messages = [Message::system("Be brief."), Message::user("1 + 1?")];
    assert_eq!(template.render(&messages, true).unwrap(), "<user>1 + 1?");
}

#[test]
fn tokens_that_a_model_has_not_are_undefined() {
    let source = "{{ bos_token is defined }}{{ eos_token }}{{ pad_token is defined }}";
    let template = ChatTemplate::new("model.gguf", source, None, Some("</s>")).unwrap();
    assert_eq!(template.render(&[], true).unwrap(), "False</s>False");
    let template = ChatTemplate::with_tokens("model.gguf", source, [("pad_token", "<pad>")]).unwrap();
    assert_eq!(template.render(&[], true).unwrap(), "FalseTrue");
}
