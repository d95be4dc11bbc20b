//! One cluster at a time: the tests of a program run side by side, and a machine has only so many cores.

use std::sync::{Condvar, Mutex, PoisonError};

static TAKEN: Mutex<bool> = Mutex::new(false);
static FREED: Condvar = Condvar::new();

/// The right to run a cluster; given back when dropped.
pub struct Turn(());

impl Turn {
    /// Waits until nobody else has it.
    pub fn take() -> Turn {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            taken = FREED.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
        Turn(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = false;
        FREED.notify_one();
    }
}
