//! The bytes of log entries, snapshots and published records, against files that never change (`tests/data/formats` of the workspace).
//!
//! bincode does not describe itself: a field that is added, dropped or moved makes old logs unreadable, or worse, readable as something else.
//! When a test here fails, the shape of something stored has changed. Give it a successor with a higher version instead. A command or record
//! that is new is appended at the end of its enum; `STEPPE_WRITE_FORMATS=1 cargo test -p state --test formats` then adds its line.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use model::{RegionRecord, codec};
use state::{Command, Store};
use testkit::{any, full};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/formats").join(name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).expect("a hex digit") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Lines of a name and bytes. Lines that are `wanted` and not there are an error, or are added when that is asked for.
fn golden(file: &str, wanted: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let path = path(file);
    let mut text = std::fs::read_to_string(&path).unwrap_or_default();
    let names = |text: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.split_once('\t')).map(|(name, _)| name.to_owned()).collect()
    };
    let known = names(&text);
    let missing: Vec<_> = wanted.iter().filter(|(name, _)| !known.contains(name)).collect();
    if !missing.is_empty() {
        let is_asked_for = std::env::var_os("STEPPE_WRITE_FORMATS").is_some();
        assert!(
            is_asked_for,
            "{file} has no bytes of {:?}: see the top of this test",
            missing.iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
        for (name, bytes) in missing {
            let _ = writeln!(text, "{name}\t{}", hex(bytes));
        }
        std::fs::write(&path, &text).expect("the file is written");
    }
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(name, bytes)| (name.to_owned(), unhex(bytes))).collect()
}

/// Every command that is in some log is still read as what it was, and written as it was.
#[test]
fn commands() {
    let commands: Vec<Command> = (0..).map_while(full::<Command>).collect();
    let wanted: Vec<(String, Vec<u8>)> =
        commands.iter().map(|command| (command.name().to_owned(), command.encode().expect("bytes"))).collect();
    let lines = golden("command.v4.tsv", &wanted);
    assert_eq!(state::COMMAND_VERSION, 4, "a new version has a file of its own, beside this one");
    for (position, (name, bytes)) in lines.iter().enumerate() {
        let command = Command::decode(state::COMMAND_VERSION, bytes).unwrap_or_else(|error| panic!("{name} is not read any more: {error}"));
        assert_eq!(command.name(), name, "commands keep their positions");
        assert_eq!(bytes.first(), Some(&(position as u8)), "{name} is command number {position}");
        assert_eq!(hex(&command.encode().expect("bytes")), hex(bytes), "{name} is written differently");
        assert_eq!(Some(&command), commands.get(position), "{name} is read as something else");
    }
    assert_eq!(lines.len(), commands.len());
}

/// Logs of earlier versions are read to their last byte, and what they say is said again in the present one.
#[test]
fn commands_of_earlier_versions() {
    for version in 1..state::COMMAND_VERSION {
        let lines = golden(&format!("command.v{version}.tsv"), &[]);
        assert!(!lines.is_empty());
        for (name, bytes) in lines {
            let command =
                Command::decode(version, &bytes).unwrap_or_else(|error| panic!("{name} of {version} is not read any more: {error}"));
            assert_eq!(command.name(), name);
            let again = command.encode().expect("bytes");
            assert_eq!(Command::decode(state::COMMAND_VERSION, &again).expect("a command"), command, "{name} of {version}");
        }
    }
}

/// Snapshots of earlier versions are read, too, and become ones of the present version.
#[test]
fn snapshots_of_earlier_versions() {
    for version in 1..state::snapshot::RECORD_VERSION {
        becomes_the_present_version(&format!("snapshot.v{version}.tsv"));
    }
}

fn becomes_the_present_version(file: &str) {
    let lines = golden(file, &[]);
    assert!(!lines.is_empty());
    let restored = Store::restore(lines.iter().map(|(_, bytes)| bytes.as_slice())).expect("the snapshot is still read");
    let records: Vec<Vec<u8>> = restored.snapshot_records().map(|record| record.expect("bytes")).collect();
    assert_eq!(records.len(), lines.len());
    assert_eq!(Store::restore(records.iter().map(Vec::as_slice)).expect("the present version"), restored);
}

