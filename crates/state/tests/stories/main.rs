//! Stories told through `Store::apply`: what a command changes, what it refuses, and what watchers and counters see of it.

mod kit;

mod allocs;
mod autopilot;
mod deployments;
mod evals;
mod events;
mod jobs;
mod launches;
mod nodes;
mod places;
mod plans;
mod reap;
mod restore;
mod rollouts;
mod snapshot;
mod totality;
mod watches;
