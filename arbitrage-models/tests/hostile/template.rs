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
        case("an unknown statement", "\n\n{% trans %}{% endtrans %}", "line 3|syntax error"),
        case("nothing", "{# #}", "the prompt is empty"),
        case("nothing of the messages", "{{ messages[0].content[99:] }}", "the prompt is empty"),
        case("only spaces", "\n {{ ' ' }}", "the prompt is empty"),
        case("a large exception", "{{ raise_exception('x' * 999999) }}", "line 1|raised by the template: xxx"),
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
    .into_iter()
    .chain(cycles())
    .chain(growing())
    .collect()
}

/// Namespaces that hold themselves. All of these fail in Python as well.
fn cycles() -> Vec<Case> {
    let of = |(name, then): (&str, &str)| {
        let source =
            format!("{{% set n = namespace() %}}{{% set n.a = n %}}{{% set n.b = [n] %}}{then}{{{{ nothing() }}}}");
        case(&format!("a namespace in itself, {name}"), source, "line 1").max_bytes(MAX_BYTES)
    };
    [
        ("written", "{{ n }}"),
        ("written in a list", "{{ n.b }}"),
        ("as JSON", "{{ n | tojson }}"),
        ("in a list as JSON", "{{ n.b | tojson }}"),
        ("joined", "{{ n ~ n }}"),
        ("sorted", "{{ [n, n] | sort }}"),
        ("as a key", "{{ {n: n} }}"),
        ("compared", "{{ n == n.a }}{{ n.b == n.a.b }}{{ n < n }}"),
        ("contained", "{{ n in n.b }}"),
        ("formatted", "{{ '%s' % n }}"),
        ("unique", "{{ [n, n.a, n.b] | unique | list }}"),
        ("iterated over", "{% for x in n %}{% endfor %}"),
        ("dropped", ""),
    ]
    .into_iter()
    .map(of)
    .collect()
}

