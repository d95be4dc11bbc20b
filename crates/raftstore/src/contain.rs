//! Panics that are a matter of one piece of work, not of the process.
//!
//! A panic ends the process, as a rule: something that must be true is not. But a job on which the scheduler breaks would end one leader
//! after the other, and with them the region; and sled panics on damaged files and on failed writes, which is to be told in words. Such panics
//! are caught, and a panic hook that ends the process can ask [`is_contained`].

use std::any::Any;
use std::cell::Cell;
use std::panic::{UnwindSafe, catch_unwind};

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread is caught, and dealt with.
pub fn is_contained() -> bool {
    CONTAINED.get()
}

/// Runs `work`; what it panicked with comes back as an error.
pub fn panics<T>(work: impl FnOnce() -> T + UnwindSafe) -> Result<T, Box<dyn Any + Send>> {
    let before = CONTAINED.replace(true);
    let done = catch_unwind(work);
    CONTAINED.set(before);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contained while the work runs and not afterwards, however it ended.
    #[test]
    fn only_while_it_runs() {
        assert!(!is_contained());
        assert_eq!(panics(is_contained).ok(), Some(true));
        assert!(panics(|| -> () { panic!("broken") }).is_err());
        assert!(!is_contained());
    }
}
