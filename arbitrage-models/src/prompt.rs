//! The prompt around the question.

use arbitrage_core::{Message, Problem};

/// The prompt around the question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prompt {
    /// The system message; none where it is empty.
    pub system: String,
    /// A line after the question; none where it is empty.
    pub suffix: String,
}

impl Default for Prompt {
    /// Asks for blank lines between steps and the answer in `\boxed{}`, which the default segmenter and the graders look for.
    fn default() -> Self {
        Self::system("Reason step by step. Separate steps with a blank line. Put the final answer within \\boxed{}.")
    }
}

impl Prompt {
    /// Only a system message.
    pub fn system(text: impl Into<String>) -> Self {
        Self { system: text.into(), suffix: String::new() }
    }

    /// Neither system message nor suffix.
    pub fn none() -> Self {
        Self::system("")
    }

    /// Adds a line after the question.
    pub fn with_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// The conversation that the model continues: the system message, the earlier messages, the question. A system message in the
    /// problem's context replaces this one.
    pub fn messages(&self, problem: &Problem) -> Vec<Message> {
        let mut user = problem.question.trim().to_owned();
        if !self.suffix.is_empty() {
            user.push('\n');
            user.push_str(&self.suffix);
        }
        let omit_system = self.system.is_empty() || problem.context.iter().any(|message| message.role == "system");
        let system = (!omit_system).then(|| Message::system(&self.system));
        system.into_iter().chain(problem.context.iter().cloned()).chain([Message::user(user)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_follows_its_context_whose_system_message_takes_precedence() {
        let prompt = Prompt::system("own").with_suffix("Go.");
        let problem = Problem::new(" Why? ");
        assert_eq!(prompt.messages(&problem), [Message::system("own"), Message::user("Why?\nGo.")]);
        let before = vec![Message::user("Hi."), Message::assistant("Hello.")];
        let in_context = problem.clone().with_context(before.clone());
        assert_eq!(prompt.messages(&in_context)[..3], [&[Message::system("own")], &before[..]].concat());
        let with_system = problem.with_context(vec![Message::system("theirs")]);
        assert_eq!(prompt.messages(&with_system), [Message::system("theirs"), Message::user("Why?\nGo.")]);
    }
}
