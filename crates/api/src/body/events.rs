//! What task events say to people.

use std::collections::BTreeMap;

use model::{TaskEvent, TaskState};

use crate::duration;

/// Gives every event without a text its text.
pub(crate) fn fill_display_messages(task_states: &mut BTreeMap<String, TaskState>) {
    for event in task_states.values_mut().flat_map(|state| &mut state.events) {
        if event.display_message.is_empty() {
            event.display_message = display_message(event);
        }
    }
}

/// The text of an event: its own, or what follows from its type and details.
pub fn display_message(event: &TaskEvent) -> String {
    if !event.display_message.is_empty() {
        return event.display_message.clone();
    }
    let detail = |key: &str, field: &str| -> String {
        event.details.get(key).map(String::as_str).filter(|text| !text.is_empty()).unwrap_or(field).to_owned()
    };
    let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text };
    match event.kind.as_str() {
        "Received" => "Task received by client".to_owned(),
        "Task Setup" => or(event.message.clone(), "Building Task Directory"),
        "Setup Failure" => or(detail("setup_error", &event.setup_error), "Task setup failed"),
        "Started" => "Task started by client".to_owned(),
        "Driver Failure" => or(detail("driver_error", &event.driver_error), "Failed to start task"),
        "Driver" => detail("driver_message", &event.driver_message),
        "Terminated" => terminated(event),
        "Restarting" => restarting(event),
        "Not Restarting" => or(detail("restart_reason", &event.restart_reason), "Task exceeded restart policy"),
        "Restart Signaled" => or(detail("restart_reason", &event.restart_reason), "Task signaled to restart"),
        "Killing" => killing(event),
        "Killed" => or(detail("kill_error", &event.kill_error), "Task successfully killed"),
        "Sibling Task Failed" => match detail("failed_sibling", &event.failed_sibling) {
            sibling if sibling.is_empty() => "Task's sibling failed".to_owned(),
            sibling => format!("Task's sibling {sibling:?} failed"),
        },
        "Leader Task Dead" => "Leader Task in Group dead".to_owned(),
        "Main Tasks Dead" => "Main tasks in the group died".to_owned(),
        "Signaling" => signaling(event),
        "Downloading Artifacts" => "Client is downloading artifacts".to_owned(),
        "Failed Artifact Download" => or(detail("download_error", &event.download_error), "Failed to download artifacts"),
        "Failed Validation" => or(detail("validation_error", &event.validation_error), "Validation of task failed"),
        "Disk Resources Exceeded" => "Disk resources exceeded".to_owned(),
        "Reconnected" => "Client reconnected".to_owned(),
        _ => event.message.clone(),
    }
}

fn terminated(event: &TaskEvent) -> String {
    let detail = |key: &str| event.details.get(key).map(String::as_str).unwrap_or_default();
    let exit_code: i64 = detail("exit_code").parse().unwrap_or(event.exit_code);
    let signal: i64 = detail("signal").parse().unwrap_or(event.signal);
    let message = detail("exit_message");
    let message = if message.is_empty() { event.message.as_str() } else { message };
    let mut text = format!("Exit Code: {exit_code}");
    if signal != 0 {
        text.push_str(&format!(", Signal: {signal}"));
    }
    if !message.is_empty() {
        text.push_str(&format!(", Exit Message: {message:?}"));
    }
    text
}

fn restarting(event: &TaskEvent) -> String {
    let delay = event.details.get("start_delay").and_then(|text| text.parse().ok()).unwrap_or(event.start_delay);
    let text = format!("Task restarting in {}", duration::format(delay));
    match event.details.get("restart_reason").unwrap_or(&event.restart_reason) {
        reason if reason.is_empty() => text,
        reason => format!("{reason} - {text}"),
    }
}

fn killing(event: &TaskEvent) -> String {
    if let Some(reason) = event.details.get("kill_reason").filter(|reason| !reason.is_empty()) {
        return reason.clone();
    }
    if !event.kill_reason.is_empty() {
        return event.kill_reason.clone();
    }
    let timeout = event.details.get("kill_timeout").and_then(|text| duration::parse(text).ok()).unwrap_or(event.kill_timeout);
    if timeout == 0 {
        return "Sent interrupt".to_owned();
    }
    format!("Sent interrupt. Waiting {} before force killing", duration::format(timeout))
}

fn signaling(event: &TaskEvent) -> String {
    let signal = event.details.get("task_signal").unwrap_or(&event.task_signal);
    let reason = event.details.get("task_signal_reason").unwrap_or(&event.task_signal_reason);
    match (signal.is_empty(), reason.is_empty()) {
        (true, true) => "Task being sent a signal".to_owned(),
        (true, false) => format!("Task being sent a signal: {reason}"),
        (false, true) => format!("Task being sent signal {signal}"),
        (false, false) => format!("Task being sent signal {signal}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events show the texts that scripts know.
    #[test]
    fn texts() {
        let check = |kind: &str, details: &[(&str, &str)], expected: &str| {
            let details = details.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let event = TaskEvent { kind: kind.to_owned(), details, ..Default::default() };
            assert_eq!(display_message(&event), expected, "{kind}");
        };
        check("Received", &[], "Task received by client");
        check("Task Setup", &[], "Building Task Directory");
        check("Started", &[], "Task started by client");
        check("Terminated", &[("exit_code", "1")], "Exit Code: 1");
        check(
            "Terminated",
            &[("exit_code", "137"), ("signal", "9"), ("exit_message", "oom")],
            "Exit Code: 137, Signal: 9, Exit Message: \"oom\"",
        );
        check(
            "Restarting",
            &[("start_delay", "15000000000"), ("restart_reason", "Restart within policy")],
            "Restart within policy - Task restarting in 15s",
        );
        check("Not Restarting", &[], "Task exceeded restart policy");
        check("Killing", &[("kill_timeout", "5s")], "Sent interrupt. Waiting 5s before force killing");
        check("Killing", &[], "Sent interrupt");
        check("Killed", &[], "Task successfully killed");
        check("Sibling Task Failed", &[("failed_sibling", "db")], "Task's sibling \"db\" failed");
        check("Signaling", &[("task_signal", "SIGHUP")], "Task being sent signal SIGHUP");
        check("Driver", &[("driver_message", "pulling")], "pulling");
        let own = TaskEvent { kind: "Received".into(), display_message: "mine".into(), ..Default::default() };
        assert_eq!(display_message(&own), "mine");
    }
}
