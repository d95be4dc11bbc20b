//! Power cuts: three servers of a region, each on an ext4 file system of its own, which forgets at any moment all that was not synced. What was
//! acknowledged is there afterwards, and every server is who it was.
//!
//! A seed draws a [`cut`]; [`disk`] has the file systems, [`region`] the servers on them, [`ledger`] what writers were told and the judgement.
//! Start reading at [`play`].

mod cut;
mod disk;
mod ledger;
mod region;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use cut::{Cut, Moment, Victims};
pub use disk::Loss;
use ledger::{Writer, judge};
use region::{N_SERVERS, Region};

use crate::chaos::Dice;
use crate::turn::Turn;
use crate::{Guardian, steppe};

/// Cuts of one region, on the same disks.
const CUTS_PER_LIFE: usize = 20;
const N_WRITERS: usize = 4;
/// Under load, a snapshot is due every second.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(3);

/// Where file systems can be mounted; everything on it ends with it, or with the process of the tests.
pub struct Ground {
    folder: PathBuf,
    // in this order when dropped: the guardian removes the folder, then it is the next one's turn
    guardian: Guardian,
    _turn: Turn,
}

impl Ground {
    /// # Errors
    /// What is missing, here or on this machine.
    pub fn prepare() -> Result<Ground, String> {
        let turn = Turn::take();
        steppe();
        let folder = tempfile::Builder::new().prefix("steppe-power-").tempdir().map_err(|error| format!("missing: a folder: {error}"))?;
        // The guardian removes it. It does not see what is mounted from here on, which ends with those who do.
        let folder = folder.keep();
        let ground = Ground { guardian: Guardian::of_campaign(&folder), folder, _turn: turn };
        disk::apart()?;
        Ok(ground)
    }

    /// What servers wrote stays.
    pub fn keep(&mut self) -> &Path {
        self.guardian.dismiss();
        &self.folder
    }
}

/// What came of cuts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub n_cuts: usize,
    pub n_acknowledged: usize,
    pub n_violations: usize,
}

/// Plays cuts, each with its seed, and tells how it goes. With `is_lying`, disks forget also what they are told
/// to sync once the region works, which must be seen.
///
/// # Errors
/// What is missing on this machine.
pub fn play(ground: &Ground, cuts: &[(u64, Cut)], is_lying: bool, mut tell: impl FnMut(String)) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let mut rest = cuts;
    while let [(first, _), ..] = rest {
        let folder = ground.folder.join(format!("from-{first}"));
        let mut life = Life::new(&folder, *first, is_lying)?;
        let (mut n_cuts, mut violations, began) = (0, Vec::new(), Instant::now());
        // what was violated once would be found again and again
        while n_cuts < CUTS_PER_LIFE
            && violations.is_empty()
            && let Some((seed, cut)) = rest.get(n_cuts)
        {
            violations = life.play(*seed, cut).unwrap_or_else(|problem| vec![problem]);
            violations.iter().for_each(|violation| tell(format!("VIOLATION seed {seed}, {cut}: {violation}")));
            n_cuts += 1;
        }
        rest = &rest[n_cuts..];
        let n_acknowledged = life.writers.iter().map(|writer| writer.n_acknowledged).sum::<usize>();
        drop(life);
        if violations.is_empty() {
            let _ = fs::remove_dir_all(folder);
        }
        let (seconds, n_violations) = (began.elapsed().as_secs_f64(), violations.len());
        tell(format!("{n_cuts} cuts from {first}: {seconds:.0} s, {n_acknowledged} acknowledged writes, {n_violations} violations"));
        tally.n_cuts += n_cuts;
        tally.n_acknowledged += n_acknowledged;
        tally.n_violations += n_violations;
    }
    Ok(tally)
}

/// A region and those who write to it.
struct Life {
    region: Region,
    writers: Vec<Writer>,
}

impl Life {
    fn new(folder: &Path, seed: u64, is_lying: bool) -> Result<Life, String> {
        let writers = (0..N_WRITERS).map(|name| Writer::new(name, seed)).collect();
        Ok(Life { region: Region::new(folder, is_lying)?, writers })
    }

    /// One cut, and what is there afterwards; what is violated.
    ///
    /// # Errors
    /// The region does not work any more.
    fn play(&mut self, seed: u64, cut: &Cut) -> Result<Vec<String>, String> {
        let mut violations = Vec::new();
        if cut.moment != Moment::Start {
            self.region.begin_to_start();
            self.region.examine(&mut violations)?;
        }
        self.region.lie();
        let (region, is_over) = (&mut self.region, AtomicBool::new(false));
        std::thread::scope(|scope| {
            for writer in &mut self.writers {
                scope.spawn(|| writer.write(&Region::addresses(), &is_over));
            }
            let suffered = suffer(region, cut, &mut Dice::new(!seed));
            is_over.store(true, Ordering::Relaxed);
            suffered
        })?;
        let mut found = self.region.examine(&mut violations)?;
        for writer in &mut self.writers {
            violations.extend(judge(&mut writer.jobs, &found));
            found.retain(|id, _| !writer.jobs.contains_key(id));
        }
        violations.extend(found.into_iter().map(|(id, written)| format!("{id}: nobody wrote {written:?}")));
        Ok(violations)
    }
}

/// The power goes, and comes back; returns when all servers are being started again.
fn suffer(region: &mut Region, cut: &Cut, dice: &mut Dice) -> Result<(), String> {
    match cut.moment {
        Moment::Load => {}
        Moment::Snapshot => region.wait_for_snapshot(&region.places(cut.victims), SNAPSHOT_PATIENCE),
        Moment::Election => region.kill(&region.places(Victims::Leader)),
        Moment::Start => {
            region.kill(&region.places(Victims::All));
            region.begin_to_start();
        }
        Moment::Return => {
            let away = region.places(cut.victims)[0];
            region.kill(&[away]);
            let there: Vec<usize> = (0..N_SERVERS).filter(|place| *place != away).collect();
            region.wait_for_snapshot(&there, SNAPSHOT_PATIENCE);
            region.begin_to_start();
        }
    }
    std::thread::sleep(cut.after);
    let places = region.places(cut.victims);
    region.cut(&places, cut, dice)?;
    if places.len() < N_SERVERS {
        std::thread::sleep(cut.apart);
    }
    region.come_back(&places, cut.is_checked)?;
    region.begin_to_start();
    Ok(())
}
