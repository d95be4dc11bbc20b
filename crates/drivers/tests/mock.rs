//! `mock_driver` does what its configuration says, in invented time.

use std::fs;
use std::time::Duration;

use drivers::{Error, Exit, LogFiles, Mock, Recovered, TaskDriver, TaskHandle, TaskSpec};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::time::Instant;

fn spec(dir: &tempfile::TempDir, config: Value) -> TaskSpec {
    TaskSpec {
        name: "web".to_owned(),
        config: config.as_object().cloned().unwrap(),
        env: Default::default(),
        user: String::new(),
        task_dir: dir.path().to_owned(),
        logs: LogFiles { dir: dir.path().to_owned(), max_files: 2, max_file_size: 1 << 20, disabled: false },
    }
}

fn handle(dir: &tempfile::TempDir) -> TaskHandle {
    TaskHandle { state_dir: dir.path().join("state") }
}

/// Each row: a configuration, what is done to the task (`none`, `stop` with a timeout, `kill`), how it ends, when, in milliseconds, and its output.
#[tokio::test(start_paused = true)]
async fn behaviours() {
    let exit = |code: i32, signal: i32, message: &str| Exit { code, signal, oom_killed: false, message: message.to_owned() };
    for (config, deed, want, after, output) in [
        (json!({}), "none", exit(0, 0, ""), 0, ""),
        (json!({"run_for": "2s", "exit_code": 3}), "none", exit(3, 0, ""), 2000, ""),
        (json!({"run_for": "1s", "exit_signal": 11, "exit_err_msg": "oh"}), "none", exit(0, 11, "oh"), 1000, ""),
        (json!({"run_for": "1h"}), "stop", exit(0, 0, ""), 0, ""),
        (json!({"run_for": "1h", "kill_after": "3s"}), "stop", exit(0, 0, ""), 3000, ""),
        (json!({"run_for": "1h", "kill_after": "1m"}), "stop", exit(137, 9, ""), 5000, ""),
        (json!({"run_for": "1h", "kill_after": "1m"}), "kill", exit(137, 9, ""), 0, ""),
        (json!({"run_for": "1h", "plugin_exit_after": "7s"}), "none", exit(0, 0, "the driver's plugin exited"), 7000, ""),
        (
            json!({"run_for": "5s", "stdout_string": "hi\n", "stdout_repeat": 3, "stdout_repeat_duration": "2s"}),
            "none",
            exit(0, 0, ""),
            5000,
            "hi\nhi\nhi\n",
        ),
        (json!({"run_for": "1s", "start_block_for": "4s"}), "none", exit(0, 0, ""), 5000, ""),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mock, handle) = (Mock::new(), handle(&dir));
        let began = Instant::now();
        mock.start(&handle, &spec(&dir, config.clone())).await.unwrap();
        match deed {
            "stop" => mock.stop(&handle, None, Duration::from_secs(5)).await.unwrap(),
            "kill" => mock.kill(&handle).await.unwrap(),
            _ => {}
        }
        assert_eq!(mock.wait(&handle).await, want, "{config} {deed}");
        let took = began.elapsed().as_millis();
        assert!((after..after + 50).contains(&took), "{config} {deed}: {took} ms");
        assert_eq!(fs::read_to_string(dir.path().join("web.stdout.0")).unwrap_or_default(), output, "{config}");
        assert_eq!(mock.wait(&handle).await, want, "asked again");
    }
}

/// Starts and signals fail as configured; unknown keys are refused.
#[tokio::test(start_paused = true)]
async fn failures() {
    for (config, want, recoverable) in [
        (json!({"start_error": "no"}), "no", false),
        (json!({"start_error": "later", "start_error_recoverable": true}), "later", true),
        (json!({"run_fro": "1s"}), "mock_driver: unknown key \"run_fro\" in config, did you mean \"run_for\"?", false),
        (json!({"run_for": "soon"}), "mock_driver: \"run_for\" in config: \"soon\" is not a duration", false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let error = Mock::new().start(&handle(&dir), &spec(&dir, config)).await.unwrap_err();
        assert!(error.message.starts_with(want), "{}", error.message);
        assert_eq!(error.recoverable, recoverable);
    }
    let dir = tempfile::tempdir().unwrap();
    let mock = Mock::new();
    mock.start(&handle(&dir), &spec(&dir, json!({"run_for": "1h", "signal_error": "deaf"}))).await.unwrap();
    assert!(matches!(mock.signal(&handle(&dir), Signal::SIGHUP).await, Err(Error::Refused(text)) if text == "deaf"));
}

/// A later driver takes a running task over and knows how an ended one ended.
#[tokio::test]
async fn recovery() {
    let dir = tempfile::tempdir().unwrap();
    let handle = handle(&dir);
    assert_eq!(Mock::new().recover(&handle).await, Recovered::NeverStarted);
    Mock::new().start(&handle, &spec(&dir, json!({"run_for": "1h"}))).await.unwrap();
    let later = Mock::new();
    assert_eq!(later.recover(&handle).await, Recovered::Running);
    later.kill(&handle).await.unwrap();
    let killed = later.wait(&handle).await;
    assert_eq!(killed.signal, 9);
    assert_eq!(Mock::new().recover(&handle).await, Recovered::Exited(killed));
}
