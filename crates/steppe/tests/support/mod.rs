//! Playing the command line against an agent that says what a test wants.

pub mod agent;
pub mod story;
