//! Files that are complete or absent, and locks between processes.

mod file_lock;
mod write_atomic;

pub use file_lock::{FileLock, LockError};
pub use write_atomic::{sync_folder, write_atomic};
