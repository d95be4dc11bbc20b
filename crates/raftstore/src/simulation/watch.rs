//! A value and those who wait for its changes, woken in the order of waiting. tokio's own channel wakes them in an order that it rolls dice for.

use std::future::poll_fn;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::task::{Context, Poll, Waker};

use openraft::async_runtime::watch::{RecvError, SendError};
use openraft::async_runtime::{self, WatchReceiver, WatchSender};
use openraft::{OptionalSend, OptionalSync};

pub struct Watch;

struct Versioned<T> {
    version: u64,
    value: T,
}

struct Shared<T> {
    current: RwLock<Versioned<T>>,
    waiting: Mutex<Vec<Waker>>,
    n_senders: AtomicUsize,
    n_receivers: AtomicUsize,
}

impl<T> Shared<T> {
    fn read(&self) -> RwLockReadGuard<'_, Versioned<T>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }

    fn poll_changed(&self, seen: &mut u64, context: &Context<'_>) -> Poll<Result<(), RecvError>> {
        // Held while looking, so that a change after the look finds who waits.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.read().version;
        if version != *seen {
            *seen = version;
            return Poll::Ready(Ok(()));
        }
        if self.n_senders.load(Ordering::SeqCst) == 0 {
            return Poll::Ready(Err(RecvError(())));
        }
        if !waiting.iter().any(|other| other.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

pub struct Sender<T>(Arc<Shared<T>>);

pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

pub struct Borrowed<'a, T>(RwLockReadGuard<'a, Versioned<T>>);

impl<T> Deref for Borrowed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> Sender<T> {
    fn receiver(&self) -> Receiver<T> {
        self.0.n_receivers.fetch_add(1, Ordering::SeqCst);
        Receiver { shared: Arc::clone(&self.0), seen: self.0.read().version }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.n_senders.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.n_senders.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.wake();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.n_receivers.fetch_add(1, Ordering::SeqCst);
        Self { shared: Arc::clone(&self.shared), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.n_receivers.fetch_sub(1, Ordering::SeqCst);
    }
}

impl async_runtime::Watch for Watch {
    type Sender<T: OptionalSend + OptionalSync> = Sender<T>;
    type Receiver<T: OptionalSend + OptionalSync> = Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = Borrowed<'a, T>;

    fn channel<T: OptionalSend + OptionalSync>(value: T) -> (Sender<T>, Receiver<T>) {
        let current = RwLock::new(Versioned { version: 0, value });
        let shared = Shared { current, waiting: Mutex::default(), n_senders: AtomicUsize::new(1), n_receivers: AtomicUsize::new(0) };
        let sender = Sender(Arc::new(shared));
        let receiver = sender.receiver();
        (sender, receiver)
    }
}

impl<T: OptionalSend + OptionalSync> WatchSender<Watch, T> for Sender<T> {
    fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.0.n_receivers.load(Ordering::SeqCst) == 0 {
            return Err(SendError(value));
        }
        self.send_if_modified(|current| {
            *current = value;
            true
        });
        Ok(())
    }

    fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        let is_modified = {
            let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
            let is_modified = modify(&mut current.value);
            current.version += u64::from(is_modified);
            is_modified
        };
        if is_modified {
            self.0.wake();
        }
        is_modified
    }

    fn borrow_watched(&self) -> Borrowed<'_, T> {
        Borrowed(self.0.read())
    }

    fn subscribe(&self) -> Receiver<T> {
        self.receiver()
    }
}

impl<T: OptionalSend + OptionalSync> WatchReceiver<Watch, T> for Receiver<T> {
    async fn changed(&mut self) -> Result<(), RecvError> {
        let Self { shared, seen } = self;
        poll_fn(|context| shared.poll_changed(seen, context)).await
    }

    fn borrow_watched(&self) -> Borrowed<'_, T> {
        Borrowed(self.shared.read())
    }

    fn borrow_and_update(&mut self) -> Borrowed<'_, T> {
        let current = self.shared.read();
        self.seen = current.version;
        Borrowed(current)
    }
}
