//! A panic is a broken invariant: the process says so and ends, rather than going on with a part of itself missing.

use std::panic::{self, PanicHookInfo};

use crate::logging::Flush;

/// What a process that panicked exits with, as Rust's own runtime does.
const EXIT_CODE: i32 = 101;

/// From now on a panic in any thread or task is logged and ends the process, unless somebody has said that he catches it.
pub fn end_the_process(log: Flush) {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        print(info);
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        if server::panic_is_contained() {
            // One job that cannot be scheduled must not end one server after the other.
            tracing::error!(%place, thread = thread.name().unwrap_or_default(), "panicked, the work is given up: {}", message(info));
            return;
        }
        tracing::error!(%place, thread = thread.name().unwrap_or_default(), "panicked, the agent ends: {}", message(info));
        log.flush();
        std::process::exit(EXIT_CODE);
    }));
}

fn message<'p>(info: &'p PanicHookInfo<'_>) -> &'p str {
    info.payload_as_str().unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::config::Log;
    use crate::logging::Logging;

    /// Set in the process that is to panic.
    const MARK: &str = "STEPPE_TEST_PANICS";

    #[test]
    fn a_panic_in_a_task_ends_the_process_with_a_line_in_the_log() {
        // this test once more, in a process of its own, with a task that panics while the main task waits for ever
        if std::env::var_os(MARK).is_some() {
            let logging = Logging::open(&Log::default()).expect("a log");
            end_the_process(logging.flush());
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                tokio::spawn(async { panic!("the sky is falling") });
                std::future::pending::<()>().await;
            });
        }
        let name = "panics::tests::a_panic_in_a_task_ends_the_process_with_a_line_in_the_log";
        let program = std::env::current_exe().expect("this program");
        let ended = Command::new(program).args(["--exact", name, "--nocapture"]).env(MARK, "1").output().expect("run");
        let log = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(ended.status.code(), Some(EXIT_CODE), "{log}");
        assert!(log.contains("ERROR") && log.contains("panicked, the agent ends: the sky is falling"), "{log}");
    }
}
