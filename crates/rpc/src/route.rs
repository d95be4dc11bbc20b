//! The one routing decision: is a call answered here, by the leader, or by another region?

use crate::message::{Call, Failure, Request, SnapshotRequest};
use model::RegionName;

/// What the deciding server knows.
#[derive(Clone, Debug)]
pub struct Here<'a> {
    pub region: &'a RegionName,
    /// This server leads its region.
    pub is_leader: bool,
    /// rpc address of the leader, if one is known.
    pub leader: Option<&'a str>,
    /// Names of all regions in the pool, sorted.
    pub regions: &'a [RegionName],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Here,
    /// Pass on to this rpc address.
    Leader(String),
    /// Pass on to any server of the region.
    Region(RegionName),
    /// There is no leader now; worth trying again soon.
    NoLeader,
    Refuse(Failure),
}

/// Where `call` goes. Every kind of hop is taken at most once.
pub fn route(call: &Call, here: &Here<'_>) -> Route {
    if call.region != *here.region {
        if call.hops.region {
            return Route::Refuse(Failure::internal(format!(
                "a request for region {:?} was passed on to region {:?}: the sender's member list is out of date, try again",
                call.region.as_str(),
                here.region.as_str()
            )));
        }
        if !here.regions.contains(&call.region) {
            return Route::Refuse(no_path(&call.region, here.regions));
        }
        return Route::Region(call.region.clone());
    }
    if !needs_leader(&call.request) || here.is_leader {
        return Route::Here;
    }
    if call.hops.leader {
        // Leadership moved while the call was on its way.
        return Route::NoLeader;
    }
    match here.leader {
        Some(address) => Route::Leader(address.to_owned()),
        None => Route::NoLeader,
    }
}

fn needs_leader(request: &Request) -> bool {
    match request {
        Request::Read(options, _) => !options.stale,
        Request::Write(_) | Request::Node(_) | Request::Rollout(_) => true,
        Request::Snapshot(SnapshotRequest::Take { stale } | SnapshotRequest::Read { stale, .. }) => !stale,
        Request::Snapshot(_) => true,
        Request::OnNode(..) | Request::Agent(_) => false,
    }
}

/// The error for a region that no member belongs to.
pub fn no_path(region: &RegionName, known: &[RegionName]) -> Failure {
    let known: Vec<&str> = known.iter().map(RegionName::as_str).collect();
    Failure::internal(format!("No path to region {:?}; known regions: {}", region.as_str(), known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Hops, Read, ReadOptions, Write};

    /// Each row: region asked, hops taken, leader here?, leader known?, write? -> route.
    #[test]
    fn routes() {
        let (west, east) = (RegionName::from("west"), RegionName::from("east"));
        let regions = [east.clone(), west.clone()];
        let check = |region: &str, hops: Hops, is_leader: bool, leader: Option<&str>, write: bool, want: &str| {
            let request = if write {
                Request::Write(Write::CollectGarbage)
            } else {
                Request::Read(ReadOptions { stale: true, ..Default::default() }, Read::Leader)
            };
            let call = Call { region: RegionName::from(region), hops, request };
            let got = match route(&call, &Here { region: &west, is_leader, leader, regions: &regions }) {
                Route::Here => "here".to_owned(),
                Route::Leader(address) => format!("leader {address}"),
                Route::Region(name) => format!("region {name}"),
                Route::NoLeader => "no leader".to_owned(),
                Route::Refuse(failure) => failure.text,
            };
            assert!(got.starts_with(want), "{region} {hops:?}: {got}");
        };
        let none = Hops::default();
        check("west", none, true, None, true, "here");
        check("west", none, false, Some("a:1"), true, "leader a:1");
        check("west", none, false, Some("a:1"), false, "here");
        check("west", none, false, None, true, "no leader");
        check("west", Hops { leader: true, ..none }, false, Some("a:1"), true, "no leader");
        check("east", none, true, None, true, "region east");
        check("east", Hops { region: true, ..none }, true, None, true, "a request for region \"east\"");
        check("mars", none, true, None, true, "No path to region \"mars\"; known regions: east, west");
    }
}
