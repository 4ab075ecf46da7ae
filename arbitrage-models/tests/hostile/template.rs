//! Chat templates that fail, loop, or write endlessly.

use std::path::Path;

use arbitrage_models::Error;
use arbitrage_models::chat::{ChatTemplate, Message};

use super::Case;
use super::Kind::Template;

const FILE: &str = "chat_template.jinja";
/// Most memory that templates can take within their budget of work.
const MAX_BYTES: usize = 256 << 20;

fn render(folder: &Path) -> Result<(), Error> {
    let path = folder.join(FILE);
    let source = std::fs::read_to_string(&path).unwrap();
    ChatTemplate::new(&path, &source, Some("<s>"), Some("</s>"))?.render(&[Message::user("hello")], true).map(drop)
}

fn case(name: &str, source: impl Into<Vec<u8>>, phrases: &str) -> Case {
    Case::new(format!("template: {name}"), render, Template, &format!("{FILE}|{phrases}")).file(FILE, source)
}

/// Invalid templates.
pub(crate) fn failing() -> Vec<Case> {
    vec![
        case("a loop without an end", "a\n{% for x in %}", "line 2|syntax error"),
        case("never closed", "{% if true %}", "line 1|syntax error"),
        case("an unknown statement", "\n\n{% generation %}{% endgeneration %}", "line 3|syntax error"),
        case("division by 0", "\n{{ 1 // 0 }}", "line 2"),
        case("an exception", "\n{{ raise_exception('only user') }}", "line 2|raised by the template: only user"),
        case("an undefined value", "{{ nothing.field.deeper }}", "line 1|undefined value"),
        case("an unknown function", "{{ open('/etc/passwd') }}", "line 1|unknown function"),
        case("an unknown filter", "{{ 1 | no_such }}", "line 1|unknown filter"),
        case("another file", "{% include '../secret' %}", "line 1"),
        case("its own parent", "{% extends 'chat_template' %}", "line"),
        case("includes itself", "{% include 'chat_template' %}", "line"),
        case("an index past the end", "{{ messages[7].content.upper() }}", "line 1"),
        case("a date of its own", "{{ strftime_now('%Q') }}", "line 1|unknown directive"),
        case("of 512 KiB", " ".repeat(1 << 19), "at most 65536 bytes|524288"),
        case("9,000 brackets deep", format!("{{{{ {}1{} }}}}", "(".repeat(9000), ")".repeat(9000)), ""),
        case("5,000 conditions deep", format!("{}x{}", "{% if 1 %}".repeat(5000), "{% endif %}".repeat(5000)), ""),
        case("5,000 lists deep", format!("{{{{ {}{} }}}}", "[".repeat(5000), "]".repeat(5000)), ""),
    ]
    .into_iter()
    .chain(chains())
    .collect()
}

/// Chains of 60 KiB, into which a parser recurses link by link. All of them fail, since they end with a call of an unknown function.
fn chains() -> Vec<Case> {
    let repeated = |link: &str| link.repeat((60 << 10) / link.len());
    let of = |(name, before, link, after): (&str, &str, &str, &str)| {
        let source = format!("{before}{}{after}{{{{ nothing() }}}}", repeated(link));
        case(&format!("a chain of {name}"), source, "").max_bytes(MAX_BYTES)
    };
    [
        ("minus signs", "{{ ", "-", "1 }}"),
        ("nots", "{{ ", "not ", "1 }}"),
        ("sums", "{{ 1", "+1", " }}"),
        ("powers", "{{ 1", "**1", " }}"),
        ("joins", "{{ 1", "~1", " }}"),
        ("ands", "{{ 1", " and 1", " }}"),
        ("choices", "{{ 1", " if 1 else 1", " }}"),
        ("tests", "{{ 1", " is odd", " }}"),
        ("filters", "{{ 1", "|e", " }}"),
        ("fields", "{{ messages", ".a", " }}"),
        ("indices", "{{ messages", "[0]", " }}"),
        ("calls", "{{ messages", "()", " }}"),
        ("branches", "{% if 0 %}", "{% elif 0 %}", "{% endif %}"),
    ]
    .into_iter()
    .map(of)
    .collect()
}

/// Templates that would run for ever or fill the memory.
pub(crate) fn endless() -> Vec<Case> {
    let doubling = |start: &str, join: &str| {
        format!(
            "{{% set ns = namespace(t={start}) %}}{{% for i in range(60) %}}{{% set ns.t = ns.t {join} ns.t %}}{{% endfor %}}{{{{ ns.t }}}}"
        )
    };
    let wrapped = |then: &str| {
        let wrap = "{% for i in range(99999) %}{% set ns.t = [ns.t] %}{% endfor %}";
        format!("{{% set ns = namespace(t=[]) %}}{wrap}{then}{{{{ nothing() }}}}")
    };
    let of = |name: &str, source: &str| case(name, source, "").max_bytes(MAX_BYTES);
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x";
    let ends = "{% endfor %}{% endfor %}{% endfor %}";
    vec![
        of("three nested loops", &format!("{nested}{ends}")),
        of("three silent loops", &format!("{}{ends}", nested.trim_end_matches('x'))),
        of("a macro that calls itself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"),
        of("a macro that calls itself twice", "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}"),
        of("text that doubles", &doubling("'xxxxxxxx'", "~")),
        of("text that doubles by sums", &doubling("'xxxxxxxx'", "+")),
        of("a list wrapped anew", &wrapped("")),
        of("a list wrapped anew and shown", &wrapped("{{ ns.t }}")),
        of("a list wrapped anew and compared", &wrapped("{{ ns.t == [ns.t] }}")),
        of("a list wrapped anew as JSON", &wrapped("{{ ns.t | tojson }}")),
        of("a long text", "{{ 'x' * 99999999999 }}"),
        of("many long texts", "{% for i in range(999) %}{{ 'x' * 999999 }}{% endfor %}"),
        of("a long list", "{{ (range(99999) | list) * 9999 }}"),
        of("a long range", "{{ range(99999999999) | list }}"),
        of("a replacement that grows", "{{ ('x' * 99999) | replace('x', 'y' * 99999) }}"),
        of("a join that grows", "{{ range(9999) | join('y' * 999999) }}"),
        of("an indentation that grows", "{{ ('\\n' * 99999) | indent(99999) }}"),
        of("a method that grows", "{{ ('x' * 99999).replace('x', 'y' * 99999) }}"),
        of("a format that grows", "{{ '%999999999d' | format(1) }}"),
        of("JSON that grows", "{% set l = range(9999) | list %}{% for i in range(9999) %}{{ l | tojson }}{% endfor %}"),
        of("centred in much space", "{{ 'x' | center(99999999999) }}"),
    ]
}
