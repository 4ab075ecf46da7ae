//! What a model is told beside the question.

use arbitrage_core::{Message, Problem};

/// What a model is told beside the question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prompt {
    /// The system message; empty for none.
    pub system: String,
    /// Added after the question, on a line of its own; empty for nothing.
    pub suffix: String,
}

impl Default for Prompt {
    /// Steps apart by blank lines, the answer in `\boxed{}`: what the default segmenter and the graders look for.
    fn default() -> Self {
        Self::system("Reason step by step. Separate steps with a blank line. Put the final answer within \\boxed{}.")
    }
}

impl Prompt {
    /// A system message and nothing else.
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

    /// The conversation in which the model is to answer: the system message, what was said before, the question.
    pub fn messages(&self, problem: &Problem) -> Vec<Message> {
        let mut user = problem.question.trim().to_owned();
        if !self.suffix.is_empty() {
            user.push('\n');
            user.push_str(&self.suffix);
        }
        let told = self.system.is_empty() || problem.context.iter().any(|message| message.role == "system");
        let system = (!told).then(|| Message::system(&self.system));
        system.into_iter().chain(problem.context.iter().cloned()).chain([Message::user(user)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_follows_what_was_said_and_its_system_message_wins() {
        let prompt = Prompt::system("own").with_suffix("Go.");
        let problem = Problem::new(" Why? ");
        assert_eq!(prompt.messages(&problem), [Message::system("own"), Message::user("Why?\nGo.")]);
        let before = vec![Message::user("Hi."), Message::assistant("Hello.")];
        let asked = problem.clone().with_context(before.clone());
        assert_eq!(prompt.messages(&asked)[..3], [&[Message::system("own")], &before[..]].concat());
        let ruled = problem.with_context(vec![Message::system("theirs")]);
        assert_eq!(prompt.messages(&ruled), [Message::system("theirs"), Message::user("Why?\nGo.")]);
    }
}
