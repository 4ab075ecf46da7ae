//! Random statements and expressions of Jinja, most of them valid.

use super::random::Random;

pub(crate) fn statement(depth: usize, random: &mut Random) -> String {
    if depth == 0 {
        return format!("{{{{ {} }}}}", expression(2, random));
    }
    let e = expression(depth, random);
    let mut inner = || statement(depth - 1, random);
    let (a, b) = (inner(), inner());
    match random.below(24) {
        0..=5 => format!("{{{{ {e} }}}}"),
        6 => "text é\n".to_owned(),
        7 | 8 => format!("{{% for x in {e} %}}{a}{{% endfor %}}"),
        9 => format!("{{% for x in messages if {e} %}}{a}{{% else %}}{b}{{% endfor %}}"),
        10 | 11 => format!("{{% if {e} %}}{a}{{% elif x is defined %}}x{{% else %}}{b}{{% endif %}}"),
        12 => format!("{{% set x = {e} %}}{a}"),
        13 => format!(
            "{{% set ns = namespace(a={e}) %}}{{% for x in messages %}}{{% set ns.a = x.content %}}{{% endfor %}}{a}"
        ),
        14 => format!("{{% set x %}}{a}{{% endset %}}{b}"),
        15 => format!("{{% macro f(x, y=1) %}}{a}{{% endmacro %}}{{{{ f({e}) }}}}"),
        16 => format!("{{% for x in {e} recursive %}}{a}{{{{ loop([1]) }}}}{{% endfor %}}"),
        17 => format!("{{% filter upper %}}{a}{{% endfilter %}}"),
        18 => format!("{{% with x = {e} %}}{a}{{% endwith %}}"),
        19 => format!("{{%- generation -%}}{a}{{%- endgeneration -%}}"),
        20 => format!("{{% for x in messages %}}{{% if loop.index > 1 %}}{{% break %}}{{% endif %}}{a}{{% endfor %}}"),
        21 => format!("{{% raw %}}{a}{{% endraw %}}{{# {b} #}}"),
        22 => format!(
            "{{% macro f(x) %}}{{{{ x }}}}{{{{ caller() }}}}{{% endmacro %}}{{% call f({e}) %}}{a}{{% endcall %}}"
        ),
        _ => format!("{{%- do ({e}).append(1) -%}}{a}"),
    }
}

const ATOMS: [&str; 34] = [
    "''",
    "'x'",
    "'é\\n'",
    "\"it's\"",
    "0",
    "1",
    "-1",
    "7",
    "99999",
    "9223372036854775807",
    "1.5",
    "1e308",
    "true",
    "False",
    "none",
    "None",
    "[]",
    "{}",
    "()",
    "[1, 2, 3]",
    "{'a': 1, 'b': [2]}",
    "messages",
    "messages[0]",
    "messages[-1].content",
    "messages[0]['role']",
    "bos_token",
    "eos_token",
    "add_generation_prompt",
    "tools",
    "documents",
    "x",
    "ns.a",
    "loop.index",
    "undefined",
];
const BINARY: [&str; 18] =
    ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "and", "or", "in", "not in", "is", "if 1 else"];
const FILTERS: [&str; 40] = [
    "length",
    "upper",
    "trim",
    "title",
    "capitalize",
    "tojson",
    "tojson(indent=2)",
    "tojson(separators=(',', ':'), sort_keys=true)",
    "tojson(ensure_ascii=true)",
    "list",
    "first",
    "last",
    "sort",
    "sort(attribute='role', reverse=true)",
    "reverse",
    "unique",
    "join(', ')",
    "join('-', attribute='role')",
    "map(attribute='content')",
    "map('upper')",
    "select",
    "selectattr('role', 'equalto', 'user')",
    "rejectattr('role')",
    "default('d')",
    "default('d', true)",
    "replace('a', 'bb')",
    "int",
    "float",
    "string",
    "round(2)",
    "abs",
    "sum",
    "min",
    "items",
    "dictsort",
    "batch(2)",
    "indent(4)",
    "safe",
    "e",
    "no_such",
];
const TESTS: [&str; 16] = [
    "defined",
    "undefined",
    "none",
    "string",
    "mapping",
    "iterable",
    "sequence",
    "number",
    "boolean",
    "odd",
    "divisibleby(0)",
    "sameas(1)",
    "in([1])",
    "callable",
    "not none",
    "no_such",
];
const METHODS: [&str; 24] = [
    "strip()",
    "lstrip('\\n')",
    "split(',')",
    "split('x')[-1]",
    "rsplit(' ', 1)",
    "upper()",
    "lower()",
    "title()",
    "startswith('a')",
    "endswith(('a', 'b'))",
    "replace('a', '')",
    "join(['a', 'b'])",
    "items()",
    "keys()",
    "get('role', 1)",
    "append(1)",
    "format(1, a=2)",
    "count('a')",
    "find('a')",
    "splitlines()",
    "zfill(9)",
    "isdigit()",
    "partition('a')",
    "no_such()",
];

pub(crate) fn expression(depth: usize, random: &mut Random) -> String {
    if depth == 0 {
        return random.pick(&ATOMS).to_owned();
    }
    let mut inner = || expression(depth - 1, random);
    let (a, b) = (inner(), inner());
    match random.below(20) {
        0..=3 => random.pick(&ATOMS).to_owned(),
        4..=6 => format!("({a} {} {b})", random.pick(&BINARY)),
        7..=9 => format!("{a} | {}", random.pick(&FILTERS)),
        10 => format!("({a} is {})", random.pick(&TESTS)),
        11 | 12 => format!("({a}).{}", random.pick(&METHODS)),
        13 => format!("({a})[{b}]"),
        14 => format!("({a})[{}]", random.pick(&["1:", "::-1", ":-1", "::0", "99:", "'role'"])),
        15 => format!("({a} if {b} else x)"),
        16 => format!("{} {a}", random.pick(&["not", "-"])),
        17 => format!("[{a}, {b}]"),
        18 => format!("{{'k': {a}, {b}: 1}}"),
        _ => format!(
            "{}({a})",
            random.pick(&["range", "namespace", "dict", "strftime_now", "joiner", "cycler", "lipsum"])
        ),
    }
}
