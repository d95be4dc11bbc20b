//! The model checker on the small worlds, and every invariant's control.

use sim::model::{Flaw, Protocol, check, invariants, quick};

/// Nothing that can happen to two regions breaks an invariant.
#[test]
fn the_protocol_holds() {
    for scenario in quick() {
        let name = scenario.name.clone();
        let report = check(Protocol { scenario, flaw: None }, None, 2);
        println!("{name}: {} worlds, depth {}, {:.1} s", report.n_worlds, report.depth, report.took.as_secs_f64());
        assert!(report.n_worlds > 100 && report.comes_to_rest, "{name}: hardly anything happened");
        assert!(report.violations.is_empty(), "{name}: {:?}", report.violations);
    }
}

/// A protocol that is broken on purpose is caught by the invariant that it breaks.
#[test]
fn every_flaw_is_caught() {
    for invariant in invariants::ALL {
        let (flaw, scenario) = (invariant.control)();
        let report = check(Protocol { scenario, flaw: Some(flaw) }, Some(invariant.name), 2);
        println!("{flaw:?}: {} worlds, depth {}, {:.1} s", report.n_worlds, report.depth, report.took.as_secs_f64());
        let caught = report.violations.iter().find(|(name, _)| *name == invariant.name);
        assert!(caught.is_some(), "{flaw:?} does not show as a violation of {:?}: {:?}", invariant.name, report.violations);
    }
}

/// The controls' worlds are in order when nothing is broken in them, so it is the flaw that they show.
#[test]
fn without_the_flaw_the_controls_hold() {
    for invariant in invariants::ALL {
        let (flaw, mut scenario) = (invariant.control)();
        if matches!(flaw, Flaw::Forgets | Flaw::RestoresInSilence) {
            // A region that comes back is what is wrong there.
            scenario.budget.restores = 0;
        }
        let report = check(Protocol { scenario, flaw: None }, None, 2);
        assert!(report.violations.is_empty(), "{:?}: {:?}", invariant.name, report.violations);
    }
}
