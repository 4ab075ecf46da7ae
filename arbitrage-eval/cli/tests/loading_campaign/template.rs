//! Chat templates: random ones by a grammar of Jinja, hostile ones, and damaged ones.

use super::entry::damage;
use super::hostile_template::hostile;
use super::jinja::statement;
use super::random::Random;

/// A template; `old` is that of the model.
pub(crate) fn any(old: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = match random.below(20) {
        0..=3 => hostile(random).into_bytes(),
        4 => {
            let mut bytes = old.as_bytes().to_vec();
            damage(&mut bytes, usize::MAX, random);
            bytes
        }
        5 => random.pick(&ODD).as_bytes().to_vec(),
        6 => [old, &any_statement(random)].concat().into_bytes(),
        7 => [&any_statement(random), old].concat().into_bytes(),
        8 => long_text(random).into_bytes(),
        _ => {
            let count = 1 + random.below(4);
            let written = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}";
            let mut parts: Vec<String> = (0..count).map(|_| any_statement(random)).collect();
            // Most templates write the conversation, so that it is answered.
            if random.chance(80) {
                parts.insert(random.below(count), written.to_owned());
            }
            parts.concat().into_bytes()
        }
    };
    match random.below(40) {
        0 => bytes.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        1 => bytes = String::from_utf8_lossy(&bytes).replace('\n', "\r\n").into_bytes(),
        2 => bytes.extend("é\u{2028}\u{1b}[31m\0".bytes()),
        _ => {}
    }
    bytes
}

/// A statement, of one expression in half of the cases: the deeper it is, the more can fail.
fn any_statement(random: &mut Random) -> String {
    statement([1, 1, 2, 3][random.below(4)], random)
}

/// Templates without a text, or with no program.
const ODD: [&str; 14] = [
    "",
    " ",
    "\n\n",
    "{# nothing #}",
    "{% set x = 1 %}",
    "{{ messages[0].content[99999:] }}",
    "{{ raise_exception('no') }}",
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{{ messages[0].content }}",
    "{{ raise_exception('é\u{1b}[31m' * 1000) }}",
    "{% include 'chat_template' %}",
    "{% extends 'chat_template' %}",
    "{% import 'x' as y %}",
    "plain text",
    "{{",
];

/// A long prompt, of one word, of many, or of lines.
fn long_text(random: &mut Random) -> String {
    let unit = random.pick(&["a", "ab", " ", "\\n", "é", "1", "<|im_end|>", "a b\\n", "'", "\u{1f600}"]);
    let count = random.pick(&[100, 3000, 50_000, 1_000_000, 7_000_000]);
    format!("{{{{ messages[0].content }}}}{{{{ '{unit}' * {count} }}}}")
}
