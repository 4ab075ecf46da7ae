//! A few threads that are awake when work comes.
//!
//! Decoding a token takes some 150 short parallel sections. A sleeping thread takes 50 µs to wake, as long as many a section;
//! so these spin for a while before they sleep. Tasks are taken from a counter, not dealt out: on a shared machine one thread
//! may lose its processor at any time, and the others then do its work. Which thread runs a task never changes its result.
//!
//! It is kept beside rayon, which the loader uses, for its short sections: on two cores of a Xeon that other processes used too, a
//! section of eight empty tasks took 1.3 µs here and 9.2 µs with rayon, one of eight tasks of 5 µs 21 and 48 µs
//! (`cargo test --release -p arbitrage-models --lib -- --ignored --nocapture measure_sections_against_rayon`).

use std::any::Any;
use std::cell::UnsafeCell;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// How long a thread without work spins before it sleeps.
const SPIN_TIME: Duration = Duration::from_millis(2);
/// Spins between two looks at the clock.
const SPINS: usize = 256;
/// Spins after which a waiting thread offers its processor to other processes, some 100 µs. Who is waited for has then probably lost its
/// own to one of them; a thread that goes on spinning uses up time that the system will not give it later. With two busy processes on two
/// processors, sections of 280 µs took 0.85 times as long as without this (medians of 3 in turns, with numbers from 2,000 to 20,000 alike).
const PATIENCE: usize = 2048;

/// Sets the number of threads.
const VARIABLE: &str = "ARBITRAGE_THREADS";
/// More threads than any machine of today has processors are a slip of the pen.
const MAX_THREADS: usize = 1024;

/// Multiply-adds from which on a section is shared. One thread takes some 6 µs for so many, of which a second one could save half; the
/// section itself takes 1.3 µs (see above), and the other thread's results come from its caches.
pub(super) const SHARED_WORK: usize = 128 * 1024;
/// The same for products of bytes, of which one thread takes four times as many in a microsecond.
const SHARED_INTEGER_WORK: usize = 4 * SHARED_WORK;

type Task<'a> = &'a (dyn Fn(usize) + Sync);
type Panic = Box<dyn Any + Send>;

/// Threads for short parallel sections. One pool is shared by all models of the process ([`Pool::global`]).
pub(crate) struct Pool {
    state: Arc<PoolState>,
    helpers: Vec<Thread>,
    /// Locked by the thread whose section is running.
    running: Mutex<()>,
}

struct PoolState {
    /// Number of sections so far; a change means that there is work.
    section: AtomicUsize,
    /// Whether helpers may still join the section.
    open: AtomicBool,
    /// Helpers in the section.
    inside: AtomicUsize,
    asleep: AtomicUsize,
    task: UnsafeCell<Option<Task<'static>>>,
    tasks: AtomicUsize,
    next: AtomicUsize,
    /// The first panic of a helper in this section.
    panic: Mutex<Option<Panic>>,
    /// Whether there are more threads than processors, so that a thread which spins may keep one from working.
    crowded: bool,
}

// SAFETY: `task` is written only by the thread that holds `running`, while the section is closed and nobody is inside;
// helpers read it only inside an open section.
unsafe impl Sync for PoolState {}

impl Pool {
    /// A pool of `threads`, the caller's among them.
    pub(crate) fn new(threads: usize) -> Self {
        let state = Arc::new(PoolState {
            section: AtomicUsize::new(0),
            open: AtomicBool::new(false),
            inside: AtomicUsize::new(0),
            asleep: AtomicUsize::new(0),
            task: UnsafeCell::new(None),
            tasks: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            panic: Mutex::new(None),
            crowded: threads > processors(),
        });
        let spawn = |index: usize| {
            let state = state.clone();
            let builder = thread::Builder::new().name(format!("arbitrage-{index}"));
            // A thread that the system refuses is one helper fewer.
            builder.spawn(move || state.help()).ok().map(|handle| handle.thread().clone())
        };
        let helpers = (1..threads).filter_map(spawn).collect();
        Self { state, helpers, running: Mutex::new(()) }
    }

