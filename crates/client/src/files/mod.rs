//! Files of an allocation, for people: never outside of its directory, never secrets.

mod follow;
mod list;
mod logs;
mod open;
mod snapshot;

pub(crate) use follow::{Chunks, read, stream};
pub(crate) use list::{list, stat};
pub(crate) use logs::logs;
pub(crate) use snapshot::snapshot;
