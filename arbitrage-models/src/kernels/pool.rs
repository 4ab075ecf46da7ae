//! A few threads that are awake when work comes.
//!
//! A decoded token is some 150 short parallel sections. A sleeping thread takes 50 µs to wake, as long as many a section; so
//! these spin for a while before they sleep. Tasks are taken from a counter, not dealt out: on a shared machine one thread
//! may lose its processor at any time, and the others then do its work. Who runs a task never changes its result.

use std::cell::UnsafeCell;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a thread without work spins before it sleeps.
const PATIENCE: Duration = Duration::from_millis(2);
/// Looks at the clock once in so many spins.
const SPINS: usize = 256;

type Task<'a> = &'a (dyn Fn(usize) + Sync);

/// Threads for short parallel sections. One is shared by all models of the process ([`Pool::global`]).
pub(crate) struct Pool {
    shared: Arc<Shared>,
    helpers: Vec<Thread>,
    /// Held by the thread whose section is running.
    running: Mutex<()>,
}

struct Shared {
    /// Number of sections so far; a change tells that there is work.
    section: AtomicUsize,
    /// Whether helpers may still join the section.
    open: AtomicBool,
    /// Helpers in the section.
    inside: AtomicUsize,
    asleep: AtomicUsize,
    task: UnsafeCell<Option<Task<'static>>>,
    tasks: AtomicUsize,
    next: AtomicUsize,
    panicked: AtomicBool,
}

// SAFETY: `task` is written only by the thread that holds `running`, while the section is closed and nobody is inside;
// helpers read it only inside an open section.
unsafe impl Sync for Shared {}

impl Pool {
    /// A pool of `threads`, the caller's among them.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            section: AtomicUsize::new(0),
            open: AtomicBool::new(false),
            inside: AtomicUsize::new(0),
            asleep: AtomicUsize::new(0),
            task: UnsafeCell::new(None),
            tasks: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
        });
        let spawn = |index: usize| {
            let shared = shared.clone();
            let builder = thread::Builder::new().name(format!("arbitrage-{index}"));
            // A thread that the system refuses is one helper fewer.
            builder.spawn(move || shared.help()).ok().map(|handle| handle.thread().clone())
        };
        let helpers = (1..threads).filter_map(spawn).collect();
        Self { shared, helpers, running: Mutex::new(()) }
    }

    /// The process's pool: one thread a processor, or `ARBITRAGE_THREADS`.
    pub fn global() -> &'static Self {
        static POOL: OnceLock<Pool> = OnceLock::new();
        POOL.get_or_init(|| {
            let asked = std::env::var("ARBITRAGE_THREADS").ok().and_then(|text| text.parse().ok());
            let threads = asked.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
            Self::new(threads.clamp(1, 256))
        })
    }

    /// Threads that share the work.
    pub fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Runs `task(0)` to `task(tasks − 1)`, each once, on all threads, and returns when all are done. While another thread's
    /// section is running, the caller works alone.
    pub fn run(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        let guard = if tasks > 1 && !self.helpers.is_empty() { self.running.try_lock().ok() } else { None };
        match guard {
            Some(_guard) => self.run_together(tasks, &task),
            None => (0..tasks).for_each(task),
        }
    }

    fn run_together(&self, tasks: usize, task: Task<'_>) {
        let shared = &*self.shared;
        // SAFETY: the section is closed and empty, so nobody reads; and it is closed and empty again before this function
        // returns, so nobody outlives the borrow.
        unsafe { *shared.task.get() = Some(std::mem::transmute::<Task<'_>, Task<'static>>(task)) };
        shared.tasks.store(tasks, SeqCst);
        shared.next.store(0, SeqCst);
        shared.open.store(true, SeqCst);
        shared.section.fetch_add(1, SeqCst);
        if shared.asleep.load(SeqCst) > 0 {
            self.helpers.iter().for_each(Thread::unpark);
        }
        let own = catch_unwind(AssertUnwindSafe(|| shared.work(task)));
        shared.open.store(false, SeqCst);
        while shared.inside.load(SeqCst) > 0 {
            std::hint::spin_loop();
        }
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        assert!(!shared.panicked.swap(false, SeqCst), "a task of the pool panicked");
    }
}

impl Shared {
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

    /// A helper's life.
    fn help(&self) {
        let mut seen = 0;
        loop {
            seen = self.wait(seen);
            self.inside.fetch_add(1, SeqCst);
            // Closing happens before the count is looked at, and entering before openness is: one of the two sees the other.
            if self.open.load(SeqCst) {
                // SAFETY: inside an open section, the task is there and stays until this helper has left.
                if let Some(task) = unsafe { *self.task.get() }
                    && catch_unwind(AssertUnwindSafe(|| self.work(task))).is_err()
                {
                    self.panicked.store(true, SeqCst);
                }
            }
            self.inside.fetch_sub(1, SeqCst);
        }
    }

    /// Waits for a section after `seen`.
    fn wait(&self, seen: usize) -> usize {
        let start = Instant::now();
        loop {
            for _ in 0..SPINS {
                let section = self.section.load(SeqCst);
                if section != seen {
                    return section;
                }
                std::hint::spin_loop();
            }
            if start.elapsed() > PATIENCE {
                self.asleep.fetch_add(1, SeqCst);
                // A section that came before the count was raised is seen here; one that came after it unparks.
                while self.section.load(SeqCst) == seen {
                    thread::park();
                }
                self.asleep.fetch_sub(1, SeqCst);
            }
        }
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
                            thread::sleep(2 * PATIENCE);
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
            let outcome = catch_unwind(AssertUnwindSafe(|| pool.run(8, |index| assert_ne!(index, task, "task {index}"))));
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
}
