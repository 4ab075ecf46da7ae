//! Chat templates that would run for ever or fill the memory.

use super::jinja::expression;
use super::random::Random;

/// Programs whose work or memory grows; `N` is a number, `T` a text, `L` a list, `V` any value.
const HOSTILE: [&str; 40] = [
    "{% set n = namespace() %}{% set n.a = n %}{{ n }}",
    "{% set n = namespace() %}{% set n.a = n %}{{ n | tojson }}",
    "{% set n = namespace() %}{% set n.a = [n] %}{{ n ~ V }}",
    "{% set n = namespace() %}{% set m = namespace(b=n) %}{% set n.a = {'m': m} %}{{ [n, m] | sort }}",
    "{% set n = namespace() %}{% set n.a = n %}{% if n == n %}x{% endif %}{{ {n: 1} }}",
    "{% set n = namespace() %}{% set n.a = n %}{{ n in [n] }}{{ [n, n] | unique | list }}",
    "{% set n = namespace(t=[]) %}{% for i in range(N) %}{% set n.t = [n.t] %}{% endfor %}{{ n.t == V }}",
    "{% set n = namespace(t=[]) %}{% for i in range(N) %}{% set n.t = {'a': n.t} %}{% endfor %}{{ n.t | tojson }}",
    "{% set n = namespace(t=T) %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}{{ n.t | length }}",
    "{% set n = namespace(t=L) %}{% for i in range(60) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t | length }}",
    "{% set n = namespace(t=[1]) %}{% for i in range(60) %}{% set n.t = [n.t, n.t] %}{% endfor %}{{ n.t | length }}",
    "{% set n = namespace(t=[1]) %}{% for i in range(60) %}{% set n.t = [n.t, n.t] %}{% endfor %}{{ n.t == n.t }}",
    "{% set n = namespace(t=[1]) %}{% for i in range(60) %}{% set n.t = [n.t, n.t] %}{% endfor %}{{ n.t | string | length }}",
    "{{ ' '.join([T * N] * N) | length }}",
    "{{ ([T * N] * N) | join(T) | length }}",
    "{% set x = T * N %}{% for i in range(N) %}{% if x == x %}{% endif %}{% endfor %}",
    "{% set x = T * N %}{% for i in range(N) %}{% if x < x ~ 'b' %}{% endif %}{% endfor %}",
    "{% set x = T * N %}{% set y = T * N %}{% for i in range(N) %}{% if x in y %}{% endif %}{% endfor %}",
    "{% set x = L * N %}{% for i in range(N) %}{% if x == x %}{% endif %}{% endfor %}",
    "{% set x = T * N %}{% for i in range(N) %}{{ x.upper() | length }}{% endfor %}",
    "{% set x = T * N %}{% for i in range(N) %}{{ x.count('a') }}{{ x.find('b') }}{% endfor %}",
    "{% set x = T * N %}{% for i in range(N) %}{{ x | replace('a', 'b') | length }}{% endfor %}",
    "{% set x = T * N %}{% for i in range(N) %}{{ x.split('') | length }}{{ x[::-1] | length }}{% endfor %}",
    "{{ (T * N).split() | length }}{{ (T * N) | list | length }}{{ (T * N) | wordcount }}",
    "{{ (L * N) | length }}",
    "{{ (L * N) | sort | length }}{{ (L * N) | unique | list | length }}",
    "{{ (L * N) | map('string') | list | length }}",
    "{{ (L * N) | tojson | length }}{{ (L * N) | pprint | length }}",
    "{{ (L * N) | batch(N) | list | length }}{{ (L * N) | slice(N) | list | length }}",
    "{{ range(N) | list | length }}{{ range(N) | sum }}{{ range(N) | join }}",
    "{% for a in range(N) %}{% for b in range(N) %}{% for c in range(N) %}x{% endfor %}{% endfor %}{% endfor %}",
    "{% macro f(a) %}{{ f(a) }}{{ f(a) }}{% endmacro %}{{ f(1) }}",
    "{% macro f(a) %}{% if a > 0 %}{{ f(a - 1) }}{{ f(a - 1) }}{% endif %}{% endmacro %}{{ f(N) }}",
    "{% for x in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "{{ T | indent(N) }}{{ T | center(N) }}{{ T.ljust(N) }}{{ T.zfill(N) }}{{ T.expandtabs(N) }}",
    "{{ '%Nd' | format(1) }}{{ '%0Nd' % 1 }}{{ '{:>N}'.format(1) }}",
    "{{ (T * N) | replace('a', T * N) | length }}{{ (T * N).replace('', T * N) | length }}",
    "{% set x %}{{ T * N }}{% endset %}{% for i in range(N) %}{{ x | trim | length }}{{ x | urlencode | length }}{% endfor %}",
    "{{ strftime_now(T * N) }}{{ strftime_now('%A' * N) }}",
    "{{ dict(a=L * N) | items | list }}{{ (L * N) | groupby('a') | list }}{{ L * N ~ V }}",
];

pub(crate) fn hostile(random: &mut Random) -> String {
    let program = random.pick(&HOSTILE);
    let mut filled = String::new();
    let mut letters = program.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        // A letter that stands alone is a place to fill.
        let alone = !before.is_alphabetic() && !letters.peek().is_some_and(|next| next.is_alphabetic() && *next != 'd');
        match letter {
            'N' if alone => filled.push_str(random.pick(&SIZES)),
            'T' if alone => filled.push_str(random.pick(&TEXTS)),
            'L' if alone => filled.push_str(random.pick(&LISTS)),
            'V' if alone => filled.push_str(&expression(2, random)),
            _ => filled.push(letter),
        }
        before = letter;
    }
    // Half of them answer where they end.
    if random.chance(50) { filled + "{{ messages[0].content }}" } else { filled }
}

const SIZES: [&str; 9] =
    ["3", "60", "1000", "9999", "99999", "1000000", "50000000", "4294967296", "9223372036854775807"];
const TEXTS: [&str; 7] =
    ["'a'", "'ab '", "'\\n'", "'é'", "' '", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'", "messages[0].content"];
const LISTS: [&str; 6] = ["[1]", "['a']", "[[1, 2]]", "messages", "[{'a': 1}]", "(range(1000) | list)"];
