//! One rendering, from the source to the prompt.

use super::allowance::{Allowance, RENDER_BYTES};
use super::fault::Evaluated;
use super::renderer::Renderer;
use super::stack;
use super::syntax;
use super::value::{Mapping, PyValue, SequenceKind};
use arbitrage_core::Message;
use std::rc::Rc;
use std::time::SystemTime;

/// What a template sees.
pub(super) struct Conversation<'c> {
    pub(super) messages: &'c [Message],
    pub(super) add_generation_prompt: bool,
    /// The variables of special tokens, such as `bos_token`.
    pub(super) tokens: &'c [(String, String)],
    pub(super) now: SystemTime,
}

/// Checks that a normalised source parses.
pub(super) fn check(source: &str) -> std::io::Result<Evaluated<()>> {
    stack::run_with_stack(stack::stack_bytes(source.len()), || syntax::parsed(source).map(drop))
}

/// What a normalised source writes, within `work`.
pub(super) fn render(source: &str, conversation: &Conversation<'_>, work: usize) -> std::io::Result<Evaluated<String>> {
    stack::run_with_stack(stack::stack_bytes(source.len()), || {
        let template = syntax::parsed(source)?;
        let allowance = Allowance::new(work, RENDER_BYTES);
        let context = context(conversation, &allowance)?;
        Renderer::new(source, context, conversation.now, &allowance)?.run(&template)
    })
}

/// The variables that transformers passes. There are no tools and no documents.
fn context<'c>(conversation: &Conversation<'c>, allowance: &Allowance) -> Evaluated<Vec<(&'c str, PyValue)>> {
    let message = |message: &Message| {
        let entries = vec![
            (allowance.text("role")?, allowance.text(message.role.as_str())?),
            (allowance.text("content")?, allowance.text(message.content.as_str())?),
        ];
        Ok(PyValue::Dict(Rc::new(Mapping::new(entries, allowance)?)))
    };
    let messages = conversation.messages.iter().map(message).collect::<Evaluated<Vec<PyValue>>>()?;
    let mut context = vec![
        ("messages", allowance.list(SequenceKind::List, messages)?),
        ("add_generation_prompt", PyValue::Bool(conversation.add_generation_prompt)),
        ("tools", PyValue::None),
        ("documents", PyValue::None),
    ];
    for (name, text) in conversation.tokens {
        context.push((name, allowance.text(text.as_str())?));
    }
    Ok(context)
}