    /// The process's pool: one thread a processor, or as many as the environment variable `ARBITRAGE_THREADS` asks for. A value
    /// that [`chosen_threads`] refuses counts as unset here; models are not loaded with one.
    pub(crate) fn global() -> &'static Self {
        static POOL: OnceLock<Pool> = OnceLock::new();
        POOL.get_or_init(|| Self::new(chosen_threads().ok().flatten().unwrap_or_else(processors)))
    }

    /// The pool for products of so many multiply-adds, in bytes or in floats: all threads, or the caller's alone where sharing takes
    /// longer than it saves.
    pub(crate) fn for_products(multiply_adds: usize, in_bytes: bool) -> &'static Self {
        static ALONE: OnceLock<Pool> = OnceLock::new();
        let shared = if in_bytes { SHARED_INTEGER_WORK } else { SHARED_WORK };
        if multiply_adds < shared { ALONE.get_or_init(|| Self::new(1)) } else { Self::global() }
    }

    /// Threads that share the work.
    pub(crate) fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Runs `task(0)` to `task(tasks − 1)`, each once, on all threads, and returns when all are done. While another thread's
    /// section is running, the caller works alone.
    ///
    /// # Panics
    /// When a task panics: with the panic of the caller's own task, or else with that of the first helper.
    pub(crate) fn run(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        let guard = if tasks > 1 && !self.helpers.is_empty() { self.try_running() } else { None };
        match guard {
            Some(_guard) => self.run_together(tasks, &task),
            None => (0..tasks).for_each(task),
        }
    }

    /// The right to run a section, unless another thread has it. A panic in an earlier section poisoned the lock, but left
    /// nothing behind: the section was closed and its helpers were gone before the panic went on.
    fn try_running(&self) -> Option<MutexGuard<'_, ()>> {
        match self.running.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn run_together(&self, tasks: usize, task: Task<'_>) {
        let state = &*self.state;
        // SAFETY: the caller holds `running`, so the section is closed and empty and nobody reads `task`; it is closed and
        // empty again before this function returns or panics, so no helper outlives the borrow.
        unsafe { *state.task.get() = Some(std::mem::transmute::<Task<'_>, Task<'static>>(task)) };
        state.tasks.store(tasks, SeqCst);
        state.next.store(0, SeqCst);
        state.open.store(true, SeqCst);
        state.section.fetch_add(1, SeqCst);
        if state.asleep.load(SeqCst) > 0 {
            self.helpers.iter().for_each(Thread::unpark);
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| state.work(task)));
        state.open.store(false, SeqCst);
        let mut spins = 0;
        while state.inside.load(SeqCst) > 0 {
            state.spin(spins);
            spins += 1;
        }
        let helpers_panic = state.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(panic) = outcome.err().or(helpers_panic) {
            resume_unwind(panic);
        }
    }
}

/// Processors that the system gives this process; quotas of control groups count.
fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// The number of threads that the environment asks for, if it does.
///
/// # Errors
/// [`Error::Parameter`] for anything but a number from 1 to 1024.
pub(crate) fn chosen_threads() -> Result<Option<usize>> {
    std::env::var_os(VARIABLE).map(|text| parse_threads(&text.to_string_lossy())).transpose()
}

fn parse_threads(text: &str) -> Result<usize> {
    let count = text.trim().parse().ok().filter(|count| (1..=MAX_THREADS).contains(count));
    count.ok_or_else(|| Error::Parameter {
        name: VARIABLE,
        expected: format!("a number of threads from 1 to {MAX_THREADS}"),
        found: format!("`{text}`"),
    })
}

impl PoolState {
    /// Takes tasks until none is left.
    fn work(&self, task: Task<'_>) {
        let tasks = self.tasks.load(SeqCst);
        loop {
            let index = self.next.fetch_add(1, SeqCst);
            if index >= tasks {
                return;
            }
            task(index);
        }
    }

