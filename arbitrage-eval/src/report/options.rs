//! What may be chosen about a report.

use arbitrage_router::metrics::Bootstrap;

/// What may be chosen about a report.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// The report's title.
    pub title: String,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
    /// Most problems a benchmark whose solutions are in the page, under every policy. Those on which policies differ come first.
    pub problems: usize,
}

impl Default for Options {
    /// An untitled report with 60 problems a benchmark.
    fn default() -> Self {
        Self { title: "Evaluation".to_owned(), bootstrap: Bootstrap::default(), problems: 60 }
    }
}

impl Options {
    /// Sets the title.
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets how intervals are drawn.
    pub fn with_bootstrap(mut self, bootstrap: Bootstrap) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// Sets the most problems a benchmark whose solutions are in the page.
    pub fn with_problems(mut self, problems: usize) -> Self {
        self.problems = problems;
        self
    }
}
