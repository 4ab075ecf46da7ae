//! Trace sinks of commands that need not write a trace.

use std::path::Path;

use arbitrage_core::BoxError;
use arbitrage_core::trace::{JsonlSink, Record, TraceSink};

use crate::Failure;

/// Writes each record to several sinks, or to none.
#[derive(Default)]
pub(crate) struct Sinks(Vec<Box<dyn TraceSink>>);

impl Sinks {
    /// A sink that appends to the trace file, if there is one.
    pub(crate) fn trace(path: Option<&Path>) -> Result<Self, Failure> {
        path.map_or(Ok(Self::default()), |path| Ok(Self::default().with(JsonlSink::append(path)?)))
    }

    /// Adds a sink.
    pub(crate) fn with(mut self, sink: impl TraceSink + 'static) -> Self {
        self.0.push(Box::new(sink));
        self
    }
}

impl TraceSink for Sinks {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        self.0.iter_mut().try_for_each(|sink| sink.write(record))
    }
}
