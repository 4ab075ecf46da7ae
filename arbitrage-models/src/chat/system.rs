//! System messages for templates that take none.
//!
//! Some templates raise an exception for a system message. Its text is then put before that of the first user message, as the makers of
//! such models advise. Others leave it out, as they then do here; in both cases there is a warning.

use super::fault::FaultKind;
use super::{ChatTemplate, Message};
use crate::error::Result;
use std::borrow::Cow;

/// Work for trying a template out. Real ones need a hundredth of it.
const TRIAL_WORK: usize = 100_000;
/// A text that no template writes by itself.
const TRIAL_TEXT: &str = "qzxvkj";

/// What a template does with a system message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SystemMessages {
    Accepted,
    /// It raises an exception: this one.
    Refused(String),
    LeftOut,
}

/// Tries out whether a template takes a system message.
///
/// # Errors
/// When the system cannot start a thread.
pub(super) fn tried_out(template: &ChatTemplate) -> Result<SystemMessages> {
    let messages = [Message::system(TRIAL_TEXT), Message::user("1 + 1?")];
    let refused = match template.rendered(&messages, true, TRIAL_WORK)? {
        Ok(prompt) if !prompt.contains(TRIAL_TEXT) => return Ok(SystemMessages::LeftOut),
        Err(fault) if fault.kind == FaultKind::Raised => SystemMessages::Refused(fault.reason()),
        _ => return Ok(SystemMessages::Accepted),
    };
    // Whether that is the reason.
    let merged = template.rendered(&refused.arranged(&messages), true, TRIAL_WORK)?;
    Ok(if merged.is_ok() { refused } else { SystemMessages::Accepted })
}

impl SystemMessages {
    /// What a user should know.
    pub(super) fn warning(&self) -> Option<String> {
        match self {
            Self::Accepted => None,
            Self::Refused(reason) => Some(format!(
                "the chat template refuses system messages ({reason}): the text of one is put before that of the first user message"
            )),
            Self::LeftOut => Some("the chat template leaves out system messages: one has no effect".to_owned()),
        }
    }

    /// The messages as the template takes them.
    pub(super) fn arranged<'m>(&self, messages: &'m [Message]) -> Cow<'m, [Message]> {
        let [system, rest @ ..] = messages else { return Cow::Borrowed(messages) };
        if !matches!(self, Self::Refused(_)) || system.role != "system" {
            return Cow::Borrowed(messages);
        }
        let mut rest = rest.to_vec();
        match rest.iter_mut().find(|message| message.role == "user") {
            Some(_) if system.content.is_empty() => {}
            Some(user) => user.content = format!("{}\n\n{}", system.content, user.content),
            // The template says what it makes of it.
            None => return Cow::Borrowed(messages),
        }
        Cow::Owned(rest)
    }
}
