//! How often something may be asked for.

use std::time::Duration;

use tokio::time::Instant;

/// Lets so many pass at once, and then one in each period: a token bucket.
#[derive(Debug)]
pub struct Pacer {
    burst: u32,
    period: Duration,
    tokens: u32,
    since: Instant,
}

impl Pacer {
    /// At least 1 of `burst`; `period` must not be zero.
    pub fn new(burst: u32, period: Duration) -> Self {
        let burst = burst.max(1);
        Self { burst, period: period.max(Duration::from_millis(1)), tokens: burst, since: Instant::now() }
    }

    /// As node agents ask for their allocations: a region that places on very many nodes is not asked for every allocation by itself.
    pub fn of_pulls() -> Self {
        Self::new(20, Duration::from_millis(50))
    }

    /// Returns when the next one may pass.
    pub async fn pause(&mut self) {
        let n_periods = self.since.elapsed().as_nanos() / self.period.as_nanos();
        let n_periods = u32::try_from(n_periods).unwrap_or(u32::MAX);
        if self.tokens.saturating_add(n_periods) >= self.burst {
            (self.tokens, self.since) = (self.burst, Instant::now());
        } else {
            self.tokens += n_periods;
            self.since += self.period * n_periods;
        }
        if self.tokens == 0 {
            self.since += self.period;
            tokio::time::sleep_until(self.since).await;
            return;
        }
        self.tokens -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first ones pass at once, the others one by one; whoever comes seldom never waits.
    #[tokio::test(start_paused = true)]
    async fn pace() {
        let mut pacer = Pacer::new(3, Duration::from_millis(100));
        let began = Instant::now();
        for _ in 0..3 {
            pacer.pause().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..5 {
            pacer.pause().await;
        }
        assert_eq!(began.elapsed(), Duration::from_millis(500));
        tokio::time::sleep(Duration::from_secs(10)).await;
        let began = Instant::now();
        for _ in 0..4 {
            pacer.pause().await;
        }
        assert_eq!(began.elapsed(), Duration::from_millis(100));
    }
}
