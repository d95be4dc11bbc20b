//! Questions to the typed client, answered before the next line.

use std::cell::OnceCell;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// No answer within this time is a failure: whatever waits on purpose is asked to wait less.
const LONGEST: Duration = Duration::from_secs(60);

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// The result of a future, on a runtime that belongs to this thread.
///
/// # Panics
/// It takes longer than any answer may.
#[track_caller]
pub fn ask<F: Future>(question: F) -> F::Output {
    ask_within(LONGEST, question).unwrap_or_else(|| panic!("no answer within {} s", LONGEST.as_secs()))
}

/// As [`ask`]; `None` when it takes longer, as with an agent that is paused.
pub fn ask_within<F: Future>(patience: Duration, question: F) -> Option<F::Output> {
    RUNTIME.with(|cell| {
        let runtime = cell.get_or_init(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));
        runtime.block_on(async { tokio::time::timeout(patience, question).await.ok() })
    })
}
