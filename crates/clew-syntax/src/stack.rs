//! Room for the recursion that deeply nested sources need.
//!
//! The parser and the visitors of this crate recurse on nesting, and threads that Python made may have small stacks.

/// Enough for any nesting that CPython itself compiles.
const STACK_BYTES: usize = 256 << 20;

/// Runs `work` on a thread of its own with a large stack, and returns what it returns; a panic goes on in the caller.
///
/// When no thread can be made, `work` runs where it is.
pub fn with_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let mut work = Some(work);
    let mut result = None;
    let panicked = std::thread::scope(|scope| {
        let run = || result = work.take().map(|work| work());
        match std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run) {
            Ok(thread) => thread.join().err(),
            Err(_) => None,
        }
    });
    if let Some(payload) = panicked {
        std::panic::resume_unwind(payload);
    }
    match (result, work) {
        (Some(result), _) => result,
        (None, Some(work)) => work(),
        (None, None) => unreachable!("the work was taken, so it ended or panicked"),
    }
}
