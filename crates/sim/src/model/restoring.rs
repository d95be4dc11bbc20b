//! A region comes back from an old snapshot: what the server does about it (`fence`, `snapshot`), an event each.

use std::hash::{DefaultHasher, Hash, Hasher};

use model::{Phase, RegionRecord, Testimony, Uuid};
use multiregion::restore;
use state::{Command, Outcome, Store};

use super::Protocol;
use super::flaw::Flaw;
use super::invariants;
use super::region::NOW;
use super::world::World;

/// The state goes back; the leader's memory is gone with it.
pub fn restore(protocol: &Protocol, world: &mut World, at: usize) {
    let before = world.regions[at].store.clone();
    let old = world.old[at].clone();
    let region = &mut world.regions[at];
    (region.copies, region.open, region.heard) = Default::default();
    match protocol.flaw {
        Some(Flaw::Forgets) => region.begin(),
        Some(Flaw::RestoresInSilence) => region.store = old,
        _ => {
            let records: Vec<Vec<u8>> = old.snapshot_records().map(|record| record.expect("records can be written")).collect();
            let (id, n_records) = (Uuid::nil(), records.len() as u64);
            region.apply(&Command::BeginRestore { id });
            region.apply(&Command::AddToRestore { id, position: 0, records });
            let outcome = region.apply(&Command::FinishRestore { id, n_records, incarnation: 0, time: NOW });
            assert_eq!(outcome, Outcome::Done, "a snapshot can be restored");
            region.settle();
            // What was not told to anybody is lost: that is what a backup means.
            return;
        }
    }
    world.look_back(at, &before);
}

/// Whom the restored region still has to ask.
pub fn to_ask(world: &World, at: usize) -> Vec<usize> {
    let region = &world.regions[at];
    (0..world.regions.len()).filter(|of| *of != at && !region.heard.contains_key(&world.regions[*of].name)).collect()
}

/// `of` writes down that it heeds nothing older, and tells what it knows.
pub fn testify(world: &mut World, at: usize, of: usize) {
    let (restored, incarnation) = (world.regions[at].name.clone(), world.regions[at].store.identity().incarnation);
    world.apply(of, &Command::HeedRegion { region: restored.clone(), incarnation });
    let witness = &world.regions[of];
    let testimony = restore::testify(&witness.store, &witness.copies, &restored);
    let name = witness.name.clone();
    world.regions[at].heard.insert(name, testimony);
}

/// All have told.
pub fn lift(protocol: &Protocol, world: &mut World, at: usize) {
    let region = &world.regions[at];
    let heard = region.heard.values().filter(|_| protocol.flaw != Some(Flaw::AsksNobody));
    let command = restore::recover(&region.store, heard, NOW, &mut region.ids());
    world.apply(at, &command);
    world.regions[at].heard.clear();
    if !keeps_its_word(world, at) {
        world.broken.insert(invariants::restored_keeps_its_word::INVARIANT.name);
    }
}

/// Whatever of the region's words the others have heard, it is as far as that, or has failed where that is still allowed.
fn keeps_its_word(world: &World, at: usize) -> bool {
    let region = &world.regions[at];
    let others = world.regions.iter().enumerate().filter(|(of, _)| *of != at).map(|(_, other)| other);
    let told = others.flat_map(|other| other.copies.all()).filter(|copy| copy.region.name == region.name);
    told.filter(|copy| copy.incarnation < region.store.identity().incarnation).all(|copy| stands(&region.store, copy))
}

fn stands(store: &Store, told: &RegionRecord) -> bool {
    let Some(now) = store.rollout(&told.rollout).map(|rollout| rollout.phase) else {
        // What came to nothing may be forgotten.
        return !told.phase.is_adopted();
    };
    match told.phase {
        Phase::Unblocking => matches!(now, Phase::Unblocking | Phase::Held | Phase::Successful | Phase::Cancelled),
        phase if phase.is_terminal() => now == phase,
        phase => !phase.is_adopted() || now.is_adopted(),
    }
}

/// Which testimonies behave alike.
pub fn digest(testimony: &Testimony) -> u64 {
    let mut to = DefaultHasher::new();
    for record in &testimony.records {
        (&record.rollout, record.phase as u8, record.forced, record.incarnation).hash(&mut to);
    }
    for known in &testimony.rollouts {
        (&known.header.id, known.phase as u8, known.forced, &known.cause_region).hash(&mut to);
    }
    to.finish()
}
