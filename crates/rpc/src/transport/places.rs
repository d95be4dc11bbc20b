//! Places for accepted connections, all together and of each address: for every listener of an agent.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the connections of one listener.
pub struct Places {
    /// 0: any number.
    per_address: usize,
    all: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection of an address; dropping it makes room.
pub struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

/// Why there is no place: so many connections are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    All(usize),
    Address(usize),
}

impl Places {
    /// `per_address` 0: any number.
    pub fn new(per_address: usize, all: usize) -> Self {
        Self { per_address, all, taken: Mutex::default() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// There are as many as there may be, from everywhere or from there.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        let mut taken = self.taken();
        let count = taken.by_address.get(&address).copied().unwrap_or_default();
        if taken.all >= self.all {
            return Err(Full::All(taken.all));
        }
        if self.per_address > 0 && count >= self.per_address {
            return Err(Full::Address(count));
        }
        taken.all += 1;
        taken.by_address.insert(address, count + 1);
        Ok(Place { places: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}
