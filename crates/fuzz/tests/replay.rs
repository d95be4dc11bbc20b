//! Every input that is kept, and some changes of it, within their bounds: what `scripts/fuzz` does for hours, for seconds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fuzz::{TARGETS, Target, check, corpus, memory, mutate};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Changed inputs for each target, if there is time.
const CHANGES: u64 = 3_000;
const TIME: Duration = Duration::from_secs(4);

/// Seeds first, then what was found; the same order everywhere.
fn inputs(target: &Target) -> Vec<(String, Vec<u8>)> {
    let seeds = (target.seeds)().into_iter().enumerate().map(|(number, seed)| (format!("seed {number}"), seed));
    let folder = corpus(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let kept = paths.into_iter().map(|path| (path.display().to_string(), std::fs::read(&path).expect("an input of the corpus")));
    seeds.chain(kept).collect()
}

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let run = |what: &str, input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(target, input))) {
            let reason = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            panic!("{name}: {what}: {}\n{}", reason.unwrap_or_default(), input.escape_ascii());
        }
    };
    let inputs = inputs(target);
    assert!(inputs.len() > 10, "{} inputs", inputs.len());
    // What is made once for all inputs is not theirs.
    (target.run)(&inputs[0].1);
    for (what, input) in &inputs {
        run(what, input);
    }
    let began = Instant::now();
    for seed in 0..CHANGES {
        if began.elapsed() > TIME {
            break;
        }
        // Spread over all inputs, and then again.
        let at = (seed as usize * 7919) % inputs.len();
        let other = &inputs[(at + seed as usize) % inputs.len()].1;
        run(&format!("change {seed} of {}", inputs[at].0), &mutate::mutate(&inputs[at].1, other, target.input_max, seed));
    }
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })+

        /// No target is forgotten here.
        #[test]
        fn all_targets_are_replayed() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),+]);
        }
    };
}

targets! { job request config filter message gossip entry snapshot }
