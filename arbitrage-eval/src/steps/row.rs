//! A row of a file of judged steps.

use serde_json::{Map, Value};

use super::JudgedSolution;
use crate::problems::{Line, ProblemsError, normalised};
use arbitrage_core::text::excerpt;

type Row = Map<String, Value>;

/// Texts and labels of a solution's steps.
type Steps = Vec<(String, f32)>;

/// The solutions of a row: one, or with PRMBench's original two. The formats are told apart by their fields.
pub(super) fn solutions(line: &Line<'_>, row: &Row) -> Result<Vec<JudgedSolution>, ProblemsError> {
    let question = line.question(row)?;
    let (source, id) = line.names(row)?;
    let steps = list(line, row, "steps")?;
    if row.contains_key("error_steps") {
        return prmbench(line, row, (source, id, question), steps);
    }
    let steps = match steps.first() {
        Some(Value::Object(step)) if step.contains_key("rating") => objects(line, steps, "rating", rating)?,
        Some(Value::Object(step)) if step.contains_key("label") => objects(line, steps, "label", label)?,
        _ => {
            let found = excerpt(&steps.first().unwrap_or(&Value::Null).to_string());
            return Err(line.wrong("`error_steps`, or `steps` of objects with `rating` or `label`", found));
        }
    };
    Ok(vec![JudgedSolution::of_texts(id, source, question, &steps)])
}

/// Steps as texts, and which of them are wrong, from 1 (PRMBench, arXiv 2501.03124); beside them the solution that they were made of,
/// which is right.
fn prmbench(
    line: &Line<'_>,
    row: &Row,
    (source, id, question): (String, String, String),
    steps: &[Value],
) -> Result<Vec<JudgedSolution>, ProblemsError> {
    let mut spoilt = texts(line, steps, "steps")?;
    for (at, error) in list(line, row, "error_steps")?.iter().enumerate() {
        let place = error.as_u64().and_then(|place| usize::try_from(place).ok()?.checked_sub(1));
        let step = place.and_then(|place| spoilt.get_mut(place));
        let wrong =
            || (format!("a step from 1 to {} in `error_steps[{at}]`", steps.len()), excerpt(&error.to_string()));
        step.ok_or_else(wrong).map_err(|(expected, found)| line.wrong(expected, found))?.1 = 0.0;
    }
    let before = line.text(row, "original_question")?.unwrap_or_else(|| question.clone());
    let group = normalised(&before);
    let mut found = vec![JudgedSolution::of_texts(id.clone(), source.clone(), question, &spoilt)];
    if row.contains_key("original_steps") {
        let steps = texts(line, list(line, row, "original_steps")?, "original_steps")?;
        found.push(JudgedSolution::of_texts(format!("{id}-original"), source, before, &steps));
    }
    Ok(found.into_iter().map(|solution| JudgedSolution { group: group.clone(), ..solution }).collect())
}

fn list<'a>(line: &Line<'_>, row: &'a Row, field: &str) -> Result<&'a [Value], ProblemsError> {
    match row.get(field) {
        Some(Value::Array(items)) if !items.is_empty() || field == "error_steps" => Ok(items),
        other => {
            let found = excerpt(&other.map_or_else(|| "nothing".to_owned(), Value::to_string));
            Err(line.wrong(format!("a list of steps in `{field}`"), found))
        }
    }
}

/// Texts that are right, unless something says otherwise.
fn texts(line: &Line<'_>, steps: &[Value], field: &str) -> Result<Steps, ProblemsError> {
    let text = |(at, step): (usize, &Value)| Ok((text(line, step, &format!("{field}[{at}]"))?, 1.0));
    steps.iter().enumerate().map(text).collect()
}

fn objects(
    line: &Line<'_>,
    steps: &[Value],
    field: &str,
    verdict: fn(&Value) -> Result<f32, &'static str>,
) -> Result<Steps, ProblemsError> {
    let step = |(at, step): (usize, &Value)| -> Result<_, ProblemsError> {
        let said = step.get(field).unwrap_or(&Value::Null);
        let wrong = |expected| line.wrong(format!("{expected} in `steps[{at}].{field}`"), excerpt(&said.to_string()));
        let label = verdict(said).map_err(wrong)?;
        Ok((text(line, step.get("text").unwrap_or(&Value::Null), &format!("steps[{at}].text"))?, label))
    };
    steps.iter().enumerate().map(step).collect()
}

fn text(line: &Line<'_>, value: &Value, field: &str) -> Result<String, ProblemsError> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        other => Err(line.wrong(format!("a step's text in `{field}`"), excerpt(&other.to_string()))),
    }
}

/// PRM800K's (arXiv 2305.20050): 1 is right, 0 neither helps nor harms and is right, −1 is wrong.
fn rating(value: &Value) -> Result<f32, &'static str> {
    match value.as_i64() {
        Some(0 | 1) => Ok(1.0),
        Some(-1) => Ok(0.0),
        _ => Err("1, 0 or -1"),
    }
}

fn label(value: &Value) -> Result<f32, &'static str> {
    let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
    number.map(|number| number as f32).ok_or("a number from 0 to 1")
}
