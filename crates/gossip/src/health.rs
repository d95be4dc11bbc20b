//! How much this server trusts its own observations.
//!
//! Local health, after A. Dadgar, J. Phillips, J. Currey, "Lifeguard: SWIM-ing with Situational Awareness" (2017, arXiv 1707.00788): a server whose probes fail, who is accused itself, or whose timers come late, is likely the one that is slow. It then
//! gives everybody else more time, so that it does not call the healthy dead.

/// Something that tells how this server is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// A probe was answered.
    Answered,
    /// A probe was not, by nobody and on no way.
    Unanswered,
    /// Others suspected this server, and it had to say that it lives.
    Accused,
    /// A timer came so late that an answer may be waiting unread.
    Late,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Health {
    /// 0 is well.
    score: u32,
    worst: u32,
}

impl Health {
    /// With `worst` 0 nothing is learned.
    pub(crate) fn new(worst: u32) -> Self {
        Self { score: 0, worst }
    }

    pub(crate) fn note(&mut self, sign: Sign) {
        self.score = match sign {
            Sign::Answered => self.score.saturating_sub(1),
            Sign::Unanswered | Sign::Accused | Sign::Late => (self.score + 1).min(self.worst),
        };
    }

    /// How many times longer than usual to wait for others.
    pub(crate) fn factor(&self) -> u32 {
        self.score + 1
    }
}

#[cfg(test)]
mod tests {
    use super::Sign::{Accused, Answered, Late, Unanswered};
    use super::*;

    /// Every bad sign adds one up to the worst, every answered probe takes one away down to none.
    #[test]
    fn factor_follows_the_signs() {
        let check = |worst: u32, signs: &[Sign], expected: u32| {
            let mut health = Health::new(worst);
            signs.iter().for_each(|sign| health.note(*sign));
            assert_eq!(health.factor(), expected, "{signs:?}");
        };
        check(8, &[], 1);
        check(8, &[Answered], 1);
        check(8, &[Unanswered], 2);
        check(8, &[Accused], 2);
        check(8, &[Late], 2);
        check(8, &[Unanswered, Accused, Late], 4);
        check(8, &[Unanswered, Answered], 1);
        check(8, &[Unanswered, Unanswered, Answered], 2);
        check(8, &[Unanswered; 20], 9);
        check(8, &[[Unanswered; 10], [Answered; 10]].concat(), 1);
        check(0, &[Unanswered; 20], 1);
    }
}
