//! Signals during long work: the first ends the work in order, so that it can be resumed, the second ends the process at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use arbitrage_core::BoxError;
use arbitrage_core::trace::{Record, TraceSink};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use thiserror::Error;

use crate::Failure;

/// Number of the first signal; 0 if there was none.
static SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// A signal ended the work. All that was written is kept.
#[derive(Debug, Error)]
#[error("interrupted; run the same command again to resume")]
pub(crate) struct Interrupted {
    /// Number of the signal.
    signal: u8,
}

impl Interrupted {
    /// Exit code of the process: 130 after SIGINT, 143 after SIGTERM.
    pub(crate) fn code(&self) -> u8 {
        128 + self.signal
    }
}

/// Handles signals from now on.
pub(crate) fn listen() -> Result<(), Failure> {
    for signal in [SIGINT, SIGTERM] {
        let second = Arc::new(AtomicBool::new(false));
        flag::register_conditional_shutdown(signal, 128 + signal, second.clone())?;
        flag::register(signal, second)?;
        flag::register_usize(signal, SIGNAL.clone(), signal as usize)?;
    }
    Ok(())
}

/// Fails once there was a signal. Called where the work can be left.
pub(crate) fn check() -> Result<(), Interrupted> {
    match SIGNAL.load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(Interrupted { signal: signal as u8 }),
    }
}

/// Writes records until there is a signal; the record that is being written then is the last one.
pub(crate) struct UntilInterrupted<S>(pub S);

impl<S: TraceSink> TraceSink for UntilInterrupted<S> {
    fn write(&mut self, record: &Record) -> Result<(), BoxError> {
        check()?; // otherwise the interrupted problem would be recorded as failed
        self.0.write(record)?;
        Ok(check()?)
    }
}