/// Every way to make much of little, and to spend much time on it.
fn growing() -> Vec<Case> {
    let looped = |before: &str, work: &str| {
        format!("{{% set x = 'a' * 9999999 %}}{before}{{% for i in range(99999) %}}{work}{{% endfor %}}")
    };
    let nested = |then: &str| {
        format!(
            "{{% set ns = namespace(t=['x']) %}}{{% for i in range(60) %}}{{% set ns.t = [ns.t, ns.t] %}}{{% endfor %}}{then}{{{{ nothing() }}}}"
        )
    };
    let of = |(name, source): (&str, String)| case(name, source, "").max_bytes(MAX_BYTES);
    let cases = [
        ("a join of large texts", "{{ ' '.join(['x' * 10000000] * 1000) | length }}".to_owned()),
        ("a join filter of large texts", "{{ (['x' * 10000000] * 1000) | join }}".to_owned()),
        ("comparisons of a large text", looped("", "{% if x == x %}{% endif %}")),
        ("orders of a large text", looped("", "{% if x < x %}{% endif %}")),
        ("searches in a large text", looped("", "{% if 'b' in x %}{% endif %}")),
        ("repeated searches", looped("", "{% if x.find('ab') %}{% endif %}")),
        ("lengths of a large text", looped("", "{{ x | length }}")),
        ("slices of a large text", looped("", "{% set y = x[1:] %}")),
        ("reversed slices", looped("", "{% set y = x[::-1] %}")),
        ("characters of a large text", looped("", "{{ x[-1] }}")),
        ("strips of a large text", looped("{% set y = ' ' * 999999 %}", "{{ y.strip() }}")),
        ("strips by many characters", looped("", "{% set y = x.strip('bcdefghijk' * 999) %}")),
        ("upper forms of a large text", looped("", "{% set y = x | upper %}")),
        ("words of a large text", looped("", "{{ x | wordcount }}")),
        ("a large text as JSON", looped("", "{% set y = x | tojson %}")),
        ("a large text in lists", looped("", "{% set y = x | list %}")),
        ("splits of a large text", looped("", "{% set y = x.split('a') %}")),
        ("lines of many", "{{ ('\\n' * 9999999).splitlines() | length }}{{ nothing() }}".to_owned()),
        ("a product of a list", "{{ [1] * 100000000 }}".to_owned()),
        ("a product of nothing", "{{ [] * 9999999999 }}{{ 'x' * 0 * 9999999999 }}{{ nothing() }}".to_owned()),
        ("a list that doubles", "{% set ns = namespace(t=[1]) %}{% for i in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}".to_owned()),
        ("a tuple that doubles", "{% set ns = namespace(t=(1,)) %}{% for i in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}".to_owned()),
        ("a list that doubles inside", nested("")),
        ("a list that doubles inside, written", nested("{{ ns.t }}")),
        ("a list that doubles inside, joined", nested("{{ ns.t ~ '' }}")),
        ("a list that doubles inside, compared", nested("{{ ns.t == [ns.t[0], ns.t[1]] }}")),
        ("a list that doubles inside, ordered", nested("{{ [ns.t, ns.t] | sort }}")),
        ("a list that doubles inside, as JSON", nested("{{ ns.t | tojson }}")),
        ("a list that doubles inside, unique", nested("{{ [ns.t, ns.t] | map('string') | list }}")),
        ("a list that doubles inside, searched", nested("{{ [ns.t] in [[ns.t[1]]] }}")),
        ("a list that doubles inside, formatted", nested("{{ '%r' % [ns.t] }}")),
        ("a tuple that doubles inside, as a key", "{% set ns = namespace(t=(1,)) %}{% for i in range(60) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ {ns.t: 1, (ns.t[0], ns.t[1]): 2} }}".to_owned()),
        ("a chain of replacements", "{{ ('x' * 9999).replace('x', 'y' * 9999).replace('y', 'z' * 9999) }}".to_owned()),
        ("a replacement of nothing", "{{ ('x' * 99999).replace('', 'y' * 99999) }}".to_owned()),
        ("a wide format", "{{ '%999999s' % 'x' * 999 }}{{ '%9999999s' % 'x' }}".to_owned()),
        ("a precise format", "{{ '%.999999f' % 1.0 }}".to_owned()),
        ("a wide date", "{{ strftime_now('%999999999d') }}".to_owned()),
        ("a long date", "{{ strftime_now('%A' * 9999999) }}".to_owned()),
        ("wide zeros", "{{ '1'.zfill(99999999999) }}".to_owned()),
        ("wide spaces", "{{ '1'.ljust(999999999) }}".to_owned()),
        ("a wide indentation of JSON", "{{ [[[[[1]]]]] | tojson(indent=99999999) }}{{ ([[1]] * 99999) | tojson(indent=99999) }}".to_owned()),
        ("a long indentation of JSON", "{{ ([1] * 99999) | tojson(indent='x' * 99999) }}".to_owned()),
        ("long separators of JSON", "{{ ([1] * 99999) | tojson(separators=('x' * 99999, '')) }}".to_owned()),
        ("escapes of JSON", "{{ ('\\x01' * 9999999) | tojson }}{{ nothing() }}".to_owned()),
        ("escapes of URLs", "{{ (' ' * 9999999) | urlencode }}{{ nothing() }}".to_owned()),
        ("escapes of HTML", "{{ ('<' * 9999999) | e }}{{ nothing() }}".to_owned()),
        ("batches that are filled", "{{ [1] | batch(9999999999, 0) | list }}".to_owned()),
        ("large powers", "{{ 9 ** 9 ** 9 }}".to_owned()),
        ("a large number", format!("{{{{ {} }}}}", "9".repeat(9999))),
        ("a large float", "{{ 1e999 }}{{ 1e308 * 10 }}{{ (1e308 * 10) | int }}{{ nothing() }}".to_owned()),
        ("negative positions", "{{ [1, 2][-9223372036854775807:9223372036854775807:-9223372036854775807] }}{{ 'x'[-9223372036854775807] }}{{ nothing() }}".to_owned()),
        ("macros made in a loop", "{% for i in range(99999) %}{% for j in range(999) %}{% macro f() %}{{ i }}{% endmacro %}{% endfor %}{% endfor %}".to_owned()),
        ("namespaces made in a loop", "{% for i in range(99999) %}{% for j in range(999) %}{% set n = namespace(a=i) %}{% endfor %}{% endfor %}".to_owned()),
        ("joiners made in a loop", "{% for i in range(99999) %}{% for j in range(999) %}{% set n = joiner() %}{% set m = cycler(1) %}{% endfor %}{% endfor %}".to_owned()),
        ("calls that call", "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{% call f() %}x{% endcall %}".to_owned()),
        ("blocks that capture", "{% for i in range(99999) %}{% set x %}{% for j in range(999) %}{{ 'x' * 999 }}{% endfor %}{% endset %}{% endfor %}".to_owned()),
        ("many arguments", "{% macro f() %}{{ varargs }}{% endmacro %}{{ f(*range(99999), *range(99999)) }}{% for i in range(999) %}{{ f(*range(99999)) }}{% endfor %}".to_owned()),
        ("a dict of many", "{% set ns = namespace() %}{{ dict(range(99999) | batch(2) | list) }}".to_owned()),
        ("sums of lists", "{{ ([[1] * 9999] * 9999) | sum(start=[]) }}".to_owned()),
        ("filters on filters", "{% for i in range(99999) %}{{ range(9999) | map('string') | map('upper') | select('string') | list | sort | unique | join }}{% endfor %}".to_owned()),
        ("sorts without an order", "{{ ([1e308 * 10 - 1e308 * 10, 1] * 99) | sort }}{{ [1, 'a', none] | sort }}".to_owned()),
    ];
    cases.into_iter().map(of).collect()
}
