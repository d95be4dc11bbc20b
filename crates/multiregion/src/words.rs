//! What a region waits for, in plain words.

use model::{Overrides, Phase, RegionName, RegionRecord, RolloutHeader};

use crate::guard::Phases;

/// Why `region` does not move on: `waiting for west (running, 2 of 5 healthy)`; empty when it waits for nobody. `record` gives what is
/// known of a region.
pub fn waiting_for<'a>(
    header: &RolloutHeader,
    region: &RegionName,
    phases: &Phases,
    overrides: &Overrides,
    record: impl Fn(&RegionName) -> Option<&'a RegionRecord>,
) -> String {
    let Some(phase) = phases.get(region) else {
        return match (overrides.excluded.contains(region), header.deferred.contains(region)) {
            (true, _) => "excluded: nobody waits for it".to_owned(),
            (false, true) => "it was away when the job was submitted, and joins when it returns and the others are successful".to_owned(),
            (false, false) => "nothing heard from it yet".to_owned(),
        };
    };
    let others = |wanted: &dyn Fn(&RegionName) -> bool| -> Vec<String> {
        header
            .participants()
            .filter(|other| *other != region && !overrides.excluded.contains(*other) && wanted(other))
            .map(|other| match (phases.get(other), record(other)) {
                (None, _) => format!("{other} (nothing heard from it yet)"),
                (Some(Phase::Running), Some(record)) => format!("{other} (running, {} of {} healthy)", record.healthy, record.desired),
                (Some(phase), _) => format!("{other} ({})", shown(*phase)),
            })
            .collect()
    };
    let is = |other: &RegionName, test: &dyn Fn(Phase) -> bool| phases.get(other).is_some_and(|phase| test(*phase));
    let is_cancelled = |other: &RegionName| !overrides.excluded.contains(other) && is(other, &|phase| phase == Phase::Cancelled);
    let names = match phase {
        Phase::Voted => others(&|other| *other == header.id.origin),
        Phase::Adopted => {
            let not_adopted = others(&|other| !is(other, &|phase| phase.is_adopted()));
            if not_adopted.is_empty() {
                let position = header.regions.iter().position(|listed| listed == region).unwrap_or(usize::MAX);
                others(&|other| {
                    header.regions.iter().position(|listed| listed == other).is_some_and(|at| at < position)
                        && !overrides.released.contains(other)
                        && !is(other, &|phase| phase.is_done())
                })
            } else {
                not_adopted
            }
        }
        // A region whose part was cancelled never finishes it, and did not fail.
        Phase::Blocked | Phase::Unblocking if header.regions.iter().any(is_cancelled) => {
            let cancelled = others(&|other| header.regions.contains(other) && is_cancelled(other));
            return format!("a person: {}; unblock this one, or run a new version", cancelled.join(", "));
        }
        Phase::Blocked => others(&|other| {
            header.regions.contains(other) && !is(other, &|phase| matches!(phase, Phase::Blocked | Phase::Unblocking | Phase::Successful))
        }),
        Phase::Unblocking => {
            others(&|other| header.regions.contains(other) && !is(other, &|phase| matches!(phase, Phase::Unblocking | Phase::Successful)))
        }
        Phase::Held => return "a person: another region failed; unblock this one, or run a new version".to_owned(),
        Phase::Paused => return "a person: resume it".to_owned(),
        Phase::Running => return "its own allocations".to_owned(),
        _ => return String::new(),
    };
    if names.is_empty() { String::new() } else { format!("waiting for {}", names.join(", ")) }
}

/// The word that people see.
fn shown(phase: Phase) -> String {
    match phase {
        Phase::Adopted => "pending".to_owned(),
        Phase::Held => "blocked".to_owned(),
        other => other.to_string(),
    }
}
