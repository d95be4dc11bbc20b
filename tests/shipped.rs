//! What is in `config/` loads: every agent configuration, and every job file.

use std::fs;
use std::path::{Path, PathBuf};

use agent::config;
use agent::flags::Flags;
use jobspec::ParseInput;

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config");

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "hcl") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_agent_configuration_loads() {
    // each file alone, as it would be given with -config
    let jobs = Path::new(CONFIG).join("jobs");
    let files: Vec<PathBuf> = files_below(Path::new(CONFIG)).into_iter().filter(|file| !file.starts_with(&jobs)).collect();
    assert!(files.len() >= 7, "dev, server, client and two regions: {files:?}");
    for file in files {
        let mut flags = Flags::default();
        flags.set("config", file.to_str()).expect("a flag that exists");
        let loaded = config::load(&flags).unwrap_or_else(|problems| panic!("{problems}"));
        let role = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let expected = match role.as_str() {
            "server" => (true, false),
            "client" => (false, true),
            _ => (true, true),
        };
        assert_eq!((loaded.config.server.enabled, loaded.config.client.enabled), expected, "{}", file.display());
    }
}

#[test]
fn the_agents_of_the_example_regions_run_side_by_side() {
    // all of config/regions on one machine: no two of them want the same port or folder
    let files = files_below(&Path::new(CONFIG).join("regions"));
    let (mut ports, mut folders) = (Vec::new(), Vec::new());
    for file in &files {
        let mut flags = Flags::default();
        flags.set("config", file.to_str()).expect("a flag that exists");
        let config = config::load(&flags).unwrap_or_else(|problems| panic!("{problems}")).config;
        ports.extend([config.ports.http, config.ports.rpc]);
        ports.extend(config.server.enabled.then_some(config.ports.gossip));
        folders.extend(config.data_dir);
    }
    let n_ports = ports.len();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), n_ports, "{ports:?}");
    folders.sort();
    folders.dedup();
    assert_eq!(folders.len(), files.len(), "{folders:?}");
}

#[test]
fn every_job_file_loads_and_makes_sense() {
    // each file alone, with the defaults of its variables; a driver that is not there yet is the server's to refuse
    let files = files_below(&Path::new(CONFIG).join("jobs"));
    assert!(files.len() >= 4, "a service, a batch job and two rollouts: {files:?}");
    for file in files {
        let name = file.display().to_string();
        let text = fs::read_to_string(&file).expect("readable");
        let parsed = jobspec::parse(&ParseInput::new(&name, &text)).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let (problems, _) = parsed.validate();
        assert!(problems.0.is_empty(), "{name}: {problems:?}");
    }
}
