//! Interrupts of long work: the first ends it in order, the second at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use arbitrage_core::BoxError;
use arbitrage_core::trace::{Record, TraceSink};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use thiserror::Error;

use crate::Failure;

/// The signal that was heard, 0 before.
static HEARD: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// The work was ended by a signal; all that it had written is kept.
#[derive(Debug, Error)]
#[error("interrupted; what is done is kept, and the same command goes on from it")]
pub struct Interrupted {
    /// Number of the signal.
    signal: u8,
}

impl Interrupted {
    /// What the process says it ended with: 130 for an interrupt, 143 where it was told to terminate.
    pub fn code(&self) -> u8 {
        128 + self.signal
    }
}

/// Listens for interrupts from now on.
pub fn listen() -> Result<(), Failure> {
    for signal in [SIGINT, SIGTERM] {
        let second = Arc::new(AtomicBool::new(false));
        flag::register_conditional_shutdown(signal, 128 + signal, second.clone())?;
        flag::register(signal, second)?;
        flag::register_usize(signal, HEARD.clone(), signal as usize)?;
    }
    Ok(())
}

/// An error once a signal was heard: for a place where the work can be left.
pub fn check() -> Result<(), Interrupted> {
    match HEARD.load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(Interrupted { signal: signal as u8 }),
    }
}

/// Writes records until a signal is heard: the one that is being written is the last.
pub struct UntilInterrupted<S>(pub S);

impl<S: TraceSink> TraceSink for UntilInterrupted<S> {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        check()?; // else the problem that is broken off would be recorded as one that has failed
        self.0.write(record)?;
        Ok(check()?)
    }
}
