//! Processes for the tests of this crate: `executor DIR` is the helper as the shipped binary runs it; `agent DIR SCRIPT` stands for an agent
//! that starts one task and then hangs until it is killed.

use std::path::Path;
use std::process::ExitCode;

use drivers::{ExecutorCommand, LogFiles, RawExec, RawExecSettings, TaskDriver, TaskHandle, TaskSpec};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["executor", dir] => drivers::executor::main([dir.into()].into_iter()),
        ["agent", dir, script] => agent(Path::new(dir), script),
        _ => ExitCode::from(2),
    }
}

fn agent(dir: &Path, script: &str) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return ExitCode::FAILURE };
    runtime.block_on(async {
        let Ok(executor) = ExecutorCommand::own() else { return ExitCode::FAILURE };
        let driver = RawExec::new(RawExecSettings::default(), executor);
        let config = serde_json::json!({"command": "/bin/sh", "args": ["-c", script]});
        let spec = TaskSpec {
            name: "web".to_owned(),
            config: config.as_object().cloned().unwrap_or_default(),
            env: [("PATH".to_owned(), "/bin:/usr/bin".to_owned())].into(),
            user: String::new(),
            task_dir: dir.to_owned(),
            logs: LogFiles { dir: dir.to_owned(), max_files: 2, max_file_size: 1 << 20, disabled: false },
        };
        match driver.start(&TaskHandle { state_dir: dir.join("state") }, &spec).await {
            Ok(()) => println!("started"),
            Err(error) => println!("{error}"),
        }
        std::future::pending().await
    })
}
