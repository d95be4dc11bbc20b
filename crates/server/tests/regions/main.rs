//! Whole regions in one process: real servers, sockets and directories; nodes that pretend.

mod calls;
mod common;
mod faults;
mod launches;
mod membership;
mod one_region;
mod rollout;
mod scheduling;
