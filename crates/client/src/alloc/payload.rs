//! The bytes with which a job was dispatched, where its tasks want them.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path};

use model::{Job, Task};

use super::dirs::{AllocDir, directory};

/// Everybody may read and run it: tasks run as any user, and a payload may be a program.
const MODE: u32 = 0o755;

/// Writes the payload for those tasks that have a file for it. The directories are there. What an earlier allocation has
/// left in them may be links: none is followed.
pub(crate) fn write(dir: &AllocDir, job: &Job, tasks: &[Task]) -> Result<(), String> {
    for task in tasks.iter().filter(|_| job.dispatched) {
        let Some(payload) = &task.dispatch_payload else { continue };
        let local = dir.task(&task.name).local();
        put(&local, Path::new(&payload.file), &job.payload.0)
            .map_err(|error| format!("failed to write the dispatch payload of task {:?} to {:?}: {error}", task.name, payload.file))?;
    }
    Ok(())
}

/// Servers refuse paths that leave the directory; this node does not rely on it.
fn put(local: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut place = local.to_owned();
    let parts: Vec<Component<'_>> = file.components().filter(|part| *part != Component::CurDir).collect();
    let Some((name, folders)) = parts.split_last().filter(|_| parts.iter().all(|part| matches!(part, Component::Normal(_)))) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no path inside the task's local directory"));
    };
    for folder in folders {
        place.push(folder);
        directory(&place, 0o777)?;
    }
    place.push(name);
    // A half of it, left by an agent that was killed, goes.
    match fs::remove_file(&place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&place)?;
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(MODE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{DispatchPayloadConfig, Payload};

    /// Each row: where a task wants the payload, and whether it is written there, with its mode. A second time changes nothing.
    #[test]
    fn payloads() {
        let base = tempfile::tempdir().unwrap();
        let dir = AllocDir::new(base.path(), "5456bd7a-9fc0-c0dd-6131-cbee77f57577".parse().unwrap());
        let bytes: Vec<u8> = (0..=255).collect();
        let job = Job { dispatched: true, payload: Payload(bytes.as_slice().into()), ..Job::default() };
        for (file, expected) in [
            ("input.json", Some("input.json")),
            ("./deep/er/input", Some("deep/er/input")),
            ("../input", None),
            ("deep/../../input", None),
            ("/etc/input", None),
            ("", None),
        ] {
            let task =
                Task { name: "web".to_owned(), dispatch_payload: Some(DispatchPayloadConfig { file: file.to_owned() }), ..Task::default() };
            let tasks = [task, Task { name: "other".to_owned(), ..Task::default() }];
            dir.build(&tasks).unwrap();
            for _ in 0..2 {
                assert_eq!(write(&dir, &job, &tasks).is_ok(), expected.is_some(), "{file:?}");
            }
            if let Some(expected) = expected {
                let place = dir.task("web").local().join(expected);
                assert_eq!(fs::read(&place).unwrap(), bytes, "{file:?}");
                assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o7777, 0o755);
            }
            assert_eq!(fs::read_dir(dir.task("other").local()).unwrap().count(), 0);
            dir.remove().unwrap();
        }
        let task = Task {
            name: "web".to_owned(),
            dispatch_payload: Some(DispatchPayloadConfig { file: "x/input".to_owned() }),
            ..Task::default()
        };
        let outside = tempfile::tempdir().unwrap();
        dir.build(std::slice::from_ref(&task)).unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.task("web").local().join("x")).unwrap();
        assert!(write(&dir, &job, &[task]).is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        dir.remove().unwrap();
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0, "nothing was written elsewhere");
    }
}
