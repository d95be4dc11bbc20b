//! How soon a region accepts writes again whose leader is cut off from it: the leader lives, and does not know yet that it leads nobody.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::fleet::{Fleet, READY, wait_for};
use super::web;
use super::world::{Conditions, Fault, servers_of};

/// One of three servers.
const REGION: usize = 1;
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two writes of those who write all the while.
const PACE: Duration = Duration::from_millis(20);
/// They write for so long before the cut.
const CALM: Duration = Duration::from_secs(1);

/// From the cut until a write that began after it is acknowledged by another server, while somebody else writes to a third one.
/// Must be called in a network namespace that is nobody else's.
///
/// # Errors
/// Agents or networks cannot be set up, or do not come to work.
pub fn measure(rounds: usize, program: &Path, folder: &Path) -> Result<Vec<Duration>, String> {
    let fleet = Fleet::up(true, program, folder)?;
    (0..rounds).map(|round| gap(&fleet, round)).collect()
}

fn gap(fleet: &Fleet, round: usize) -> Result<Duration, String> {
    let leader = agreed(fleet)?;
    let others: Vec<usize> = servers_of(REGION).filter(|server| *server != leader).collect();
    let is_over = AtomicBool::new(false);
    let took = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                write(fleet, others[1], "meanwhile", Duration::from_secs(2));
                std::thread::sleep(PACE);
            }
        });
        std::thread::sleep(CALM);
        let began = Instant::now();
        fleet.set(&Conditions::of(&[Fault::ServerApart(leader)]));
        while !write(fleet, others[0], &format!("cut-{round}"), PATIENCE) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        is_over.store(true, Ordering::Relaxed);
        began.elapsed()
    });
    fleet.set(&Conditions::default());
    (took < PATIENCE).then_some(took).ok_or_else(|| format!("no write was accepted within {} s", PATIENCE.as_secs()))
}

/// The leader, once all servers of the region name the same.
fn agreed(fleet: &Fleet) -> Result<usize, String> {
    let named = |server| web::ask("GET", fleet.http(server), "/v1/status/leader?stale", None, Duration::from_secs(1));
    wait_for(READY, || {
        let mut all: Vec<_> = servers_of(REGION).map(named).collect();
        all.dedup();
        (all.len() > 1 || all[0].is_none()).then(|| format!("the leader is {all:?}"))
    })?;
    fleet.leader(REGION).ok_or_else(|| "nobody leads".to_owned())
}

fn write(fleet: &Fleet, server: usize, id: &str, patience: Duration) -> bool {
    let body = json!({ "Job": {
        "ID": id, "Datacenters": ["*"],
        "TaskGroups": [{ "Name": "g", "Count": 0, "Tasks": [{ "Name": "t", "Driver": "raw_exec", "Config": { "command": "/bin/true" } }] }],
    } });
    web::ask("PUT", fleet.http(server), "/v1/jobs", Some(&body), patience).is_some_and(|(status, _)| status == 200)
}
