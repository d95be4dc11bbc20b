//! One target under the engine that is guided by coverage; `scripts/fuzz` builds and runs this. `STEPPE_FUZZ_TARGET` names the target; its
//! inputs to begin with are written to the folder `STEPPE_FUZZ_SEEDS`, if there is one.
#![no_main]

use fuzz::{TARGETS, Target, check, memory};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

static TARGET: std::sync::OnceLock<&'static Target> = std::sync::OnceLock::new();

fuzz_target!(init: {
    let name = std::env::var("STEPPE_FUZZ_TARGET").unwrap_or_default();
    let target = TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("STEPPE_FUZZ_TARGET={name:?} is no target"));
    if let Ok(folder) = std::env::var("STEPPE_FUZZ_SEEDS") {
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(format!("{folder}/seed-{number:04}"), seed).expect("a seed can be written");
        }
    }
    let _ = TARGET.set(target);
}, |input: &[u8]| {
    let target = TARGET.get().expect("set at the start");
    check(target, input);
});
