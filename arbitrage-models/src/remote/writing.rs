//! A step in the making.

use std::time::{Duration, Instant};

use arbitrage_core::{Author, Draw, Finish, Prefix, Step, StepCost, StepRule};

use super::answer::{Counted, Ended, Piece, Token};

/// One sequence's step, from the pieces of one answer or of several.
///
/// Several, since a server stops at a blank line also where nothing stands before it and no step ends by the segmenter. The text is
/// then gone on with.
pub(super) struct Writing<'a> {
    pub prefix: Prefix<'a>,
    pub text: String,
    tokens: Vec<Token>,
    /// Where the request under way began, in text and tokens.
    mark: (usize, usize),
    /// The request under way: its most tokens, its pieces, its counts, how it ended.
    asked: usize,
    pieces: usize,
    counts: Counted,
    ended: Option<Ended>,
    /// Text that stands for a stop string, at the end, which no token may cover.
    stood_in: usize,
    cost: StepCost,
    draw: Draw,
    started: Instant,
    first: Option<Duration>,
    took: Duration,
}

/// What becomes of a step whose answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is complete.
    Done(Finish),
    /// It is not, and so many tokens may still be written.
    More(usize),
}

impl<'a> Writing<'a> {
    pub fn new(prefix: Prefix<'a>, author: Author) -> Self {
        Self {
            prefix,
            text: String::new(),
            tokens: Vec::new(),
            mark: (0, 0),
            asked: 0,
            pieces: 0,
            counts: Counted::default(),
            ended: None,
            stood_in: 0,
            cost: StepCost::default(),
            draw: prefix.draw(author),
            started: Instant::now(),
            first: None,
            took: Duration::ZERO,
        }
    }

    /// A seed for the next request, which every server takes for one: 31 bits.
    pub fn seed(&mut self, of_run: u64) -> u32 {
        ((self.draw.next_u64() ^ of_run) >> 33) as u32
    }

    /// A request for at most `asked` tokens is sent.
    pub fn begin(&mut self, asked: usize) {
        self.mark = (self.text.len(), self.tokens.len());
        self.asked = asked;
        self.again();
    }

    /// It is sent once more: what came of it is void.
    pub fn again(&mut self) {
        self.text.truncate(self.mark.0);
        self.tokens.truncate(self.mark.1);
        (self.pieces, self.counts, self.ended, self.stood_in) = (0, Counted::default(), None, 0);
    }

    /// The most tokens of the request under way.
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// Adds what has come. `stops` are the stop strings that were sent, where the server leaves them out of the text.
    pub fn add(&mut self, piece: Piece, stops: &[String]) {
        if !piece.text.is_empty() {
            self.first.get_or_insert_with(|| self.started.elapsed());
            self.pieces += 1;
        }
        self.text.push_str(&piece.text);
        self.tokens.extend(piece.tokens);
        let newer = |old: Option<usize>, new: Option<usize>| new.or(old);
        self.counts = Counted {
            prompt: newer(self.counts.prompt, piece.counts.prompt),
            cached: newer(self.counts.cached, piece.counts.cached),
            written: newer(self.counts.written, piece.counts.written),
        };
        let Some(ended) = piece.ended else { return };
        let stop = match &ended {
            Ended::Stop(stop) => Some(stop),
            Ended::SomeStop => stops.first(),
            Ended::Text | Ended::Length => None,
        };
        if let Some(stop) = stop.filter(|stop| !self.text[self.mark.0..].ends_with(stop.as_str())) {
            self.text.push_str(stop);
            self.stood_in = stop.len();
        }
        self.ended = Some(ended);
    }

    /// Cuts the text where the step ends, if it does.
    pub fn cut(&mut self, rule: &StepRule<'_>) -> bool {
        let boundary = rule.segmenter.boundary(&self.text).filter(|&at| self.text.is_char_boundary(at));
        let Some(boundary) = boundary else { return false };
        self.stood_in = self.stood_in.saturating_sub(self.text.len() - boundary);
        self.text.truncate(boundary);
        true
    }

