//! From what a report says to HTML and Markdown.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State, context};

use super::browser::Browser;
use super::page::Page;
use super::text::visible;
use super::{Evaluation, Options, ReportError};

const STYLE: &str = include_str!("templates/style.css");
const SCRIPT: &str = include_str!("templates/browser.js");

/// The report as one page of HTML that needs no network and no other file, light or dark as its reader prefers. Without JavaScript
/// everything is there but the browser of solutions.
///
/// # Errors
/// [`ReportError::Template`] and [`ReportError::Json`], which no evaluation is known to cause.
pub fn html(evaluation: &Evaluation, options: &Options) -> Result<String, ReportError> {
    html_of(&Page::new(evaluation, options), evaluation, options)
}

pub(super) fn html_of(page: &Page, evaluation: &Evaluation, options: &Options) -> Result<String, ReportError> {
    let browser = Browser::new(evaluation, options);
    let data = if browser.is_empty() { None } else { Some(browser.json()?) };
    let page = Value::from(Serde(page));
    let context = context! { page, style => STYLE, script => SCRIPT, data };
    Ok(environment()?.get_template("page.html")?.render(context)?)
}

/// The report's tables as Markdown, with what its figures say in words.
///
/// # Errors
/// [`ReportError::Template`], which no evaluation is known to cause.
pub fn markdown(evaluation: &Evaluation, options: &Options) -> Result<String, ReportError> {
    markdown_of(&Page::new(evaluation, options))
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

/// Writes a value: made visible first, then escaped as the template's language asks.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let is_html = *state.auto_escape() == AutoEscape::Html;
    match value.as_str().filter(|_| !value.is_safe()) {
        Some(text) if is_html => minijinja::escape_formatter(out, state, &Value::from(visible(text))),
        Some(text) => Ok(out.write_str(&escaped(&visible(text)))?),
        None if is_html => minijinja::escape_formatter(out, state, value),
        None => Ok(out.write_str(&value.to_string())?),
    }
}

/// Text in Markdown, in a table or outside of one, on one line: whatever could begin markup is escaped.
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
