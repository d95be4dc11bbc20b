//! Who waits for what: one update wakes those who wait for it and nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use state::{Touched, Watch};
use tokio::sync::Notify;

/// The waiting readers, by what they watch.
#[derive(Default)]
pub struct Watches {
    waiting: Mutex<HashMap<Watch, Arc<Notify>>>,
}

/// A place in the queue of one [`Watch`]; leaving it behind costs nothing.
pub struct Place<'a> {
    watches: &'a Watches,
    watch: Watch,
    notify: Arc<Notify>,
}

impl Watches {
    fn waiting(&self) -> MutexGuard<'_, HashMap<Watch, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place: updates from now on will be noticed by the first [`Notify::notified`] future made from it before looking at the state.
    pub fn place(&self, watch: &Watch) -> Place<'_> {
        let notify = Arc::clone(self.waiting().entry(watch.clone()).or_default());
        Place { watches: self, watch: watch.clone(), notify }
    }

    /// Wakes those who wait for one of the touched things.
    pub fn wake(&self, touched: &Touched) {
        let mut waiting = self.waiting();
        if waiting.is_empty() {
            return;
        }
        for watch in &touched.0 {
            if let Some(notify) = waiting.remove(watch) {
                notify.notify_waiters();
            }
        }
    }

    /// Wakes everybody: the state was replaced.
    pub fn wake_all(&self) {
        for (_, notify) in self.waiting().drain() {
            notify.notify_waiters();
        }
    }
}

impl Place<'_> {
    pub fn notify(&self) -> &Notify {
        &self.notify
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.watches.waiting();
        // The map and this place: nobody else waits for it.
        if Arc::strong_count(&self.notify) == 2 && waiting.get(&self.watch).is_some_and(|known| Arc::ptr_eq(known, &self.notify)) {
            waiting.remove(&self.watch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::JobKey;

    /// Only who waits for the touched thing is woken, and nobody who left stays in the map.
    #[tokio::test]
    async fn waking() {
        let watches = Watches::default();
        let (web, db) = (Watch::Job(JobKey::new("default", "web")), Watch::Job(JobKey::new("default", "db")));
        {
            let (at_web, at_db) = (watches.place(&web), watches.place(&db));
            let (web_wakes, db_wakes) = (at_web.notify().notified(), at_db.notify().notified());
            tokio::pin!(web_wakes, db_wakes);
            web_wakes.as_mut().enable();
            db_wakes.as_mut().enable();
            watches.wake(&Touched(vec![web.clone()]));
            web_wakes.await;
            assert!(futures::poll!(db_wakes).is_pending());
        }
        assert!(watches.waiting().is_empty());
    }
}
