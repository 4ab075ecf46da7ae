//! The formats of files of labelled steps.

use serde_json::{Map, Value};

use super::LabelledSolution;
use crate::problems::{JsonLine, ProblemsError, normalised};
use arbitrage_core::text::excerpt;

type JsonRow = Map<String, Value>;

/// Texts and labels of a solution's steps.
type Steps = Vec<(String, f32)>;

/// The solutions of a row: one, or two with PRMBench's original. The format is recognised by its fields.
pub(super) fn solutions(line: &JsonLine<'_>, row: &JsonRow) -> Result<Vec<LabelledSolution>, ProblemsError> {
    let question = line.question(row)?;
    let (source, id) = line.names(row)?;
    let steps = list(line, row, "steps")?;
    if row.contains_key("error_steps") {
        return prmbench(line, row, RowIdentity { source, id, question }, steps);
    }
    let steps = match steps.first() {
        Some(Value::Object(step)) if step.contains_key("rating") => objects(line, steps, "rating", rating)?,
        Some(Value::Object(step)) if step.contains_key("label") => objects(line, steps, "label", label)?,
        _ => {
            let found = excerpt(&steps.first().unwrap_or(&Value::Null).to_string());
            return Err(line.wrong("`error_steps`, or `steps` of objects with `rating` or `label`", found));
        }
    };
    Ok(vec![LabelledSolution::of_texts(id, source, question, &steps)])
}

/// What identifies a row's solution.
struct RowIdentity {
    source: String,
    id: String,
    question: String,
}

/// Steps as texts, and the numbers, from 1, of those that are wrong (PRMBench, arXiv 2501.03124). The right solution that the errors were
/// put into may be there, too.
fn prmbench(
    line: &JsonLine<'_>,
    row: &JsonRow,
    identity: RowIdentity,
    steps: &[Value],
) -> Result<Vec<LabelledSolution>, ProblemsError> {
    let RowIdentity { source, id, question } = identity;
    let mut modified = texts(line, steps, "steps")?;
    for (at, error) in list(line, row, "error_steps")?.iter().enumerate() {
        let index = error.as_u64().and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
        let step = index.and_then(|index| modified.get_mut(index));
        let wrong =
            || (format!("a step from 1 to {} in `error_steps[{at}]`", steps.len()), excerpt(&error.to_string()));
        step.ok_or_else(wrong).map_err(|(expected, found)| line.wrong(expected, found))?.1 = 0.0;
    }
    let original = line.text(row, "original_question")?.unwrap_or_else(|| question.clone());
    let group = normalised(&original);
    let mut found = vec![LabelledSolution::of_texts(id.clone(), source.clone(), question, &modified)];
    if row.contains_key("original_steps") {
        let steps = texts(line, list(line, row, "original_steps")?, "original_steps")?;
        found.push(LabelledSolution::of_texts(format!("{id}-original"), source, original, &steps));
    }
    Ok(found.into_iter().map(|solution| LabelledSolution { group: group.clone(), ..solution }).collect())
}

fn list<'a>(line: &JsonLine<'_>, row: &'a JsonRow, field: &str) -> Result<&'a [Value], ProblemsError> {
    match row.get(field) {
        Some(Value::Array(items)) if !items.is_empty() || field == "error_steps" => Ok(items),
        other => {
            let found = excerpt(&other.map_or_else(|| "nothing".to_owned(), Value::to_string));
            Err(line.wrong(format!("a list of steps in `{field}`"), found))
        }
    }
}

/// The texts of steps, labelled as right.
fn texts(line: &JsonLine<'_>, steps: &[Value], field: &str) -> Result<Steps, ProblemsError> {
    let text = |(at, step): (usize, &Value)| Ok((text(line, step, &format!("{field}[{at}]"))?, 1.0));
    steps.iter().enumerate().map(text).collect()
}

fn objects(
    line: &JsonLine<'_>,
    steps: &[Value],
    field: &str,
    label: fn(&Value) -> Result<f32, &'static str>,
) -> Result<Steps, ProblemsError> {
    let step = |(at, step): (usize, &Value)| -> Result<_, ProblemsError> {
        let value = step.get(field).unwrap_or(&Value::Null);
        let wrong = |expected| line.wrong(format!("{expected} in `steps[{at}].{field}`"), excerpt(&value.to_string()));
        let label = label(value).map_err(wrong)?;
        Ok((text(line, step.get("text").unwrap_or(&Value::Null), &format!("steps[{at}].text"))?, label))
    };
    steps.iter().enumerate().map(step).collect()
}

fn text(line: &JsonLine<'_>, value: &Value, field: &str) -> Result<String, ProblemsError> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
        other => Err(line.wrong(format!("a step's text in `{field}`"), excerpt(&other.to_string()))),
    }
}

/// A rating of PRM800K (arXiv 2305.20050): 1 is right, 0 is right but does not help, −1 is wrong.
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
