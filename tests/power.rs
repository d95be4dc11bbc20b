//! Power cuts under a region.

use std::time::Duration;

use process_tests::power::{Cut, Ground, Loss, Moment, Tally, Victims, play};

fn cut(victims: Victims, moment: Moment, after_ms: u64) -> Cut {
    let after = Duration::from_millis(after_ms);
    Cut { victims, moment, after, loss: Loss::Unsynced, writes_some: false, apart: Duration::from_millis(200), is_checked: false }
}

/// None, and a word about it, where file systems cannot be mounted.
fn played(cuts: &[Cut], is_lying: bool) -> Option<(Tally, Vec<String>)> {
    let mut told = Vec::new();
    let cuts: Vec<(u64, Cut)> = (0..).zip(cuts.iter().copied()).collect();
    let played = Ground::prepare().and_then(|ground| play(&ground, &cuts, is_lying, |line| told.push(line)));
    match played {
        Ok(tally) => Some((tally, told)),
        Err(missing) => {
            println!("skipped: {missing}");
            None
        }
    }
}

#[test]
fn what_was_acknowledged_survives_power_cuts() {
    // one region, on the same disks all the time: as it is founded, under load, in a snapshot, when one comes back, in an election
    let cuts = [
        cut(Victims::All, Moment::Start, 300),
        cut(Victims::All, Moment::Load, 500),
        cut(Victims::Leader, Moment::Snapshot, 5),
        cut(Victims::One(1), Moment::Return, 250),
        Cut { loss: Loss::Content, writes_some: true, is_checked: true, ..cut(Victims::All, Moment::Election, 400) },
    ];
    let Some((tally, told)) = played(&cuts, false) else { return };
    assert_eq!(tally.n_violations, 0, "{}", told.join("\n"));
    assert!(tally.n_acknowledged > 50, "there was a load: {tally:?}");
}

#[test]
fn disks_that_lie_are_found_out() {
    // syncs that do nothing once the region works: what all servers acknowledged since then is gone
    let Some((tally, told)) = played(&[cut(Victims::All, Moment::Load, 1_000)], true) else { return };
    assert!(tally.n_violations > 0, "{}", told.join("\n"));
}
