use state::{Command, Outcome, Store};
use testkit::any;

/// Whatever a log contains is applied without a panic, the same way on every server, and does what it does to a restored server too.
#[test]
fn any_log_applies() {
    for run in 0..60 {
        let (mut one, mut other) = (Store::default(), Store::default());
        one.apply(1, &Command::Bootstrap { region: "a".into(), cluster: model::Uuid::from_u128(1) });
        other.apply(1, &Command::Bootstrap { region: "a".into(), cluster: model::Uuid::from_u128(1) });
        for step in 0..100 {
            let command: Command = any(run * 1000 + step);
            let index = step + 2;
            let before = one.clone();
            let applied = one.apply(index, &command);
            assert_eq!(other.apply(index, &command).outcome, applied.outcome);
            if let Outcome::Refused(_) = applied.outcome {
                assert_eq!(applied.touched.0, [], "{command}: refused, and touched something");
                assert!(only_indexes_differ(&before, &one), "{command}: refused, and changed something: {:?}", applied.outcome);
            }
            if step % 20 == 0 {
                let records: Vec<Vec<u8>> = one.snapshot_records().map(|record| record.expect("bytes")).collect();
                other = Store::restore(records.iter().map(Vec::as_slice)).expect("a store");
            }
            assert!(one == other, "run {run}, step {step}: {command}: {}", first_difference(&one, &other));
        }
    }
}

/// Applied once more at the same index, a refused command leaves two stores equal: nothing but the index and the largest rollout number moved.
fn only_indexes_differ(before: &Store, after: &Store) -> bool {
    let mut before = before.clone();
    let lamport = after.identity().lamport;
    // A command that is always refused moves just these two.
    let header = model::RolloutHeader {
        id: model::RolloutId { lamport, origin: "nowhere".into(), uuid: model::Uuid::nil() },
        namespace: "none".into(),
        job_id: "none".into(),
        base: None,
        kind: model::RolloutKind::Run,
        job_version: 0,
        spec_hash: String::new(),
        regions: Vec::new(),
        dropped: Vec::new(),
        deferred: Vec::new(),
        strategy: Default::default(),
        author: String::new(),
        submit_time: 0,
    };
    before.apply(after.index(), &Command::StageRollout { header: header.into(), source: None, submission: None, time: 0 });
    before == *after
}

/// The first lines that two stores show differently.
fn first_difference(one: &Store, other: &Store) -> String {
    let (one, other) = (format!("{one:#?}"), format!("{other:#?}"));
    let lines = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    format!("{lines:?}")
}
