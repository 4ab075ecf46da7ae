//! Renders a report to HTML and Markdown.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State, context};

use super::browser::Browser;
use super::page::Page;
use super::text::visible;
use super::{EvaluationRuns, ReportError, ReportSettings};

/// The style sheet of pages and charts.
pub(super) const STYLE: &str = include_str!("templates/style.css");
const SCRIPT: &str = include_str!("templates/browser.js");

/// The report as one HTML page that needs no network and no other file, and follows the reader's light or dark theme. Without JavaScript
/// only the browser of solutions is missing.
///
/// # Errors
/// [`ReportError::Template`] and [`ReportError::Json`], which indicate a bug in the templates.
pub fn html(evaluation: &EvaluationRuns, settings: &ReportSettings) -> Result<String, ReportError> {
    html_of(&Page::new(evaluation, settings), evaluation, settings)
}

pub(super) fn html_of(
    page: &Page,
    evaluation: &EvaluationRuns,
    settings: &ReportSettings,
) -> Result<String, ReportError> {
    let browser = Browser::new(evaluation, settings);
    let data = if browser.is_empty() { None } else { Some(browser.json()?) };
    let page = Value::from(Serde(page));
    let context = context! { page, style => STYLE, script => SCRIPT, data };
    Ok(environment()?.get_template("page.html")?.render(context)?)
}

/// The report's tables as Markdown, without figures.
///
/// # Errors
/// [`ReportError::Template`], which indicates a bug in the template.
pub fn markdown(evaluation: &EvaluationRuns, settings: &ReportSettings) -> Result<String, ReportError> {
    markdown_of(&Page::new(evaluation, settings))
}

pub(super) fn markdown_of(page: &Page) -> Result<String, ReportError> {
    let page = Value::from(Serde(page));
    Ok(environment()?.get_template("page.md")?.render(context! { page })?)
}

fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(".md") { AutoEscape::Custom("markdown".into()) } else { AutoEscape::Html }
    });
    environment.set_formatter(format);
    environment.add_template("page.html", include_str!("templates/page.html"))?;
    environment.add_template("page.md", include_str!("templates/page.md"))?;
    Ok(environment)
}

/// Formats a value: makes control characters visible, then escapes it for HTML or Markdown.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let is_html = *state.auto_escape() == AutoEscape::Html;
    match value.as_str().filter(|_| !value.is_safe()) {
        Some(text) if is_html => minijinja::escape_formatter(out, state, &Value::from(visible(text))),
        Some(text) => Ok(out.write_str(&escaped(&visible(text)))?),
        None if is_html => minijinja::escape_formatter(out, state, value),
        None => Ok(out.write_str(&value.to_string())?),
    }
}

/// Text for Markdown, inside or outside of a table: on one line, with everything escaped that could begin markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '>' | '~' | '!' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}
