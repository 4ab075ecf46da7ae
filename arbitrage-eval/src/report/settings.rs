//! Settings of a report.

use arbitrage_router::metrics::Bootstrap;

/// Settings of a report.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReportSettings {
    /// The report's title.
    pub title: String,
    /// How confidence intervals are computed.
    pub bootstrap: Bootstrap,
    /// Maximum number of problems per benchmark whose solutions the page contains. Those on which policies differ come first.
    pub problems: usize,
}

impl Default for ReportSettings {
    /// The title "Evaluation", the default bootstrap, and 60 problems per benchmark.
    fn default() -> Self {
        Self { title: "Evaluation".to_owned(), bootstrap: Bootstrap::default(), problems: 60 }
    }
}

impl ReportSettings {
    /// Sets the title.
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets how confidence intervals are computed.
    pub fn with_bootstrap(mut self, bootstrap: Bootstrap) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// Sets the maximum number of problems per benchmark whose solutions the page contains.
    pub fn with_problems(mut self, problems: usize) -> Self {
        self.problems = problems;
        self
    }
}
