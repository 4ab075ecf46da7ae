//! Everything that any library logs, for tests that look for secrets in it.

use std::sync::{Mutex, Once};

static LINES: Mutex<String> = Mutex::new(String::new());

struct Keeper;

impl log::Log for Keeper {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().unwrap().push_str(&format!("{} {}\n", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// Starts to keep logs of all levels.
pub(crate) fn keep() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        log::set_logger(&Keeper).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

/// Everything logged so far.
pub(crate) fn lines() -> String {
    LINES.lock().unwrap().clone()
}