    /// The answer is whole, or was cut off.
    pub fn end(&mut self, rule: &StepRule<'_>) -> Next {
        let written = self.close();
        let left = rule.max_tokens.saturating_sub(self.cost.decoded);
        if self.cut(rule) {
            return Next::Done(Finish::Boundary);
        }
        match self.ended {
            Some(Ended::Stop(_) | Ended::SomeStop) if left > 0 => Next::More(left),
            Some(Ended::Length) if written.is_some_and(|written| written < self.asked) => Next::Done(Finish::Context),
            Some(Ended::Length | Ended::Stop(_) | Ended::SomeStop) => Next::Done(rule.finish_at(self.cost.decoded)),
            Some(Ended::Text) | None => Next::Done(Finish::EndOfText),
        }
    }

    /// Adds up what the request has cost. Returns its tokens, where the server counts them. At least one counts as written, so that
    /// going on comes to an end.
    fn close(&mut self) -> Option<usize> {
        let seen = self.pieces.max(self.tokens.len() - self.mark.1);
        let cached = self.counts.cached.unwrap_or(0);
        self.cost.prefilled += self.counts.prompt.unwrap_or(0).saturating_sub(cached);
        self.cost.cached += cached;
        self.cost.decoded += self.counts.written.unwrap_or(seen).max(1);
        self.took = self.started.elapsed();
        self.counts.written
    }

    /// How long it took.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// The step, and whether log-probabilities fit it. `share` is its part of the batch's wall time by its own.
    pub fn into_step(self, finish: Finish, share: f64) -> (Step, bool) {
        let seconds = self.took.as_secs_f64() * share;
        let first = self.first.unwrap_or_default().as_secs_f64() * share;
        let mut cost = self.cost;
        (cost.seconds, cost.prefill_seconds) = (seconds, first.min(seconds));
        let logprobs = fitting(&self.tokens, &self.text, self.stood_in);
        let fits = logprobs.is_some();
        (Step::new(self.text, finish).with_logprobs(logprobs.unwrap_or_default()).with_cost(cost), fits)
    }
}

/// The log-probabilities of the tokens that `text` consists of: those behind its end, an end token or what was cut off, are left
/// out. `None` where tokens and text do not agree, or one of the numbers is none: it is not known then whose the others are.
fn fitting(tokens: &[Token], text: &str, stood_in: usize) -> Option<Vec<f32>> {
    let (mut at, mut logprobs) = (0, Vec::with_capacity(tokens.len()));
    for token in tokens {
        if at >= text.len() {
            break;
        }
        let both = token.bytes.len().min(text.len() - at);
        let agrees = token.bytes[..both] == text.as_bytes()[at..at + both];
        if !(agrees && token.logprob.is_finite() && token.logprob <= 1e-3) {
            return None;
        }
        at += token.bytes.len();
        logprobs.push(token.logprob.min(0.0));
    }
    (at + stood_in >= text.len()).then_some(logprobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(list: &[(&str, f32)]) -> Vec<Token> {
        list.iter().map(|&(text, logprob)| Token { bytes: text.into(), logprob }).collect()
    }

    #[test]
    fn log_probabilities_are_kept_where_they_fit_the_text() {
        let fit = |list: &[(&str, f32)], text, stood_in| fitting(&tokens(list), text, stood_in);
        let all = [("a", -1.0), ("b.\n\n", -2.0)];
        assert_eq!(fit(&all, "ab.\n\n", 0), Some(vec![-1.0, -2.0]));
        // An end token, and what was cut off.
        assert_eq!(fit(&[("a", -1.0), ("", -3.0)], "a", 0), Some(vec![-1.0]));
        assert_eq!(fit(&[("a", -1.0), ("b\n\nc", -2.0), ("d", -9.0)], "ab\n\n", 0), Some(vec![-1.0, -2.0]));
        // A stop string that the server gives no token for.
        assert_eq!(fit(&[("a", -1.0)], "a\n\n", 2), Some(vec![-1.0]));
        // Too few, others, no numbers.
        assert_eq!(fit(&[("a", -1.0)], "ab", 0), None);
        assert_eq!(fit(&[("x", -1.0)], "a", 0), None);
        assert_eq!(fit(&[("a", f32::NAN)], "a", 0), None);
        assert_eq!(fit(&[("a", f32::NEG_INFINITY)], "a", 0), None);
        assert_eq!((fit(&[], "a", 0), fit(&[], "", 0)), (None, Some(vec![])));
    }
}
