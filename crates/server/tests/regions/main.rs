//! Whole regions in one process: real servers, sockets and directories; nodes that pretend.

mod common;
mod membership;
mod one_region;
mod rollout;
