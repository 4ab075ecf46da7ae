//! Reports on work that takes long.

/// Is told how far downloads and checks have come. One piece of work at a time.
pub trait Progress {
    /// Work begins: `what` it is, and its size in bytes where that is known.
    fn start(&mut self, what: &str, total: Option<u64>);

    /// So many more bytes are done.
    fn advance(&mut self, bytes: u64);

    /// The work has ended, whether it succeeded or failed.
    fn finish(&mut self);
}

/// Ignores all reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn start(&mut self, _what: &str, _total: Option<u64>) {}

    fn advance(&mut self, _bytes: u64) {}

    fn finish(&mut self) {}
}
