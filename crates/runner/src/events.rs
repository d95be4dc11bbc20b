//! Task events with the texts that people see.

use model::{TaskEvent, format_duration};

use crate::Ended;

/// How many events of a task are kept.
pub(crate) const KEPT: usize = 10;

fn event(kind: &str, now: i64, display: impl Into<String>) -> TaskEvent {
    TaskEvent { kind: kind.to_owned(), time: now, display_message: display.into(), ..TaskEvent::default() }
}

fn detail(mut event: TaskEvent, key: &str, value: impl Into<String>) -> TaskEvent {
    event.details.insert(key.to_owned(), value.into());
    event
}

pub(crate) fn received(now: i64) -> TaskEvent {
    event("Received", now, "Task received by client")
}

pub(crate) fn setup(now: i64, text: &str) -> TaskEvent {
    TaskEvent { message: text.to_owned(), ..detail(event("Task Setup", now, text), "message", text) }
}

pub(crate) fn setup_failure(now: i64, error: &str) -> TaskEvent {
    let event = detail(event("Setup Failure", now, error), "setup_error", error);
    TaskEvent { setup_error: error.to_owned(), fails_task: true, ..detail(event, "fails_task", "true") }
}

pub(crate) fn driver_failure(now: i64, error: &str) -> TaskEvent {
    TaskEvent { driver_error: error.to_owned(), ..detail(event("Driver Failure", now, error), "driver_error", error) }
}

pub(crate) fn started(now: i64) -> TaskEvent {
    event("Started", now, "Task started by client")
}

pub(crate) fn terminated(now: i64, ended: &Ended) -> TaskEvent {
    let mut text = format!("Exit Code: {}", ended.code);
    if ended.signal != 0 {
        text.push_str(&format!(", Signal: {}", ended.signal));
    }
    if !ended.message.is_empty() {
        text.push_str(&format!(", Exit Message: {:?}", ended.message));
    }
    let mut event = detail(event("Terminated", now, text), "exit_code", ended.code.to_string());
    event = detail(event, "signal", ended.signal.to_string());
    event = detail(event, "oom_killed", ended.oom_killed.to_string());
    if !ended.message.is_empty() {
        event = detail(event, "exit_message", &ended.message);
    }
    TaskEvent { exit_code: i64::from(ended.code), signal: i64::from(ended.signal), message: ended.message.clone(), ..event }
}

pub(crate) fn restarting(now: i64, delay: i64, reason: &str) -> TaskEvent {
    let text = format!("Task restarting in {}", format_duration(delay));
    let text = if reason.is_empty() { text } else { format!("{reason} - {text}") };
    let event = detail(event("Restarting", now, text), "start_delay", delay.to_string());
    TaskEvent { start_delay: delay, restart_reason: reason.to_owned(), ..detail(event, "restart_reason", reason) }
}

pub(crate) fn not_restarting(now: i64, reason: &str) -> TaskEvent {
    let text = if reason.is_empty() { "Task exceeded restart policy" } else { reason };
    let event = detail(event("Not Restarting", now, text), "restart_reason", reason);
    TaskEvent { restart_reason: reason.to_owned(), fails_task: true, ..detail(event, "fails_task", "true") }
}

pub(crate) fn killing(now: i64, timeout: i64) -> TaskEvent {
    let text = match timeout {
        0 => "Sent interrupt".to_owned(),
        _ => format!("Sent interrupt. Waiting {} before force killing", format_duration(timeout)),
    };
    TaskEvent { kill_timeout: timeout, ..detail(event("Killing", now, text), "kill_timeout", format_duration(timeout)) }
}

/// Before the words about how it is killed.
pub(crate) fn cut(now: i64, reason: &str) -> TaskEvent {
    TaskEvent { kill_reason: reason.to_owned(), ..detail(event("Killing", now, reason), "kill_reason", reason) }
}

pub(crate) fn reconnected(now: i64) -> TaskEvent {
    event("Reconnected", now, "Client reconnected")
}

pub(crate) fn kill_failed(now: i64, error: &str) -> TaskEvent {
    TaskEvent { kill_error: error.to_owned(), ..detail(event("Killing", now, error), "kill_error", error) }
}

pub(crate) fn killed(now: i64) -> TaskEvent {
    event("Killed", now, "Task successfully killed")
}

pub(crate) fn shutdown_delay(now: i64, delay: i64) -> TaskEvent {
    event("Waiting for shutdown delay", now, format!("Waiting for shutdown_delay of {} before killing the task.", format_duration(delay)))
}

pub(crate) fn skipping_shutdown_delay(now: i64) -> TaskEvent {
    event("Skipping shutdown delay", now, "Skipping shutdown_delay; killing the task immediately.")
}

pub(crate) fn sibling_failed(now: i64, sibling: &str) -> TaskEvent {
    let event = detail(event("Sibling Task Failed", now, format!("Task's sibling {sibling:?} failed")), "failed_sibling", sibling);
    TaskEvent { failed_sibling: sibling.to_owned(), ..event }
}

pub(crate) fn leader_dead(now: i64) -> TaskEvent {
    event("Leader Task Dead", now, "Leader Task in Group dead")
}

pub(crate) fn mains_dead(now: i64) -> TaskEvent {
    event("Main Tasks Dead", now, "Main tasks in the group died")
}

pub(crate) fn signaling(now: i64, signal: &str) -> TaskEvent {
    let event = detail(event("Signaling", now, format!("Task being sent signal {signal}")), "task_signal", signal);
    TaskEvent { task_signal: signal.to_owned(), ..event }
}

pub(crate) fn restart_signaled(now: i64, reason: &str) -> TaskEvent {
    let text = if reason.is_empty() { "Task signaled to restart" } else { reason };
    TaskEvent { restart_reason: reason.to_owned(), ..detail(event("Restart Signaled", now, text), "restart_reason", reason) }
}

pub(crate) fn restore_failed(now: i64, reason: &str) -> TaskEvent {
    TaskEvent { message: reason.to_owned(), ..event("Failed Restoring Task", now, format!("Task could not be found again: {reason}")) }
}

pub(crate) fn unhealthy(now: i64, message: &str) -> TaskEvent {
    TaskEvent { message: message.to_owned(), ..detail(event("Alloc Unhealthy", now, message), "message", message) }
}
