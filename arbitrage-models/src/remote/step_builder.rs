//! A step that is being generated.

use std::time::{Duration, Instant};

use arbitrage_core::{Author, Draw, Finish, Prefix, Step, StepCost, StepRule};

use super::answer::{AnswerChunk, AnswerEnd, TokenCounts, TokenLogprob};

/// One sequence's step, built from the chunks of one answer or of several.
///
/// Several answers are needed since a server stops at every blank line, also where nothing precedes it, which ends no step by the
/// segmenter. The text is then continued by another request.
pub(super) struct StepBuilder<'a> {
    pub prefix: Prefix<'a>,
    pub text: String,
    tokens: Vec<TokenLogprob>,
    /// Lengths of text and tokens when the current request was sent.
    text_before: usize,
    tokens_before: usize,
    /// The most tokens of the current request.
    max_tokens: usize,
    answer: AnswerState,
    cost: StepCost,
    draw: Draw,
    started: Instant,
    /// When the first text arrived, since the start.
    first_text: Option<Duration>,
    elapsed: Duration,
}

/// What the answer to the current request has brought besides text and tokens.
#[derive(Default)]
struct AnswerState {
    /// Chunks with text.
    chunks: usize,
    counts: TokenCounts,
    end: Option<AnswerEnd>,
    /// Length of the stop string at the end of the text that was inferred, because the server removes it. No token covers it.
    implied_stop_len: usize,
}

/// What follows a complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterAnswer {
    /// The step is complete.
    Complete(Finish),
    /// The step needs another request, for at most so many tokens.
    Continue { max_tokens: usize },
}

impl<'a> StepBuilder<'a> {
    pub(super) fn new(prefix: Prefix<'a>, author: Author) -> Self {
        Self {
            prefix,
            text: String::new(),
            tokens: Vec::new(),
            text_before: 0,
            tokens_before: 0,
            max_tokens: 0,
            answer: AnswerState::default(),
            cost: StepCost::default(),
            draw: prefix.draw(author),
            started: Instant::now(),
            first_text: None,
            elapsed: Duration::ZERO,
        }
    }

    /// A seed for the next request, of 31 bits, which every server accepts.
    pub(super) fn next_seed(&mut self, run_seed: u64) -> u32 {
        ((self.draw.next_u64() ^ run_seed) >> 33) as u32
    }

    /// A request for at most `max_tokens` is sent.
    pub(super) fn begin_request(&mut self, max_tokens: usize) {
        (self.text_before, self.tokens_before) = (self.text.len(), self.tokens.len());
        self.max_tokens = max_tokens;
        self.discard_answer();
    }

    /// Removes everything that the current request has brought, since it is sent again.
    pub(super) fn discard_answer(&mut self) {
        self.text.truncate(self.text_before);
        self.tokens.truncate(self.tokens_before);
        self.answer = AnswerState::default();
    }

    /// The most tokens of the current request.
    pub(super) fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Appends a chunk. `removed_stops` are the stop strings that were sent, if the server removes them from the text.
    pub(super) fn append(&mut self, chunk: AnswerChunk, removed_stops: &[String]) {
        if !chunk.text.is_empty() {
            self.first_text.get_or_insert_with(|| self.started.elapsed());
            self.answer.chunks += 1;
        }
        self.text.push_str(&chunk.text);
        self.tokens.extend(chunk.tokens);
        let counts = &mut self.answer.counts;
        *counts = TokenCounts {
            prompt: chunk.counts.prompt.or(counts.prompt),
            cached: chunk.counts.cached.or(counts.cached),
            generated: chunk.counts.generated.or(counts.generated),
        };
        let Some(end) = chunk.end else { return };
        let stop = match &end {
            AnswerEnd::Stop(stop) => Some(stop),
            AnswerEnd::UnknownStop => removed_stops.first(),
            AnswerEnd::EndOfText | AnswerEnd::Length => None,
        };
        if let Some(stop) = stop.filter(|stop| !self.text[self.text_before..].ends_with(stop.as_str())) {
            self.text.push_str(stop);
            self.answer.implied_stop_len = stop.len();
        }
        self.answer.end = Some(end);
    }

    /// Cuts the text where the step ends. Returns whether it does.
    pub(super) fn truncate_at_boundary(&mut self, rule: &StepRule<'_>) -> bool {
        let boundary = rule.segmenter.boundary(&self.text).filter(|&at| self.text.is_char_boundary(at));
        let Some(boundary) = boundary else { return false };
        let removed = self.text.len() - boundary;
        self.answer.implied_stop_len = self.answer.implied_stop_len.saturating_sub(removed);
        self.text.truncate(boundary);
        true
    }

