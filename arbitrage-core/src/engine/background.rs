//! Work on a second thread.

/// Runs `foreground` here and `background` on another thread, and returns the result of `background`. It is `None` if no thread
/// could be started or `background` panicked: drafting ahead is optional, and can be repeated later.
pub(super) fn run_concurrently<B: Send>(background: impl FnOnce() -> B + Send, foreground: impl FnOnce()) -> Option<B> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("draft ahead".to_owned()).spawn_scoped(scope, background);
        foreground();
        thread.ok()?.join().ok()
    })
}
