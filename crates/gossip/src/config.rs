//! Timings and limits of the pool.

use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use crate::error::Error;

/// Bytes of a datagram that foca's own header and the first updates need; a broadcast must fit beside them, because foca keeps one that
/// does not fit for ever without sending it.
const HEADROOM: usize = 256;

/// Smallest `max_datagram` with which a member's description still fits beside the headroom.
const MIN_DATAGRAM: usize = 1100;

/// Far from where adding times could overflow.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Timings and limits. All members of a pool should use the same.
#[derive(Clone, Debug)]
pub struct Config {
    /// Label of the pool. Packets of another pool are refused, so two pools that learn each other's address do not merge.
    pub pool: String,
    /// How often one random member is probed.
    pub probe_period: Duration,
    /// How long to wait for an answer before others are asked to probe. Less than half of the period.
    pub probe_rtt: Duration,
    /// How many others are asked.
    pub indirect_probes: usize,
    /// A suspected member has at least `multiplier * log10(members) * probe_period` to defend itself; of the logarithm 1 to 2 count.
    pub suspicion_multiplier: u32,
    /// While only one server suspects it, so many times longer.
    pub suspicion_stretch: u32,
    /// With so many others who suspect it, too, the shortest time. With 0 it is always that, and nobody is told of suspicions of others.
    pub confirmations: usize,
    /// How many times longer a server waits for others, at most, beyond the usual, while it is not well itself. 0 switches this off.
    pub patience_max: u32,
    /// Whether a member that does not answer a datagram is tried over TCP.
    pub tcp_probes: bool,
    /// Whether most news stays within the region. Otherwise it goes to anybody, which between many regions is most expensive.
    pub region_aware: bool,
    /// How often news is sent, while there is any.
    pub gossip_interval: Duration,
    /// To how many members each time.
    pub gossip_fanout: usize,
    /// How often one random member is asked for the members it knows.
    pub announce_interval: Duration,
    /// How often two failed members are tried, so that a healed partition is noticed.
    pub announce_to_down_interval: Duration,
    /// How often digests are exchanged with one member.
    pub sync_interval: Duration,
    /// How soon a server that is alone tries its seeds again. Doubles up to sixteen times this.
    pub seed_retry: Duration,
    /// How often a seed that is not an alive member is tried while there are others.
    pub lost_seed_interval: Duration,
    /// How long a failed or left member is remembered and shown.
    pub remove_down_after: Duration,
    /// How long a forgotten record is kept from coming back.
    pub forgotten_keep: Duration,
    /// How long a leaving server goes on telling others.
    pub leave_linger: Duration,
    /// Largest foca datagram in bytes; the packet around it adds 38.
    pub max_datagram: usize,
}

impl Default for Config {
    /// For one pool over several regions with round trips below 250 ms. With 9 members a crash is noticed by all in 6 s, and in 12 s at the latest.
    fn default() -> Self {
        Self {
            pool: "steppe".to_owned(),
            probe_period: Duration::from_millis(1400),
            probe_rtt: Duration::from_millis(500),
            indirect_probes: 4,
            suspicion_multiplier: 2,
            suspicion_stretch: 4,
            confirmations: 2,
            patience_max: 8,
            tcp_probes: true,
            region_aware: true,
            gossip_interval: Duration::from_millis(300),
            gossip_fanout: 3,
            announce_interval: Duration::from_secs(30),
            announce_to_down_interval: Duration::from_secs(30),
            sync_interval: Duration::from_secs(10),
            seed_retry: Duration::from_secs(1),
            lost_seed_interval: Duration::from_secs(30),
            remove_down_after: Duration::from_secs(72 * 3600),
            forgotten_keep: Duration::from_secs(24 * 3600),
            leave_linger: Duration::from_secs(3),
            // 1400 is safe on the networks of today, less the packet around it and room for a seal.
            max_datagram: 1300,
        }
    }
}

impl Config {
    /// For servers on one machine or one local network: with 9 members a crash is noticed by all in 2.7 s, and in 4 s at the latest.
    pub fn fast() -> Self {
        Self {
            probe_period: Duration::from_millis(260),
            probe_rtt: Duration::from_millis(85),
            // 2.1 s: whoever runs for a tenth of every second has two turns to answer.
            suspicion_multiplier: 8,
            suspicion_stretch: 3,
            gossip_interval: Duration::from_millis(100),
            announce_interval: Duration::from_secs(5),
            announce_to_down_interval: Duration::from_secs(3),
            sync_interval: Duration::from_secs(2),
            seed_retry: Duration::from_millis(300),
            lost_seed_interval: Duration::from_secs(5),
            leave_linger: Duration::from_millis(800),
            ..Self::default()
        }
    }

