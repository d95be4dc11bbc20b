//! Who waits for what: one update wakes those who wait for it and nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rpc::message::Failure;
use state::{Touched, Watch};
use tokio::sync::Notify;

/// HTTP's word for it.
const TOO_MANY: u16 = 429;

/// The waiting readers, by what they watch.
pub struct Watches {
    /// So many wait at most.
    n_max: usize,
    waiting: Mutex<Everybody>,
}

#[derive(Default)]
struct Everybody {
    n_places: usize,
    by_watch: HashMap<Watch, Waiting>,
}

#[derive(Default)]
struct Waiting {
    notify: Arc<Notify>,
    n_places: usize,
}

/// A place among those who wait for one [`Watch`]. It stays there over any number of updates, until it is dropped.
pub struct Place<'a> {
    watches: &'a Watches,
    watch: Watch,
    notify: Arc<Notify>,
    /// Of a reader, of whom there are so many at most.
    is_counted: bool,
}

impl Watches {
    pub fn new(n_max: usize) -> Self {
        Self { n_max, waiting: Mutex::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Everybody> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, if there is one left. What changes after [`Notify::notified`] was called wakes that future: call it before looking at the
    /// state.
    pub fn place(&self, watch: &Watch) -> Result<Place<'_>, Failure> {
        let mut waiting = self.waiting();
        if waiting.n_places >= self.n_max {
            return Err(Failure::new(TOO_MANY, format!("{} readers wait for news already, limits.max_watches", self.n_max)));
        }
        waiting.n_places += 1;
        Ok(self.take(&mut waiting, watch, true))
    }

    /// A place for the server itself: there are only a few of those, and readers do not get fewer by them.
    pub fn own_place(&self, watch: &Watch) -> Place<'_> {
        self.take(&mut self.waiting(), watch, false)
    }

    fn take(&self, waiting: &mut Everybody, watch: &Watch, is_counted: bool) -> Place<'_> {
        let of_watch = waiting.by_watch.entry(watch.clone()).or_default();
        of_watch.n_places += 1;
        Place { watches: self, watch: watch.clone(), notify: Arc::clone(&of_watch.notify), is_counted }
    }

    /// Wakes those who wait for one of the touched things.
    pub fn wake(&self, touched: &Touched) {
        let waiting = self.waiting();
        if waiting.by_watch.is_empty() {
            return;
        }
        for of_watch in touched.0.iter().filter_map(|watch| waiting.by_watch.get(watch)) {
            of_watch.notify.notify_waiters();
        }
    }

    /// Wakes everybody: the state was replaced.
    pub fn wake_all(&self) {
        self.waiting().by_watch.values().for_each(|of_watch| of_watch.notify.notify_waiters());
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
        waiting.n_places -= usize::from(self.is_counted);
        let Some(of_watch) = waiting.by_watch.get_mut(&self.watch) else { return };
        of_watch.n_places -= 1;
        if of_watch.n_places == 0 {
            waiting.by_watch.remove(&self.watch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::JobKey;

    fn web() -> Watch {
        Watch::Job(JobKey::new("default", "web"))
    }

    /// Only who waits for the touched thing is woken, and nobody who left stays in the map.
    #[tokio::test]
    async fn waking() {
        let watches = Watches::new(3);
        let db = Watch::Job(JobKey::new("default", "db"));
        {
            let (at_web, at_db) = (watches.place(&web()).expect("a place"), watches.place(&db).expect("a place"));
            let (web_wakes, db_wakes) = (at_web.notify().notified(), at_db.notify().notified());
            tokio::pin!(web_wakes, db_wakes);
            watches.wake(&Touched(vec![web()]));
            web_wakes.await;
            assert!(futures::poll!(db_wakes.as_mut()).is_pending());
            watches.wake_all();
            db_wakes.await;
        }
        assert!(watches.waiting().by_watch.is_empty());
        let places: Vec<_> = (0..3).map(|_| watches.place(&web()).expect("a place")).collect();
        assert!(watches.place(&db).is_err_and(|failure| failure.text.contains("limits.max_watches")));
        drop(watches.own_place(&db));
        assert!(watches.place(&db).is_err(), "the server's own places make no room for readers");
        drop(places);
        let _own = watches.own_place(&db);
        assert!((0..3).map(|_| watches.place(&db)).collect::<Result<Vec<_>, _>>().is_ok(), "nor do they take any");
    }

    /// Somebody who took his place before an update that he has seen already is still woken by the next one.
    #[tokio::test]
    async fn an_update_between_taking_a_place_and_waiting() {
        let watches = Watches::new(3);
        let place = watches.place(&web()).expect("a place");
        watches.wake(&Touched(vec![web()]));
        let woken = place.notify().notified();
        tokio::pin!(woken);
        assert!(futures::poll!(woken.as_mut()).is_pending());
        watches.wake(&Touched(vec![web()]));
        assert!(futures::poll!(woken).is_ready());
    }
}
