//! A notice for one waiter; it is kept when nobody waits.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::executor::Sim;
use super::world::World;

#[derive(Default)]
pub struct Signal {
    is_given: bool,
    waiter: Option<Waker>,
}

impl Signal {
    pub fn give(&mut self) {
        self.is_given = true;
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
    }
}

/// Waits for the signal that `of` names.
pub async fn given(sim: &Sim, of: impl Fn(&mut World) -> &mut Signal) {
    poll_fn(|context| {
        sim.with(|world| {
            let signal = of(world);
            if std::mem::take(&mut signal.is_given) {
                return Poll::Ready(());
            }
            signal.waiter = Some(context.waker().clone());
            Poll::Pending
        })
    })
    .await;
}