/// A snapshot that is on some disk restores, and is written again as it was.
#[test]
fn snapshots() {
    let store = everything();
    let mut records: Vec<Vec<u8>> = store.snapshot_records().map(|record| record.expect("bytes")).collect();
    // Behind the envelope the first byte is the record's kind.
    let kinds: BTreeSet<u8> = records.iter().map(|record| record[codec::HEADER]).collect();
    assert_eq!(kinds, (0..kinds.len() as u8).collect(), "there is a record of every kind");
    records[1..].sort_by_key(|record| record[codec::HEADER]);
    let wanted: Vec<(String, Vec<u8>)> = records.into_iter().enumerate().map(|(n, record)| (format!("record {n}"), record)).collect();
    let lines = golden("snapshot.v4.tsv", if path("snapshot.v4.tsv").exists() { &[] } else { &wanted });
    assert_eq!(state::snapshot::RECORD_VERSION, 4, "a new version has a file of its own, beside this one");
    let restored = Store::restore(lines.iter().map(|(_, bytes)| bytes.as_slice())).expect("the snapshot is still read");
    let sorted = |records: &mut dyn Iterator<Item = Vec<u8>>| -> BTreeSet<String> { records.map(|record| hex(&record)).collect() };
    let again = sorted(&mut restored.snapshot_records().map(|record| record.expect("bytes")));
    assert_eq!(again, sorted(&mut lines.iter().map(|(_, bytes)| bytes.clone())), "a record is written differently");
    let kinds_in_file: BTreeSet<u8> = lines.iter().map(|(_, record)| record[codec::HEADER]).collect();
    assert_eq!(kinds_in_file, kinds, "a new kind of record: add a line of it to the file by hand");
}

/// What other regions publish is still read, by name of the fields.
#[test]
fn region_records() {
    let record: RegionRecord = full(0).expect("a record");
    let encode = |record: &RegionRecord| codec::encode(codec::Kind::GossipRecord, 1, record).expect("bytes");
    let lines = golden("region_record.v1.tsv", &[("region record".to_owned(), encode(&record))]);
    for (name, bytes) in &lines {
        let read: RegionRecord = codec::decode(codec::Kind::GossipRecord, 1, bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read, record);
        assert_eq!(hex(&encode(&read)), hex(bytes), "{name} is written differently");
    }
    let longest = RegionRecord { cause: "x".repeat(203), job_id: "j".repeat(256).into(), ..record };
    assert!(encode(&longest).len() < 900, "a record fits into one datagram");
}

/// Every command with whatever in it comes back from its bytes as it was.
#[test]
fn any_command_round_trips() {
    for seed in 0..2_000 {
        let command: Command = any(seed);
        let bytes = command.encode().expect("bytes");
        assert_eq!(Command::decode(state::COMMAND_VERSION, &bytes).expect("a command"), command);
        assert!(Command::decode(state::COMMAND_VERSION, &bytes[..bytes.len() - 1]).is_err() || bytes.len() == 1);
    }
}

