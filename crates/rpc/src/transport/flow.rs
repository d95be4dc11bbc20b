//! How much of a stream may be under way: the receiver grants credit, the sender spends it.
//!
//! Property: a receiver never holds more than its window of one stream, because every chunk is paid for before it is sent, and what is paid
//! comes back only when the chunk is consumed. A sender that overdraws breaks the protocol.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

use super::frame::CHUNK_BYTES_MAX;
use super::lock;

/// Tiny chunks cost more memory than their bytes; counting them as this bounds that, too.
const CHUNK_COST_MIN: u32 = 256;
/// Below two chunks a stream would stop and go.
const WINDOW_MIN: u32 = 2 * CHUNK_BYTES_MAX as u32;

/// What a chunk of so many bytes costs; both sides count alike.
pub fn cost(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).max(CHUNK_COST_MIN)
}

pub fn window(configured: u32) -> u32 {
    configured.clamp(WINDOW_MIN, 1 << 30)
}

/// The sender's account.
#[derive(Debug)]
pub struct Outflow {
    available: Mutex<u32>,
    more: Notify,
}

impl Outflow {
    pub fn new(granted: u32) -> Self {
        Self { available: Mutex::new(window(granted)), more: Notify::new() }
    }

    pub fn grant(&self, bytes: u32) {
        let mut available = lock(&self.available);
        *available = available.saturating_add(bytes);
        self.more.notify_one();
    }

    /// Waits until `cost` can be paid, and pays it. For one sender at a time.
    pub async fn pay(&self, cost: u32) {
        loop {
            {
                let mut available = lock(&self.available);
                if *available >= cost {
                    *available -= cost;
                    return;
                }
            }
            self.more.notified().await;
        }
    }
}

/// The receiver's account.
#[derive(Debug)]
pub struct Inflow {
    left: AtomicI64,
    window: u32,
}

impl Inflow {
    pub fn new(configured: u32) -> Self {
        let window = window(configured);
        Self { left: AtomicI64::new(i64::from(window)), window }
    }

    /// A chunk arrived. False: the sender had no credit for it.
    pub fn charge(&self, cost: u32) -> bool {
        self.left.fetch_sub(i64::from(cost), Ordering::AcqRel) >= i64::from(cost)
    }

    /// Adds to what was consumed; returns what is to be granted now. Grants are made for half a window at a time, which keeps them few.
    pub fn consume(&self, consumed: &mut u32, cost: u32) -> Option<u32> {
        *consumed = consumed.saturating_add(cost);
        if *consumed < self.window / 2 {
            return None;
        }
        let grant = std::mem::take(consumed);
        self.left.fetch_add(i64::from(grant), Ordering::AcqRel);
        Some(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_holds_at_most_its_window() {
        // A sender that never gets credit back is caught at the first chunk beyond the window.
        let inflow = Inflow::new(0);
        assert!(inflow.charge(cost(CHUNK_BYTES_MAX)) && inflow.charge(cost(CHUNK_BYTES_MAX)));
        assert!(!inflow.charge(cost(1)));
        let tiny = Inflow::new(WINDOW_MIN);
        let accepted = (0..).take_while(|_| tiny.charge(cost(0))).count();
        assert_eq!(accepted, (WINDOW_MIN / CHUNK_COST_MIN) as usize, "empty chunks are counted too");
    }

    #[tokio::test]
    async fn a_sender_waits_for_credit_and_goes_on_with_it() {
        // The account is emptied, the next payment waits, and absurd grants do not overflow.
        let outflow = Outflow::new(WINDOW_MIN);
        outflow.pay(WINDOW_MIN).await;
        let mut payment = std::pin::pin!(outflow.pay(1));
        assert!(futures::poll!(&mut payment).is_pending());
        outflow.grant(u32::MAX);
        outflow.grant(u32::MAX);
        payment.await;
    }

    #[test]
    fn credit_comes_back_by_half_windows() {
        // Consumption below half a window is kept back, then granted together.
        let inflow = Inflow::new(WINDOW_MIN);
        let mut consumed = 0;
        assert_eq!(inflow.consume(&mut consumed, 1000), None);
        assert_eq!(inflow.consume(&mut consumed, WINDOW_MIN / 2), Some(WINDOW_MIN / 2 + 1000));
        assert_eq!(consumed, 0);
    }
}
