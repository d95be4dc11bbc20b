//! To whom news goes: most of it stays in the region.
//!
//! foca picks whom to tell from the whole pool, so that with many regions nearly everything would cross between them. Here a region as a whole
//! tells others as much as one member would: each of its s servers sends one of s messages to another region, of which any is as likely as
//! any other, however many servers it has. So what a server sends to other regions does not grow with their number, and a region of one
//! server is told as much as a large one.

use std::collections::BTreeSet;

use model::Uuid;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{Rng, RngExt};

use crate::identity::ServerIdentity;

/// The other servers that take part.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    near: Vec<ServerIdentity>,
    /// By region; none is empty.
    far: Vec<Vec<ServerIdentity>>,
}

impl Peers {
    pub(crate) fn new<'a>(own: &ServerIdentity, others: impl Iterator<Item = &'a ServerIdentity>) -> Self {
        let mut others: Vec<ServerIdentity> = others.cloned().collect();
        others.sort_by(|a, b| (&a.region, a.node).cmp(&(&b.region, b.node)));
        let mut peers = Self::default();
        for region in others.chunk_by(|a, b| a.region == b.region) {
            if region.iter().any(|server| server.region == own.region) {
                peers.near = region.to_vec();
            } else {
                peers.far.push(region.to_vec());
            }
        }
        peers
    }

    /// Somebody who is not among those told already.
    pub(crate) fn choose(&self, told: &BTreeSet<Uuid>, rng: &mut impl Rng) -> Option<&ServerIdentity> {
        let n_region = u32::try_from(self.near.len() + 1).unwrap_or(u32::MAX);
        let near = if rng.random_ratio(1, n_region) { None } else { untold(&self.near, told, rng) };
        near.or_else(|| self.choose_far(told, rng)).or_else(|| untold(&self.near, told, rng))
    }

    /// In any other region.
    pub(crate) fn choose_far(&self, told: &BTreeSet<Uuid>, rng: &mut impl Rng) -> Option<&ServerIdentity> {
        untold(self.far.choose(rng)?, told, rng)
    }

    pub(crate) fn choose_any(&self, rng: &mut impl Rng) -> Option<&ServerIdentity> {
        self.near.iter().chain(self.far.iter().flatten()).choose(rng)
    }

    /// In this server's region.
    pub(crate) fn choose_near(&self, rng: &mut impl Rng) -> Option<&ServerIdentity> {
        self.near.choose(rng)
    }
}

fn untold<'a>(servers: &'a [ServerIdentity], told: &BTreeSet<Uuid>, rng: &mut impl Rng) -> Option<&'a ServerIdentity> {
    servers.iter().filter(|server| !told.contains(&server.node)).choose(rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;
    use std::collections::BTreeMap;

    fn server(region: usize, number: usize) -> ServerIdentity {
        let node = Uuid::from_u128((region * 1000 + number + 1) as u128);
        ServerIdentity { node, address: "10.0.0.1:4648".parse().unwrap(), region: format!("r{region}").as_str().into(), generation: 1 }
    }

    /// A server of the first region tells others so often, of 10,000 times: per server of its own region, and per other region.
    #[test]
    fn shares() {
        let check = |sizes: &[usize], near: u32, far: &[u32]| {
            let others: Vec<ServerIdentity> =
                sizes.iter().enumerate().flat_map(|(region, size)| (0..*size).map(move |number| server(region, number))).skip(1).collect();
            let peers = Peers::new(&server(0, 0), others.iter());
            let mut rng = SmallRng::seed_from_u64(1);
            let mut told: BTreeMap<String, u32> = BTreeMap::new();
            for _ in 0..10_000 {
                let to = peers.choose(&BTreeSet::new(), &mut rng).unwrap();
                *told.entry(to.region.to_string()).or_default() += 1;
            }
            let about = |given: u32, expected: u32| assert!(given.abs_diff(expected) <= 250, "{sizes:?}: {told:?}");
            about(told.get("r0").copied().unwrap_or_default(), near);
            for (region, expected) in far.iter().enumerate() {
                about(told[&format!("r{}", region + 1)], *expected);
            }
        };
        check(&[5, 5, 5], 8_000, &[1_000, 1_000]);
        check(&[5, 1, 9], 8_000, &[1_000, 1_000]);
        check(&[1, 3, 3], 0, &[5_000, 5_000]);
        check(&[2, 1], 5_000, &[5_000]);
        check(&[4], 10_000, &[]);
    }

    /// Nobody is told twice in one round, and nobody but oneself is left out of enough rounds.
    #[test]
    fn everybody_in_turn() {
        let others: Vec<ServerIdentity> = (0..3).flat_map(|region| (0..3).map(move |number| server(region, number))).skip(1).collect();
        let peers = Peers::new(&server(0, 0), others.iter());
        let mut rng = SmallRng::seed_from_u64(2);
        let mut ever = BTreeSet::new();
        for _ in 0..200 {
            let mut told = BTreeSet::new();
            for _ in 0..2 {
                let to = peers.choose(&told, &mut rng).unwrap().node;
                assert!(told.insert(to));
            }
            ever.extend(told);
        }
        assert_eq!(ever.len(), 8);
        assert!(Peers::new(&server(0, 0), [].into_iter()).choose(&BTreeSet::new(), &mut rng).is_none());
    }
}