    /// Refuses what foca could not run with.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |reason: String| Err(Error::Config(reason));
        if self.pool.is_empty() || self.pool.len() > 64 {
            return refuse(format!("the pool's label {:?} must have 1 to 64 bytes", self.pool));
        }
        let intervals = [
            ("gossip_interval", self.gossip_interval),
            ("announce_interval", self.announce_interval),
            ("announce_to_down_interval", self.announce_to_down_interval),
            ("sync_interval", self.sync_interval),
            ("seed_retry", self.seed_retry),
            ("lost_seed_interval", self.lost_seed_interval),
        ];
        let durations = [
            ("probe_period", self.probe_period),
            ("probe_rtt", self.probe_rtt),
            ("remove_down_after", self.remove_down_after),
            ("forgotten_keep", self.forgotten_keep),
            ("leave_linger", self.leave_linger),
        ];
        if let Some((name, _)) = durations.iter().chain(&intervals).find(|(_, duration)| *duration > LONGEST) {
            return refuse(format!("{name} must be at most {} days", LONGEST.as_secs() / 86_400));
        }
        for (name, factor) in [
            ("suspicion_multiplier", self.suspicion_multiplier),
            ("suspicion_stretch", self.suspicion_stretch),
            ("patience_max", self.patience_max),
        ] {
            if factor > 100 {
                return refuse(format!("{name} {factor} must be at most 100"));
            }
        }
        if self.confirmations > 100 {
            return refuse(format!("confirmations {} must be at most 100", self.confirmations));
        }
        if self.probe_rtt.is_zero() || self.probe_rtt * 2 > self.probe_period {
            return refuse(format!(
                "probe_rtt {:?} must be above zero and at most half of probe_period {:?}",
                self.probe_rtt, self.probe_period
            ));
        }
        if self.indirect_probes == 0 || self.gossip_fanout == 0 || self.suspicion_multiplier == 0 || self.suspicion_stretch == 0 {
            return refuse("indirect_probes, gossip_fanout, suspicion_multiplier and suspicion_stretch must be above zero".to_owned());
        }
        if !(MIN_DATAGRAM..=60_000).contains(&self.max_datagram) {
            return refuse(format!("max_datagram {} must be {MIN_DATAGRAM} to 60000 bytes", self.max_datagram));
        }
        match intervals.iter().find(|(_, interval)| interval.is_zero()) {
            Some((name, _)) => refuse(format!("{name} must be above zero")),
            None => Ok(()),
        }
    }

    /// Largest broadcast in bytes.
    pub(crate) fn max_broadcast(&self) -> usize {
        self.max_datagram.saturating_sub(HEADROOM)
    }

    /// If a timer is later than this, the process was not running, and no conclusion may be drawn from silence.
    pub(crate) fn pause_threshold(&self) -> Duration {
        (self.probe_period / 2).max(Duration::from_secs(1))
    }

    /// How long a suspected member has to defend itself, at least and at most, in a pool of so many.
    pub(crate) fn suspicion(&self, members: usize) -> (Duration, Duration) {
        // An answer must reach the whole pool in this time. News takes 0.3 s more among a thousand than among a hundred, not half as much again.
        let size = (members.max(1) as f64).log10().clamp(1.0, 2.0);
        let shortest = self.probe_period.mul_f64(f64::from(self.suspicion_multiplier) * size);
        (shortest, shortest.saturating_mul(self.suspicion_stretch))
    }

    /// The configuration of foca for a pool of so many members.
    pub(crate) fn for_foca(&self, members: usize) -> foca::Config {
        // Each of n members tells a news k times, to anybody. If a share l is lost, somebody misses it once in n * e^(k * (1 - l)) news, and
        // then waits for a sync. With this k that is one of a thousand where 30 of 100 packets are lost; news is rare.
        let transmissions = ((members.max(1) as f64 * 1000.0).ln() / 0.7).clamp(10.0, 255.0) as u8;
        let every = |frequency, num_members: usize| Some(foca::PeriodicParams { frequency, num_members: at_least_one(num_members) });
        foca::Config {
            probe_period: self.probe_period,
            probe_rtt: self.probe_rtt,
            num_indirect_probes: at_least_one(self.indirect_probes),
            max_transmissions: NonZeroU8::new(transmissions).unwrap_or(NonZeroU8::MIN),
            // Not used: see [`crate::probe`].
            suspect_to_down_after: self.probe_period,
            // Members are removed by the machine, which knows how long others have seen them down.
            remove_down_after: None,
            max_packet_size: at_least_one(self.max_datagram),
            notify_down_members: true,
            periodic_announce: every(self.announce_interval, 1),
            periodic_announce_to_down_members: every(self.announce_to_down_interval, 2),
            periodic_gossip: every(self.gossip_interval, self.gossip_fanout),
        }
    }
}

fn at_least_one(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shipped profiles are valid; impossible ones are refused by the name of the field.
    #[test]
    fn profiles_and_refusals() {
        Config::default().validate().unwrap();
        Config::fast().validate().unwrap();
        let check = |change: fn(&mut Config), word: &str| {
            let mut config = Config::default();
            change(&mut config);
            let text = config.validate().unwrap_err().to_string();
            assert!(text.contains(word), "{text}");
        };
        check(|c| c.pool.clear(), "label");
        check(|c| c.probe_rtt = c.probe_period, "probe_rtt");
        check(|c| c.gossip_fanout = 0, "gossip_fanout");
        check(|c| c.max_datagram = 500, "max_datagram");
        check(|c| c.sync_interval = Duration::ZERO, "sync_interval");
        check(|c| c.remove_down_after = Duration::MAX, "remove_down_after");
        check(|c| c.probe_period = Duration::MAX, "probe_period");
        check(|c| c.suspicion_multiplier = u32::MAX, "suspicion_multiplier");
    }

    /// Suspicion and retransmissions grow with the pool, as in the measured profile.
    #[test]
    fn size_of_the_pool_matters() {
        let config = Config::default();
        assert_eq!(config.suspicion(10), (Duration::from_millis(2_800), Duration::from_millis(11_200)));
        assert_eq!(config.suspicion(1000), (Duration::from_millis(5_600), Duration::from_millis(22_400)));
        assert_eq!(config.for_foca(9).max_transmissions.get(), 13);
        assert_eq!(config.for_foca(1000).max_transmissions.get(), 19);
    }
}
