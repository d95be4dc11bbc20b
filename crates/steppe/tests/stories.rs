//! What the command line prints, asks and exits with, as stories: `data/*.story` has what an agent answers and what a person then sees.
//!
//! A story is played with the real binary against a small HTTP server. `UPDATE_EXPECT=1` writes what happened into the stories instead.

mod support;

use support::story::Story;

fn check(name: &str) {
    Story::load(name).check();
}

macro_rules! stories {
    ($($(#[$shows:meta])* $name:ident),+ $(,)?) => { $($(#[$shows])* #[test] fn $name() { check(stringify!($name)); })+ };
}

stories! {
    /// Flags in both forms, the environment, wrong arguments, unknown commands, and what is refused because it does not exist yet.
    usage,
    /// Lists of jobs, one job in every length, prefixes that fit no job or several.
    job_status,
    /// A job of two regions: the section that scripts parse, also when a region cannot be asked.
    multiregion,
    /// Submitting and following: success, failure, nowhere to place, changed meanwhile, nobody there.
    job_run,
    /// What would change, in one region and in two, and the exit codes that say so.
    job_plan,
    /// A job file is checked here first, with places, then by the server.
    job_validate,
    /// Looking at a job: versions, source, deployments, allocations.
    job_look,
    /// Changing a job: stop with its questions, revert, evaluate, promote, scale, start, restart.
    job_change,
    /// Jobs that launch others, by the clock and by a dispatch; names of versions; scaling.
    launch,
    /// Deployments: lists, columns that come and go, what can be done to one.
    deployment,
    /// Allocations: one in every length, logs and files, stop, restart, signal.
    alloc,
    /// Nodes: lists, one in every length, eligibility, drains, metadata, the servers that one knows.
    node,
    /// Raw requests, and flags that are refused with their reason.
    operator_api,
    /// The pool: members, leaders that are not known, join, force-leave, peers.
    server,
    /// Evaluations: lists, pages, one with its failures.
    eval,
    /// Namespaces, node pools, scheduler settings, and evaluations that are deleted.
    places,
    /// Figures in every form, and the log of an agent, a server and a node.
    telemetry,
    /// Files that are written and read: archives of a region, examples.
    files,
    /// Whatever an id stands for, and figures about the agent and the region.
    status,
}

/// Every story is played by a test.
#[test]
fn no_story_is_left_out() {
    let source = include_str!("stories.rs");
    for name in support::story::names() {
        assert!(source.contains(&format!("\n    {name},\n")), "data/{name}.story is in no test");
    }
}
