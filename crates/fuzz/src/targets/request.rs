//! Jobs in the JSON of the HTTP interface.

use serde_json::Value;

use super::{files, job};
use crate::Target;

pub const TARGET: Target = Target {
    name: "request",
    run,
    // As for job files.
    allowance: 128 << 20,
    input_max: 4096,
    seeds,
};

fn run(input: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    match jobspec::from_api(value.get("Job").unwrap_or(&value)) {
        Ok(job) => job::goes_on(&job),
        Err(diagnostics) => drop(diagnostics.to_string()),
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = files(&["crates/jobspec/tests/data"], &[".json"]);
    seeds.push(br#"{"Job": {"ID": "a", "TaskGroups": [{"Name": "g", "Tasks": [{"Name": "t", "Driver": "mock_driver"}]}]}}"#.to_vec());
    for text in files(&["config/jobs", "tests/acceptance/jobs"], &[".hcl"]).into_iter().chain((job::TARGET.seeds)()) {
        let Ok(text) = String::from_utf8(text) else { continue };
        let Ok(parsed) = jobspec::parse(&jobspec::ParseInput::new("seed.nomad.hcl", &text)) else { continue };
        seeds.extend(serde_json::to_vec(&parsed.job));
        seeds.extend(serde_json::to_vec(&parsed.uncanonical_json()));
    }
    for seed in 0..20 {
        seeds.extend(serde_json::to_vec(&testkit::any::<model::Job>(seed)));
    }
    seeds
}