    /// What a helper does for as long as the process lives.
    fn help(&self) {
        let mut seen = 0;
        loop {
            seen = self.wait(seen);
            self.inside.fetch_add(1, SeqCst);
            // `run_together` closes the section before it looks at the count, and a helper raises the count before it looks
            // whether the section is open: one of the two sees the other.
            if self.open.load(SeqCst) {
                // SAFETY: inside an open section the task is set, and stays borrowed until this helper has left.
                if let Some(task) = unsafe { *self.task.get() }
                    && let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work(task)))
                {
                    self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
                }
            }
            self.inside.fetch_sub(1, SeqCst);
        }
    }

    /// Waits for a section after `seen`.
    fn wait(&self, seen: usize) -> usize {
        let start = Instant::now();
        let mut spins = 0;
        loop {
            for _ in 0..SPINS {
                let section = self.section.load(SeqCst);
                if section != seen {
                    return section;
                }
                self.spin(spins);
                spins += 1;
            }
            if start.elapsed() > SPIN_TIME {
                self.asleep.fetch_add(1, SeqCst);
                // A section that came before the count was raised is seen here; one that came after it unparks.
                while self.section.load(SeqCst) == seen {
                    thread::park();
                }
                self.asleep.fetch_sub(1, SeqCst);
            }
        }
    }

    /// Passes the time of a thread that has waited for so many spins.
    fn spin(&self, spins: usize) {
        if self.crowded || spins > PATIENCE { thread::yield_now() } else { std::hint::spin_loop() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_task_runs_once() {
        let pool = Pool::new(3);
        for tasks in [0, 1, 2, 3, 100, 1000] {
            let counts: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            pool.run(tasks, |index| {
                counts[index].fetch_add(1, SeqCst);
            });
            assert!(counts.iter().all(|count| count.load(SeqCst) == 1), "{tasks}");
        }
    }

    #[test]
    fn many_callers_and_sleepers_are_served() {
        let pool = Pool::new(2);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..200 {
                        let sum = AtomicUsize::new(0);
                        pool.run(10, |index| {
                            sum.fetch_add(index, SeqCst);
                        });
                        assert_eq!(sum.load(SeqCst), 45);
                        if round % 50 == 0 {
                            thread::sleep(2 * SPIN_TIME);
                        }
                    }
                });
            }
        });
    }

    /// Runs a task a thread, each of which waits for the others; returns how many threads came.
    fn working_threads(pool: &Pool, then: impl Fn() + Sync) -> usize {
        let threads = Mutex::new(HashSet::new());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.run(pool.threads(), |_| {
                let start = Instant::now();
                threads.lock().unwrap().insert(thread::current().id());
                while threads.lock().unwrap().len() < pool.threads() && start.elapsed() < Duration::from_secs(5) {
                    thread::yield_now();
                }
                then();
            });
        }));
        drop(outcome);
        threads.into_inner().unwrap().len()
    }

    #[test]
    fn a_panic_reaches_the_caller_and_all_threads_go_on_working() {
        let pool = Pool::new(3);
        assert_eq!(working_threads(&pool, || ()), 3);
        for task in 0..8 {
            let outcome =
                catch_unwind(AssertUnwindSafe(|| pool.run(8, |index| assert_ne!(index, task, "task {index}"))));
            let message = *outcome.unwrap_err().downcast::<String>().unwrap();
            assert!(message.contains(&format!("task {task}")), "{message}");
            assert_eq!(working_threads(&pool, || ()), 3, "after a panic in task {task}");
        }
        assert_eq!(working_threads(&pool, || panic!("every thread's task")), 3);
        for _ in 0..2 {
            let count = AtomicUsize::new(0);
            pool.run(8, |_| {
                count.fetch_add(1, SeqCst);
            });
            assert_eq!(count.load(SeqCst), 8);
            assert_eq!(working_threads(&pool, || ()), 3);
        }
    }

    #[test]
    fn numbers_of_threads_are_checked() {
        assert_eq!(parse_threads("1").unwrap(), 1);
        assert_eq!(parse_threads(" 16 ").unwrap(), 16);
        assert_eq!(parse_threads("1024").unwrap(), 1024);
        for text in ["", "0", "-1", "two", "1.5", "1025", "99999999999999999999"] {
            let error = parse_threads(text).unwrap_err();
            assert!(matches!(error, Error::Parameter { name: VARIABLE, .. }));
            assert_eq!(
                error.to_string(),
                format!("ARBITRAGE_THREADS: expected a number of threads from 1 to 1024, found `{text}`")
            );
        }
    }

    #[test]
    #[ignore = "a measurement: run it by name, with --release and --nocapture, on an idle machine"]
    fn measure_sections_against_rayon() {
        use rayon::prelude::*;
        let pool = Pool::global();
        let work = |microseconds: u64| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(microseconds) {
                std::hint::spin_loop();
            }
        };
        println!("microseconds a section of 8 tasks, {} threads, medians of 2,000", pool.threads());
        for microseconds in [0, 1, 5, 20] {
            let mut times = [const { Vec::new() }; 2];
            for _ in 0..2_000 {
                let start = Instant::now();
                pool.run(8, |_| work(microseconds));
                times[0].push(start.elapsed());
                let start = Instant::now();
                (0..8usize).into_par_iter().with_max_len(1).for_each(|_| work(microseconds));
                times[1].push(start.elapsed());
                // What lies between two sections of a pass.
                work(3);
            }
            let [own, rayon] = times.map(|mut times| {
                times.sort();
                times[times.len() / 2].as_secs_f64() * 1e6
            });
            println!("tasks of {microseconds} µs: pool {own:.1}, rayon {rayon:.1}");
        }
    }
}
