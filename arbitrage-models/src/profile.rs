//! How the time of a run divides among its parts: embedding, norms, products, attention, sampling and so on.
//!
//! Times are counted for the whole process, from [`start`] on. While nothing is counted, a part costs one look at a flag.
//!
//! ```
//! use arbitrage_models::profile::{self, Part, TimeProfile};
//!
//! profile::start();
//! let sum: u64 = profile::measure(Part::Router, || (0..1000).sum());
//! let profile = TimeProfile::current();
//! assert_eq!((sum, profile.calls(Part::Router)), (499_500, 1));
//! println!("{profile}");
//! ```

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// What time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Decoding the rows of the embedding.
    Embedding,
    /// Tables of the rotary encoding.
    Rotary,
    /// RMSNorm.
    Norms,
    /// Rounding activations to 8 bits.
    Quantisation,
    /// Products that give queries, keys and values.
    Qkv,
    /// Rotation, appending to the cache, and attention.
    Attention,
    /// The product behind attention.
    AttentionOutput,
    /// The product of a mixture of experts that chooses among them, and the choice.
    ExpertRouter,
    /// The two products of the gated feed-forward part's inner half.
    GateUp,
    /// The activation of the gate, and its product with the other half.
    Activation,
    /// The product behind it.
    Down,
    /// Adding what a layer computes to its input.
    Residual,
    /// The product that gives logits.
    Head,
    /// Sampling tokens, with log-probabilities and entropies.
    Sampler,
    /// Splitting text into tokens, and joining tokens to text.
    Tokenizer,
    /// Rendering prompts.
    Template,
    /// Routers and probes, without the passes of models that they run.
    Router,
    /// Everything else between the start and the end of a call of a model.
    Rest,
}

impl Part {
    /// All parts, in the order of the table.
    pub const ALL: [Self; 18] = [
        Self::Embedding,
        Self::Rotary,
        Self::Norms,
        Self::Quantisation,
        Self::Qkv,
        Self::Attention,
        Self::AttentionOutput,
        Self::ExpertRouter,
        Self::GateUp,
        Self::Activation,
        Self::Down,
        Self::Residual,
        Self::Head,
        Self::Sampler,
        Self::Tokenizer,
        Self::Template,
        Self::Router,
        Self::Rest,
    ];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Rotary => "rotary tables",
            Self::Norms => "norms",
            Self::Quantisation => "quantisation of activations",
            Self::Qkv => "product: queries, keys, values",
            Self::Attention => "attention",
            Self::AttentionOutput => "product: attention output",
            Self::ExpertRouter => "choice of experts",
            Self::GateUp => "product: gate and up",
            Self::Activation => "activation",
            Self::Down => "product: down",
            Self::Residual => "residual additions",
            Self::Head => "product: head",
            Self::Sampler => "sampler",
            Self::Tokenizer => "tokenizer",
            Self::Template => "template",
            Self::Router => "router",
            Self::Rest => "rest",
        }
    }
}

static COUNTING: AtomicBool = AtomicBool::new(false);
static NANOSECONDS: [AtomicU64; Part::ALL.len()] = [const { AtomicU64::new(0) }; Part::ALL.len()];
static CALLS: [AtomicU64; Part::ALL.len()] = [const { AtomicU64::new(0) }; Part::ALL.len()];

thread_local! {
    /// Time of the parts inside the part that this thread is measuring.
    static INNER: Cell<u64> = const { Cell::new(0) };
}

/// Starts counting, from zero.
pub fn start() {
    NANOSECONDS.iter().chain(&CALLS).for_each(|counter| counter.store(0, Relaxed));
    COUNTING.store(true, Relaxed);
}

/// Runs `work` and counts its time as that of `part`, but for the parts that are measured inside it on the same thread.
pub fn measure<R>(part: Part, work: impl FnOnce() -> R) -> R {
    if !COUNTING.load(Relaxed) {
        return work();
    }
    let outer = INNER.replace(0);
    let start = Instant::now();
    let result = work();
    let nanoseconds = start.elapsed().as_nanos() as u64;
    NANOSECONDS[part as usize].fetch_add(nanoseconds.saturating_sub(INNER.get()), Relaxed);
    CALLS[part as usize].fetch_add(1, Relaxed);
    INNER.set(outer + nanoseconds);
    result
}

/// What has been counted so far. Displayed, it is a table.
#[derive(Clone, Debug)]
pub struct TimeProfile {
    seconds: [f64; Part::ALL.len()],
    calls: [u64; Part::ALL.len()],
}

impl TimeProfile {
    /// What has been counted since [`start`].
    pub fn current() -> Self {
        Self {
            seconds: Part::ALL.map(|part| NANOSECONDS[part as usize].load(Relaxed) as f64 * 1e-9),
            calls: Part::ALL.map(|part| CALLS[part as usize].load(Relaxed)),
        }
    }

    /// Seconds of a part, without those of the parts inside it.
    pub fn seconds(&self, part: Part) -> f64 {
        self.seconds[part as usize]
    }

    /// How often a part was run.
    pub fn calls(&self, part: Part) -> u64 {
        self.calls[part as usize]
    }

    /// A part's share of all measured time, from 0 to 1; 0 where nothing was measured.
    pub fn share(&self, part: Part) -> f64 {
        let all: f64 = self.seconds.iter().sum();
        if all > 0.0 { self.seconds(part) / all } else { 0.0 }
    }
}

impl fmt::Display for TimeProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<31} {:>7} {:>12} {:>10}", "part", "share", "ms", "calls")?;
        for part in Part::ALL.into_iter().filter(|part| self.calls(*part) > 0) {
            let (share, milliseconds) = (100.0 * self.share(part), 1e3 * self.seconds(part));
            writeln!(f, "{:<31} {share:>6.2}% {milliseconds:>12.3} {:>10}", part.name(), self.calls(part))?;
        }
        write!(f, "{:<31} {:>7} {:>12.3}", "all", "", 1e3 * self.seconds.iter().sum::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// One test, since the counters are those of the process. Other tests may count in the meantime, but routers run in none of them.
    #[test]
    fn inner_parts_are_not_counted_twice_and_nothing_is_counted_before_the_start() {
        let sleep = || std::thread::sleep(Duration::from_millis(20));
        measure(Part::Router, sleep);
        assert_eq!(TimeProfile::current().calls(Part::Router), 0);
        start();
        measure(Part::Router, || measure(Part::Template, sleep));
        let profile = TimeProfile::current();
        assert_eq!(profile.calls(Part::Router), 1);
        assert!(profile.seconds(Part::Template) >= 0.02 && profile.seconds(Part::Router) < 0.02, "{profile}");
        let shares: f64 = Part::ALL.map(|part| profile.share(part)).iter().sum();
        assert!((shares - 1.0).abs() < 1e-9 && profile.to_string().contains("router"), "{profile}");
    }

    #[test]
    fn parts_are_listed_in_the_order_of_their_counters() {
        assert!(Part::ALL.iter().enumerate().all(|(at, part)| at == *part as usize));
    }
}
