//! Stories: a world is changed by commands, evaluations are scheduled and their plans applied, and what is left is looked at.

mod absence;
mod counts;
mod everywhere;
mod gates;
mod placement;
mod preemption;
mod properties;
mod region;
mod repair;
mod rollouts;
mod script;
mod worlds;
