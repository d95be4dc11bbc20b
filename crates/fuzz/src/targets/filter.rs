//! Filter expressions, evaluated on objects of each listed kind.

use httpd::filter::Filter;
use model::{Allocation, Deployment, Evaluation, Job, Node};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Target;

pub const TARGET: Target = Target {
    name: "filter",
    run,
    // The patterns of one expression together, compiled (their bound is the filter's own), and the JSON of an object.
    allowance: 8 << 20,
    input_max: 4096,
    seeds,
};

fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    on::<Job>(text);
    on::<Node>(text);
    on::<Allocation>(text);
    on::<Evaluation>(text);
    on::<Deployment>(text);
}

fn on<T: Serialize + DeserializeOwned>(text: &str) {
    let Ok(filter) = Filter::parse::<T>(text) else { return };
    for seed in [1, 2] {
        let first = filter.matches(&testkit::any::<T>(seed));
        assert_eq!(first, filter.matches(&testkit::any::<T>(seed)), "the same answer twice");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const TEXTS: [&str; 24] = [
    "ID == \"web-1\"",
    "ID != `web`",
    "Priority == 70",
    "Stop == true or Priority == 70",
    "not (Stop == true or Priority == 70)",
    "Stop == true and ID == nope or Priority == 70",
    "\"dc3\" not in Datacenters",
    "Datacenters not contains dc2",
    "ID matches \"^web-[0-9]+$\"",
    "ID not matches \"^(api|a{2,9})\"",
    "owner in Meta",
    "Meta[\"os.name\"] == \"x\"",
    "Meta.nobody is empty",
    "Meta is not empty",
    "TaskGroups.0.Tasks.0.Name == t",
    "Attributes[\"os.name\"] == \"debian\"",
    "ClientStatus == running",
    "NextAllocation == \"\"",
    "CreateIndex == 0",
    "JobID == a and Namespace == default",
    "Status == \"ready\" and Drivers.raw_exec.Healthy == true",
    "TaskStates.web.State == running",
    "DesiredTransition.Migrate is empty",
    "StatusDescription contains \"x\"",
];
