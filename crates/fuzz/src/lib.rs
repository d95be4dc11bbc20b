//! Hostile bytes for everything in Steppe that reads bytes from a file, a person or the network.
//!
//! Decides, for each format, what a program does with bytes that it is given: read them and, when they are accepted, go on as the product
//! would. Whoever runs a [`Target`] learns of panics, of memory out of proportion and of time without end. It does not know how inputs are
//! found: [`mutate`] is a small deterministic way for every test run, `scripts/fuzz` drives an engine that is guided by coverage. Inputs worth
//! keeping lie in `tests/data/fuzz`, a folder per target.
//!
//! Start reading at [`TARGETS`], then [`check`].

pub mod memory;
pub mod mutate;
mod steps;
mod targets;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use targets::TARGETS;

/// Something that reads bytes.
pub struct Target {
    pub name: &'static str,
    /// Reads an input and goes on with what it says.
    pub run: fn(&[u8]),
    /// Bytes of memory that any input may take, however short; the reason stands beside the number.
    pub allowance: usize,
    /// Longer inputs find nothing that shorter ones do not, but slower.
    pub input_max: usize,
    /// Inputs to begin with: valid ones, of every kind.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Bytes of memory per byte of input, beside the allowance.
pub const MEMORY_FACTOR: usize = 100;

/// Of the processor. No input of the sizes here takes a tenth of this, also in an unoptimised program.
pub const TIME_MAX: Duration = Duration::from_secs(10);

/// Runs one input within its bounds.
///
/// # Panics
///
/// When the target does, or when it takes more memory or time than it may.
pub fn check(target: &Target, input: &[u8]) {
    let (wall, began) = (Instant::now(), processor_time());
    let peak = memory::peak_of(|| (target.run)(input));
    let took = match (began, processor_time()) {
        (Some(began), Some(end)) => end.saturating_sub(began),
        _ => wall.elapsed(),
    };
    let bound = MEMORY_FACTOR * input.len() + target.allowance;
    assert!(peak <= bound, "{} bytes of input took {peak} bytes of memory, {bound} are allowed", input.len());
    assert!(took <= TIME_MAX, "{} bytes of input took {took:?}", input.len());
}

/// What this thread has had of a processor, which other programs on a busy machine do not change.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The inputs that are kept.
pub fn corpus(target: &Target) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../tests/data/fuzz", target.name].iter().collect()
}
