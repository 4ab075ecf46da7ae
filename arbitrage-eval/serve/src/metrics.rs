//! The metrics of a server, for Prometheus.

use std::sync::atomic::AtomicU64;

use arbitrage_core::trace::StepRecord;
use arbitrage_core::{Author, StepCost};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

type Labels<const N: usize> = [(&'static str, &'static str); N];
type Seconds = Counter<f64, AtomicU64>;

/// The metrics of a server. Seconds and tokens are counted as in [`Usage`](arbitrage_core::Usage), and include discarded work.
pub(super) struct ServerMetrics {
    registry: Registry,
    requests: Family<Vec<(&'static str, String)>, Counter>,
    solutions: Family<Labels<1>, Counter>,
    steps: Family<Labels<1>, Counter>,
    tokens: Family<Labels<2>, Counter>,
    seconds: Family<Labels<1>, Seconds>,
    fallbacks: Counter,
    acceptance: Gauge<f64, AtomicU64>,
    /// Waiting requests.
    pub queue_length: Gauge,
    /// Most requests that may wait.
    pub queue_capacity: Gauge,
    /// Sequences in flight.
    pub in_flight: Gauge,
    /// Seconds from the request until the engine takes it.
    pub queue_seconds: Histogram,
    /// Seconds from the request to its first step.
    pub first_step_seconds: Histogram,
    /// Seconds from the request to its end.
    pub request_seconds: Histogram,
}

impl ServerMetrics {
    /// Metrics that are all zero.
    pub(crate) fn new() -> Self {
        let histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 20));
        let mut metrics = Self {
            registry: Registry::with_prefix("arbitrage"),
            requests: Family::default(),
            solutions: Family::default(),
            steps: Family::default(),
            tokens: Family::default(),
            seconds: Family::default(),
            fallbacks: Counter::default(),
            acceptance: Gauge::default(),
            queue_length: Gauge::default(),
            queue_capacity: Gauge::default(),
            in_flight: Gauge::default(),
            queue_seconds: histogram(),
            first_step_seconds: histogram(),
            request_seconds: histogram(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "HTTP requests, by endpoint and status", self.requests.clone());
        registry.register("solutions", "Solutions, by how they ended", self.solutions.clone());
        registry.register("steps", "Committed steps, by author", self.steps.clone());
        registry.register("tokens", "Tokens, by role and by what was done with them", self.tokens.clone());
        registry.register_with_unit("role", "Seconds of work, by role", Unit::Seconds, self.seconds.clone());
        registry.register("fallbacks", "Steps that the target wrote because the router failed", self.fallbacks.clone());
        let acceptance = self.acceptance.clone();
        registry.register("acceptance_ratio", "Share of all committed steps that the draft wrote", acceptance);
        registry.register("queue_length", "Requests that wait", self.queue_length.clone());
        registry.register("queue_capacity", "Requests that may wait", self.queue_capacity.clone());
        registry.register("in_flight", "Sequences in flight", self.in_flight.clone());
        for (name, help, histogram) in [
            ("queue", "From the request to its first turn", self.queue_seconds.clone()),
            ("first_step", "From the request to its first step", self.first_step_seconds.clone()),
            ("request", "From the request to its end", self.request_seconds.clone()),
        ] {
            registry.register_with_unit(name, help, Unit::Seconds, histogram);
        }
    }

    /// Counts a response.
    pub(crate) fn count_response(&self, endpoint: &'static str, status: u16) {
        self.requests.get_or_create(&vec![("endpoint", endpoint.to_owned()), ("status", status.to_string())]).inc();
    }

    /// Counts a solution by how it ended.
    pub(crate) fn count_solution(&self, end: &'static str) {
        self.solutions.get_or_create(&[("end", end)]).inc();
    }

    /// The number of solutions that have ended like this.
    pub(crate) fn solutions(&self, end: &'static str) -> u64 {
        self.solutions.get_or_create(&[("end", end)]).get()
    }

    /// Counts a committed step and its cost.
    pub(crate) fn count_step(&self, record: &StepRecord) {
        let author = |author: Author| match author {
            Author::Draft => "draft",
            Author::Target => "target",
        };
        self.steps.get_or_create(&[("author", author(record.author))]).inc();
        for (role, written) in [("draft", &record.draft), ("target", &record.target)] {
            if let Some(step) = written {
                self.count_cost(role, &step.cost);
            }
        }
        if let Some(cost) = &record.discarded {
            self.count_cost("discarded", cost);
        }
        let kept = record.step().map_or(0, arbitrage_core::Step::token_count);
        self.count_tokens(author(record.author), "kept", kept);
        self.seconds.get_or_create(&[("role", "router")]).inc_by(record.router_seconds);
        self.fallbacks.inc_by(record.router_error.is_some().into());
        let [accepted, escalated] =
            [Author::Draft, Author::Target].map(|by| self.steps.get_or_create(&[("author", author(by))]).get() as f64);
        self.acceptance.set(accepted / (accepted + escalated));
    }

    fn count_cost(&self, role: &'static str, cost: &StepCost) {
        self.seconds.get_or_create(&[("role", role)]).inc_by(cost.seconds);
        for (kind, count) in [("prefilled", cost.prefilled), ("cached", cost.cached), ("decoded", cost.decoded)] {
            self.count_tokens(role, kind, count);
        }
    }

    fn count_tokens(&self, role: &'static str, kind: &'static str, count: usize) {
        self.tokens.get_or_create(&[("role", role), ("kind", kind)]).inc_by(count as u64);
    }

    /// All metrics in the text format of OpenMetrics.
    pub(crate) fn to_text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