    /// The answer is complete, or the stream was closed at the step's end.
    pub(super) fn finish_answer(&mut self, rule: &StepRule<'_>) -> AfterAnswer {
        self.add_cost();
        let generated = self.answer.counts.generated;
        let left = rule.max_tokens.saturating_sub(self.cost.decoded);
        if self.truncate_at_boundary(rule) {
            return AfterAnswer::Complete(Finish::Boundary);
        }
        match self.answer.end {
            Some(AnswerEnd::Stop(_) | AnswerEnd::UnknownStop) if left > 0 => AfterAnswer::Continue { max_tokens: left },
            Some(AnswerEnd::Length) if generated.is_some_and(|generated| generated < self.max_tokens) => {
                AfterAnswer::Complete(Finish::Context)
            }
            Some(AnswerEnd::Length | AnswerEnd::Stop(_) | AnswerEnd::UnknownStop) => {
                AfterAnswer::Complete(rule.finish_at(self.cost.decoded))
            }
            Some(AnswerEnd::EndOfText) | None => AfterAnswer::Complete(Finish::EndOfText),
        }
    }

    /// Adds the cost of the current request. At least one token counts as generated, so that a step of many requests comes to an end.
    fn add_cost(&mut self) {
        let AnswerState { chunks, counts, .. } = &self.answer;
        let received = (*chunks).max(self.tokens.len() - self.tokens_before);
        let cached = counts.cached.unwrap_or(0);
        self.cost.prefilled += counts.prompt.unwrap_or(0).saturating_sub(cached);
        self.cost.cached += cached;
        self.cost.decoded += counts.generated.unwrap_or(received).max(1);
        self.elapsed = self.started.elapsed();
    }

    /// The time that the step took.
    pub(super) fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The step, and whether its log-probabilities match its text. `time_scale` makes the step's wall time its share of the batch's.
    pub(super) fn into_step(self, finish: Finish, time_scale: f64) -> (Step, bool) {
        let seconds = self.elapsed.as_secs_f64() * time_scale;
        let first = self.first_text.unwrap_or_default().as_secs_f64() * time_scale;
        let mut cost = self.cost;
        (cost.seconds, cost.prefill_seconds) = (seconds, first.min(seconds));
        let logprobs = matching_logprobs(&self.tokens, &self.text, self.answer.implied_stop_len);
        let has_logprobs = logprobs.is_some();
        (Step::new(self.text, finish).with_logprobs(logprobs.unwrap_or_default()).with_cost(cost), has_logprobs)
    }
}

/// The log-probabilities of the tokens that `text` consists of. Tokens behind its end are left out: an end token, or text that was cut off.
/// `None` if tokens and text do not match or a log-probability is NaN, since it is then unknown which tokens the others belong to.
fn matching_logprobs(tokens: &[TokenLogprob], text: &str, implied_stop_len: usize) -> Option<Vec<f32>> {
    let (mut at, mut logprobs) = (0, Vec::with_capacity(tokens.len()));
    for token in tokens {
        if at >= text.len() {
            break;
        }
        let shared = token.bytes.len().min(text.len() - at);
        let matches = token.bytes[..shared] == text.as_bytes()[at..at + shared];
        if !(matches && token.logprob.is_finite() && token.logprob <= 1e-3) {
            return None;
        }
        at += token.bytes.len();
        logprobs.push(token.logprob.min(0.0));
    }
    (at + implied_stop_len >= text.len()).then_some(logprobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(list: &[(&str, f32)]) -> Vec<TokenLogprob> {
        list.iter().map(|&(text, logprob)| TokenLogprob { bytes: text.into(), logprob }).collect()
    }

    #[test]
    fn log_probabilities_are_kept_if_they_match_the_text() {
        let fit = |list: &[(&str, f32)], text, implied| matching_logprobs(&tokens(list), text, implied);
        let all = [("a", -1.0), ("b.\n\n", -2.0)];
        assert_eq!(fit(&all, "ab.\n\n", 0), Some(vec![-1.0, -2.0]));
        // An end token, and text that was cut off.
        assert_eq!(fit(&[("a", -1.0), ("", -3.0)], "a", 0), Some(vec![-1.0]));
        assert_eq!(fit(&[("a", -1.0), ("b\n\nc", -2.0), ("d", -9.0)], "ab\n\n", 0), Some(vec![-1.0, -2.0]));
        // A stop string for which the server gives no token.
        assert_eq!(fit(&[("a", -1.0)], "a\n\n", 2), Some(vec![-1.0]));
        // Too few tokens, other tokens, NaN and infinity.
        assert_eq!(fit(&[("a", -1.0)], "ab", 0), None);
        assert_eq!(fit(&[("x", -1.0)], "a", 0), None);
        assert_eq!(fit(&[("a", f32::NAN)], "a", 0), None);
        assert_eq!(fit(&[("a", f32::NEG_INFINITY)], "a", 0), None);
        assert_eq!((fit(&[], "a", 0), fit(&[], "", 0)), (None, Some(vec![])));
    }
}