/// A store with something in every table, put there through restored records, so that the order of commands does not matter to the file.
fn everything() -> Store {
    let mut world = testkit::World::with_nodes(&["n1"]);
    let job = testkit::job("web").build();
    let submission = model::JobSubmission { source: "job \"web\" {}".to_owned(), format: "hcl2".to_owned(), ..Default::default() };
    let key = world.key("web");
    let eval = model::Evaluation {
        id: model::EvalId(world.new_id()),
        job_id: "web".into(),
        namespace: key.namespace.clone(),
        ..Default::default()
    };
    let register =
        state::RegisterJob { job: job.into(), submission: Some(submission), enforce_index: None, eval: Some(eval.clone()), time: 1 };
    world.apply(&Command::RegisterJob(Box::new(register)));
    let deployment = model::Deployment {
        id: model::DeploymentId(world.new_id()),
        namespace: key.namespace.clone(),
        job_id: key.id.clone(),
        task_groups: [("app".to_owned(), model::DeploymentState { desired_total: 1, ..Default::default() })].into(),
        ..Default::default()
    };
    let alloc = model::Allocation {
        id: model::AllocId(world.new_id()),
        namespace: key.namespace.clone(),
        job_id: key.id.clone(),
        name: "web.app[0]".into(),
        task_group: "app".into(),
        node_id: testkit::node_id("n1"),
        eval_id: eval.id,
        deployment_id: deployment.id,
        ..Default::default()
    };
    let plan = state::Plan {
        placements: vec![state::Placement { alloc, job_version: 0 }],
        deployment: Some(deployment),
        time: 2,
        ..Default::default()
    };
    let placed = plan.placements[0].alloc.id;
    world.apply(&Command::ApplyPlan(Box::new(plan)));
    world.report(&[placed], model::ClientStatus::Running);
    for (lamport, job_version) in [(1, 0), (2, 1)] {
        let id = |lamport: u64| model::RolloutId { lamport, origin: "east".into(), uuid: model::Uuid::from_u128(u128::from(lamport)) };
        let header = model::RolloutHeader {
            id: id(lamport),
            namespace: key.namespace.clone(),
            job_id: "multi".into(),
            base: (lamport > 1).then(|| id(1)),
            kind: model::RolloutKind::Run,
            job_version,
            spec_hash: "00ff".to_owned(),
            regions: vec!["west".into(), "east".into()],
            dropped: vec!["north".into()],
            deferred: Vec::new(),
            strategy: model::MultiregionStrategy { max_parallel: 1, on_failure: model::OnFailure::FailAll, ..Default::default() },
            author: "somebody".to_owned(),
            submit_time: 3,
        };
        let source = testkit::job("multi").arc();
        world.apply(&Command::StageRollout { header: header.into(), source: Some(source.clone()), submission: None, time: 3 });
        if lamport == 1 {
            let adoption = state::Adoption { id: id(1), job: Some(source), deployment: None, eval: None, time: 3 };
            world.apply(&Command::AdoptRollout(Box::new(adoption)));
            // Leaves the number of its version behind.
            world.apply(&Command::DeregisterJob { key: world.key("multi"), purge: true, eval: None, time: 4 });
        }
    }
    let event = model::ScalingEvent {
        time: 5,
        count: Some(2),
        previous_count: 1,
        message: "busy".to_owned(),
        error: true,
        meta: "{}".to_owned(),
        eval_id: eval.id,
        create_index: 0,
    };
    world.apply(&Command::ScaleJob(Box::new(state::ScaleJob { key, group: "app".to_owned(), register: None, event })));
    world.apply(&Command::UpsertNamespaces {
        namespaces: vec![model::NamespaceSpec { name: "team".into(), description: "a team".to_owned(), ..Default::default() }],
    });
    world.apply(&Command::UpsertNodePools { pools: vec![model::NodePool { name: "gpu".into(), ..Default::default() }] });
    world.apply(&Command::TrackVersions { n: 9 });
    world.apply(&Command::SetScheduler { config: model::SchedulerConfiguration { node_limit: 7, ..Default::default() }, cas: None });
    let mut clock = testkit::job("clock").build();
    clock.periodic = Some(model::PeriodicConfig { enabled: true, spec: "@daily".to_owned(), ..Default::default() });
    let register = state::RegisterJob { job: clock.into(), submission: None, enforce_index: None, eval: None, time: 5 };
    world.apply(&Command::RegisterJob(Box::new(register)));
    world.apply(&Command::SetAutopilot { config: model::AutopilotConfig { min_quorum: 3, ..Default::default() }, cas: Some(0) });
    // Restored from itself, and restored again, which has not ended.
    let id = model::Uuid::from_u128(3);
    let records: Vec<Vec<u8>> = world.store.snapshot_records().map(|record| record.expect("bytes")).collect();
    let n_records = records.len() as u64;
    world.apply(&Command::BeginRestore { id });
    world.apply(&Command::AddToRestore { id, position: 0, records });
    world.apply(&Command::FinishRestore { id, n_records, incarnation: 2, time: 6 });
    world.apply(&Command::HeedRegion { region: "east".into(), incarnation: 7 });
    world.apply(&Command::BeginRestore { id });
    world.apply(&Command::AddToRestore { id, position: 0, records: vec![vec![1, 2]] });
    // Its group has an index of its own again.
    world.apply(&Command::UpsertEvals { evals: vec![eval], time: 7 });
    world.store
}
