//! Mutations of any JSON file.

use serde_json::{Map, Value, json};

use super::random::Random;

/// A value that a reader could stumble over.
pub(crate) fn odd(random: &mut Random) -> Value {
    match random.below(24) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(false),
        3 => json!(0),
        4 => json!(-1),
        5 => json!(1),
        6 => json!(2),
        7 => json!(random.pick(&[3, 7, 8, 16, 31, 33, 320, 4096])),
        8 => json!(u32::MAX),
        9 => json!(i64::MIN),
        10 => json!(u64::MAX),
        11 => json!(random.pick(&[0.5, -0.0, 1e308, 1e-320, 1e-12, 1.000_000_1])),
        12 => json!(""),
        13 => json!("x"),
        14 => json!("32"),
        15 => json!("é\u{1b}[31m\u{0}\u{202e}"),
        16 => json!("x".repeat(random.pick(&[300, 70_000, 2_000_000]))),
        17 => json!([]),
        18 => json!({}),
        19 => json!([[[]]]),
        20 => json!({"type": "x", "content": 3}),
        21 => (0..100).fold(json!(1), |inner, _| json!([inner])),
        22 => json!(vec![1; 100_000]),
        _ => json!(["x", 1, null]),
    }
}

/// The value under `key`; what is no object becomes one.
pub(crate) fn member<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    &mut value[key]
}

/// Changes one place of `value`, at a random depth.
pub(crate) fn mutate(value: &mut Value, random: &mut Random) {
    let descend = random.chance(65);
    match value {
        Value::Object(map) if !map.is_empty() => {
            let key = map.keys().nth(random.below(map.len())).cloned().unwrap_or_default();
            match map.get_mut(&key) {
                Some(inner @ (Value::Object(_) | Value::Array(_))) if descend => mutate(inner, random),
                _ => mutate_key(map, &key, random),
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = random.below(items.len());
            match &mut items[at] {
                inner @ (Value::Object(_) | Value::Array(_)) if descend => mutate(inner, random),
                _ => mutate_item(items, at, random),
            }
        }
        _ => *value = odd(random),
    }
}

fn mutate_key(map: &mut Map<String, Value>, key: &str, random: &mut Random) {
    let Some(old) = map.remove(key) else { return };
    match random.below(10) {
        0 | 1 => {}
        2 => drop(map.insert(format!("{key}s"), old)),
        3 => drop(map.insert(key.to_uppercase(), old)),
        4 => drop(map.insert(key.to_owned(), json!([old]))),
        5 => drop(map.insert(key.to_owned(), near(&old, random))),
        _ => drop(map.insert(key.to_owned(), odd(random))),
    }
}

fn mutate_item(items: &mut Vec<Value>, at: usize, random: &mut Random) {
    match random.below(7) {
        0 => drop(items.remove(at)),
        1 => items.truncate(at),
        2 => items.push(items[at].clone()),
        3 => items.rotate_left(at),
        4 => items[at] = near(&items[at], random),
        5 => items.insert(at, odd(random)),
        _ => items[at] = odd(random),
    }
}

/// A value of the same type.
fn near(old: &Value, random: &mut Random) -> Value {
    match old {
        Value::Bool(old) => json!(!old),
        Value::Number(_) => json!(random.pick(&[0, 1, 2, 4, 64, 300, 319, 320, 100_000])),
        Value::String(old) => json!(format!("{old}{}", random.pick(&[" ", "s", "\u{e9}", "\n", "<|im_end|>"]))),
        _ => odd(random),
    }
}

/// What JSON's grammar, or good sense, does not allow.
pub(crate) fn break_text(text: &mut String, random: &mut Random) {
    let inserted = match random.below(10) {
        0 => "\"hidden_size\": 64, \"version\": \"1.0\", ".to_owned(),
        1 => "\"hidden_size\": 32, \"model\": {}, ".to_owned(),
        2 => "\"x\": NaN, ".to_owned(),
        3 => "// no comment\n".to_owned(),
        4 => format!("\"x\": {}1{}, ", "[".repeat(200_000), "]".repeat(200_000)),
        5 => format!("\"x\": {}1{}, ", "[".repeat(100), "]".repeat(100)),
        6 => "\"x\": 1e999, ".to_owned(),
        7 => "\"\\ud800\": 1, ".to_owned(),
        8 => {
            *text = format!("\u{feff}{text}");
            return;
        }
        _ => format!("{}\"x\": 1, ", " ".repeat(2_000_000)),
    };
    if let Some(start) = text.find('{') {
        text.insert_str(start + 1, &inserted);
    }
}
