//! Nothing of a job is forgotten in a difference.

use model::Job;

use super::*;

/// What the region writes, and what names a part and so pairs it with the same part of the other job.
const NOT_SHOWN: &[&str] = &[
    "CreateIndex",
    "ID",
    "JobModifyIndex",
    "ModifyIndex",
    "NomadTokenID",
    "Payload",
    "Stable",
    "Status",
    "StatusDescription",
    "SubmitTime",
    "Version",
    "VersionTag/Description",
    "VersionTag/Name",
    "VersionTag/TaggedTime",
    // The default of the groups, where it is compared.
    "Update/AutoPromote",
    "Update/AutoRevert",
    "Update/Canary",
    "Update/HealthCheck",
    "Update/HealthyDeadline",
    "Update/MaxParallel",
    "Update/MinHealthyTime",
    "Update/ProgressDeadline",
    "Update/Stagger",
    // Follow from whose policy it is, and from its job.
    "TaskGroups/0/Scaling/CreateIndex",
    "TaskGroups/0/Scaling/ID",
    "TaskGroups/0/Scaling/ModifyIndex",
    "TaskGroups/0/Scaling/Target/*",
    "TaskGroups/0/Tasks/0/ScalingPolicies/0/CreateIndex",
    "TaskGroups/0/Tasks/0/ScalingPolicies/0/ID",
    "TaskGroups/0/Tasks/0/ScalingPolicies/0/ModifyIndex",
    "TaskGroups/0/Tasks/0/ScalingPolicies/0/Target/*",
];

/// In a job in which nothing is empty one value after another is another one: each change is in the difference, or it is of the values that
/// the region writes. A field that the model gets is looked at without a line here.
#[test]
fn every_field() {
    let whole: Job = testkit::full(0).expect("a job");
    let variations = testkit::variations(&whole);
    assert!(variations.len() > 150, "all of a job: {}", variations.len());
    let is_hidden = |other: &Job| jobs(Some(&whole), Some(other)).kind == DiffType::None;
    let mut hidden: Vec<&str> = variations.iter().filter(|(_, other)| is_hidden(other)).map(|(name, _)| name.as_str()).collect();
    hidden.sort_unstable();
    let mut expected = NOT_SHOWN.to_vec();
    expected.sort_unstable();
    assert_eq!(hidden, expected);
}
