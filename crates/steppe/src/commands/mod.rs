//! The commands: which there are, and which file runs each. One file per noun and command.

mod agent;
mod agent_info;
mod alloc_fs;
mod alloc_logs;
mod alloc_restart;
mod alloc_signal;
mod alloc_status;
mod alloc_stop;
mod config_validate;
mod deployment_act;
mod deployment_list;
mod deployment_status;
mod drain_monitor;
mod eval_delete;
mod eval_list;
mod eval_status;
#[cfg(test)]
mod flags_table;
mod fmt;
mod job_allocs;
mod job_deployments;
mod job_dispatch;
mod job_eval;
mod job_file;
mod job_history;
mod job_init;
mod job_inspect;
mod job_periodic;
mod job_plan;
mod job_promote;
mod job_restart;
mod job_revert;
mod job_rollout;
mod job_rollout_act;
mod job_run;
mod job_scale;
mod job_scaling_events;
mod job_start;
mod job_status;
mod job_stop;
mod job_tag;
mod job_validate;
mod launches;
#[cfg(test)]
mod layouts_table;
mod monitor;
mod multiregion;
mod namespace_apply;
mod namespace_delete;
mod namespace_list;
mod namespace_status;
mod node_config;
mod node_drain;
mod node_eligibility;
mod node_meta;
mod node_pool_apply;
mod node_pool_delete;
mod node_pool_info;
mod node_pool_init;
mod node_pool_list;
mod node_pool_members;
mod node_show;
mod node_status;
mod not_yet;
mod operator_api;
mod operator_autopilot;
mod operator_metrics;
mod operator_raft;
mod operator_scheduler;
mod operator_snapshot;
mod run;
mod scaling_policy;
mod server;
mod status;
mod system;
mod tail;

use clap::{Parser, Subcommand};

use crate::context::Outcome;

pub use deployment_list::table as deployment_table;
pub use deployment_status::text as deployment_text;
pub use eval_list::table as eval_table;
pub use job_allocs::table as alloc_table;
pub use job_status::table as job_table;
pub use node_status::short_table as node_table;
pub use run::run;

/// An open federated workload orchestrator: the agent, and the command line to its regions.
#[derive(Parser, Debug)]
#[command(name = "steppe", disable_help_flag = true, disable_help_subcommand = true, disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    command: Noun,
}

#[derive(Subcommand, Debug)]
enum Noun {
    /// Run an agent: a server, a client, or both.
    #[command(disable_help_flag = true)]
    Agent,
    /// Show figures about the agent that answers.
    AgentInfo(agent_info::Args),
    /// Act on allocations.
    #[command(subcommand)]
    Alloc(Alloc),
    /// Look at configurations of agents.
    #[command(subcommand)]
    Config(Config),
    /// Act on deployments.
    #[command(subcommand)]
    Deployment(Deployment),
    /// Look at evaluations.
    #[command(subcommand)]
    Eval(Eval),
    /// Put the lines of HCL files in place.
    Fmt(fmt::Args),
    /// Act on jobs.
    #[command(subcommand)]
    Job(Job),
    /// Follow the log of an agent.
    Monitor(monitor::Args),
    /// Act on namespaces, in which jobs have their names.
    #[command(subcommand)]
    Namespace(Namespace),
    /// Act on nodes.
    #[command(subcommand)]
    Node(Node),
    /// Look at the region's own workings.
    #[command(subcommand)]
    Operator(Operator),
    /// Look at the bounds between which groups are scaled.
    #[command(subcommand)]
    Scaling(Scaling),
    /// Act on servers and the pool they form.
    #[command(subcommand)]
    Server(Server),
    /// List jobs, or show whatever an id stands for.
    Status(status::Args),
    /// Act on the region as a whole.
    #[command(subcommand)]
    System(System),
    /// Print the version.
    Version,

    // Short and older names.
    #[command(hide = true)]
    AllocStatus(alloc_status::Args),
    #[command(hide = true)]
    ClientConfig(node_config::Args),
    #[command(hide = true)]
    EvalStatus(eval_status::Args),
    #[command(hide = true)]
    Fs(alloc_fs::Args),
    #[command(hide = true)]
    Init(job_init::Args),
    #[command(hide = true)]
    Inspect(job_inspect::Args),
    #[command(hide = true)]
    Logs(alloc_logs::Args),
    #[command(hide = true)]
    NodeDrain(node_drain::Args),
    #[command(hide = true)]
    NodeStatus(node_status::Args),
    #[command(hide = true)]
    Plan(job_plan::Args),
    #[command(hide = true)]
    Run(job_run::Args),
    #[command(hide = true)]
    ServerForceLeave(server::ForceLeaveArgs),
    #[command(hide = true)]
    ServerJoin(server::JoinArgs),
    #[command(hide = true)]
    ServerMembers(server::MembersArgs),
    #[command(hide = true)]
    Start(job_start::Args),
    #[command(hide = true)]
    Stop(job_stop::Args),
    #[command(hide = true)]
    Validate(job_validate::Args),
}

#[derive(Subcommand, Debug)]
enum Alloc {
    /// Look at the files of an allocation.
    Fs(alloc_fs::Args),
    /// Print what a task wrote.
    Logs(alloc_logs::Args),
    /// Restart tasks where they are.
    Restart(alloc_restart::Args),
    /// Send a signal to tasks.
    Signal(alloc_signal::Args),
    /// Show an allocation.
    Status(alloc_status::Args),
    /// Stop an allocation; another is placed in its stead.
    Stop(alloc_stop::Args),
}

#[derive(Subcommand, Debug)]
enum Config {
    /// Check files before an agent is started with them.
    Validate(config_validate::Args),
}

#[derive(Subcommand, Debug)]
enum Deployment {
    /// Mark a deployment as failed.
    Fail(deployment_act::Args),
    /// List deployments.
    List(deployment_list::Args),
    /// Pause a deployment.
    Pause(deployment_act::Args),
    /// Promote a deployment's canaries.
    Promote(deployment_act::PromoteArgs),
    /// Resume a paused deployment.
    Resume(deployment_act::Args),
    /// Show a deployment.
    Status(deployment_status::Args),
    /// Let a region of a multi-region deployment finish although it waits for others.
    Unblock(deployment_act::Args),
}

#[derive(Subcommand, Debug)]
enum Eval {
    /// Delete evaluations, while the broker is paused.
    Delete(eval_delete::Args),
    /// List evaluations.
    List(eval_list::Args),
    /// Show an evaluation.
    Status(eval_status::Args),
}

#[derive(Subcommand, Debug)]
enum Job {
    /// List a job's allocations.
    Allocs(job_allocs::Args),
    /// List a job's deployments.
    Deployments(job_deployments::Args),
    /// Launch a parameterized job.
    Dispatch(job_dispatch::Args),
    /// Evaluate a job again.
    Eval(job_eval::Args),
    /// List a job's versions.
    History(job_history::Args),
    /// Write an example job file.
    Init(job_init::Args),
    /// Print a job in JSON, or the file it came from.
    Inspect(job_inspect::Args),
    /// Act on jobs that are launched by the clock.
    #[command(subcommand)]
    Periodic(Periodic),
    /// Show what registering a job file would change.
    Plan(job_plan::Args),
    /// Promote the canaries of a job's latest deployment.
    Promote(job_promote::Args),
    /// Restart a job's allocations, a few at a time.
    Restart(job_restart::Args),
    /// Go back to an earlier version of a job.
    Revert(job_revert::Args),
    /// Look at the rollout of a multi-region job, or decide about it.
    #[command(subcommand)]
    Rollout(Rollout),
    /// Submit a job file, and follow the job until it is placed.
    Run(job_run::Args),
    /// Change the count of a group.
    Scale(job_scale::Args),
    /// List what was said about the counts of a job's groups.
    ScalingEvents(job_scaling_events::Args),
    /// Start a stopped job.
    Start(job_start::Args),
    /// List jobs, or show one.
    Status(job_status::Args),
    /// Stop a job.
    Stop(job_stop::Args),
    /// Give versions of a job names.
    #[command(subcommand)]
    Tag(Tag),
    /// Check a job file.
    Validate(job_validate::Args),
}

#[derive(Subcommand, Debug)]
enum Periodic {
    /// Launch a periodic job now.
    Force(job_periodic::Args),
}

#[derive(Subcommand, Debug)]
enum Tag {
    /// Name a version.
    Apply(job_tag::ApplyArgs),
    /// Take a name away.
    Unset(job_tag::UnsetArgs),
}

#[derive(Subcommand, Debug)]
enum Scaling {
    /// Look at scaling policies.
    #[command(subcommand)]
    Policy(ScalingPolicy),
}

#[derive(Subcommand, Debug)]
enum ScalingPolicy {
    /// Show a policy.
    Info(scaling_policy::InfoArgs),
    /// List policies.
    List(scaling_policy::ListArgs),
}

#[derive(Subcommand, Debug)]
enum Rollout {
    /// Let a rollout fail wherever it has not ended.
    Abort(job_rollout_act::Args),
    /// Let a rollout go on without a region: -region names it.
    Exclude(job_rollout_act::Args),
    /// Pause all regions of a rollout, or the one that -region names.
    Pause(job_rollout_act::Args),
    /// Let nobody wait for a region's turn to end: -region names it.
    Release(job_rollout_act::Args),
    /// Resume all regions of a rollout, or the one that -region names.
    Resume(job_rollout_act::Args),
    /// Show where each region stands, and what it waits for.
    Status(job_rollout::Args),
}

#[derive(Subcommand, Debug)]
enum Namespace {
    /// Make or change a namespace.
    Apply(namespace_apply::Args),
    /// Delete a namespace.
    Delete(namespace_delete::Args),
    /// Print a namespace in JSON.
    Inspect(namespace_status::InspectArgs),
    /// List namespaces.
    List(namespace_list::Args),
    /// Show a namespace.
    Status(namespace_status::Args),
}

#[derive(Subcommand, Debug)]
enum NodePool {
    /// Make or change a node pool.
    Apply(node_pool_apply::Args),
    /// Delete a node pool.
    Delete(node_pool_delete::Args),
    /// Show a node pool.
    Info(node_pool_info::Args),
    /// Write an example file of a node pool.
    Init(node_pool_init::Args),
    /// List the jobs of a node pool.
    Jobs(node_pool_members::JobsArgs),
    /// List node pools.
    List(node_pool_list::Args),
    /// List the nodes of a node pool.
    Nodes(node_pool_members::NodesArgs),
}

#[derive(Subcommand, Debug)]
enum Node {
    /// See and set which servers a client agent knows.
    Config(node_config::Args),
    /// Move all work away from a node.
    Drain(node_drain::Args),
    /// Say whether a node takes new work.
    Eligibility(node_eligibility::Args),
    /// See and change the metadata of a node.
    #[command(subcommand)]
    Meta(NodeMeta),
    /// Act on node pools.
    #[command(subcommand)]
    Pool(NodePool),
    /// List nodes, or show one.
    Status(node_status::Args),
}

#[derive(Subcommand, Debug)]
enum NodeMeta {
    /// Set keys, or take them away.
    Apply(node_meta::ApplyArgs),
    /// Show what is in effect, and where it comes from.
    Read(node_meta::ReadArgs),
}

#[derive(Subcommand, Debug)]
enum Operator {
    /// Ask an agent anything, as a raw request.
    Api(operator_api::Args),
    /// See and set how a region looks after its servers.
    #[command(subcommand)]
    Autopilot(OperatorAutopilot),
    /// Show figures of the agent that answers.
    Metrics(operator_metrics::Args),
    /// Look at the consensus of a region, and change who takes part.
    #[command(subcommand)]
    Raft(OperatorRaft),
    /// See and set how a region schedules.
    #[command(subcommand)]
    Scheduler(OperatorScheduler),
    /// Keep the whole state of a region elsewhere, and bring it back.
    #[command(subcommand)]
    Snapshot(OperatorSnapshot),
}

#[derive(Subcommand, Debug)]
enum OperatorAutopilot {
    /// Show the settings.
    GetConfig(operator_autopilot::GetArgs),
    /// Show how the servers are.
    Health(operator_autopilot::HealthArgs),
    /// Change settings.
    SetConfig(operator_autopilot::SetArgs),
}

#[derive(Subcommand, Debug)]
enum OperatorScheduler {
    /// Show the settings.
    GetConfig(operator_scheduler::GetArgs),
    /// Change settings.
    SetConfig(operator_scheduler::SetArgs),
}

#[derive(Subcommand, Debug)]
enum OperatorSnapshot {
    /// Show what is in an archive.
    Inspect(operator_snapshot::InspectArgs),
    /// Replace the region's state by an archive's.
    Restore(operator_snapshot::RestoreArgs),
    /// Write the region's state to a file.
    Save(operator_snapshot::SaveArgs),
}

#[derive(Subcommand, Debug)]
enum OperatorRaft {
    /// List the servers that take part.
    ListPeers(operator_raft::Args),
    /// Take out a server that is gone for good.
    RemovePeer(operator_raft::RemoveArgs),
    /// Let another server lead.
    TransferLeadership(operator_raft::TransferArgs),
}

#[derive(Subcommand, Debug)]
enum Server {
    /// Say that a failed server is gone for good.
    ForceLeave(server::ForceLeaveArgs),
    /// Join the pool of another server.
    Join(server::JoinArgs),
    /// List the servers of the pool.
    Members(server::MembersArgs),
}

#[derive(Subcommand, Debug)]
enum System {
    /// Forget what has ended long ago, now.
    Gc(system::Args),
    /// Put right what is derived from the rest.
    #[command(subcommand)]
    Reconcile(Reconcile),
}

#[derive(Subcommand, Debug)]
enum Reconcile {
    /// Count the summaries of all jobs anew.
    Summaries(system::Args),
}

async fn dispatch(command: Noun) -> Outcome {
    match command {
        Noun::Agent => Ok(agent::run(&[])),
        Noun::AgentInfo(args) => agent_info::run(args).await,
        Noun::Alloc(Alloc::Fs(args)) | Noun::Fs(args) => alloc_fs::run(args).await,
        Noun::Alloc(Alloc::Logs(args)) | Noun::Logs(args) => alloc_logs::run(args).await,
        Noun::Alloc(Alloc::Restart(args)) => alloc_restart::run(args).await,
        Noun::Alloc(Alloc::Signal(args)) => alloc_signal::run(args).await,
        Noun::Alloc(Alloc::Status(args)) | Noun::AllocStatus(args) => alloc_status::run(args).await,
        Noun::Alloc(Alloc::Stop(args)) => alloc_stop::run(args).await,
        Noun::Config(Config::Validate(args)) => config_validate::run(&args),
        Noun::Deployment(Deployment::Fail(args)) => deployment_act::fail(args).await,
        Noun::Deployment(Deployment::List(args)) => deployment_list::run(args).await,
        Noun::Deployment(Deployment::Pause(args)) => deployment_act::pause(args).await,
        Noun::Deployment(Deployment::Promote(args)) => deployment_act::promote(args).await,
        Noun::Deployment(Deployment::Resume(args)) => deployment_act::resume(args).await,
        Noun::Deployment(Deployment::Status(args)) => deployment_status::run(args).await,
        Noun::Deployment(Deployment::Unblock(args)) => deployment_act::unblock(args).await,
        Noun::Eval(Eval::Delete(args)) => eval_delete::run(args).await,
        Noun::Eval(Eval::List(args)) => eval_list::run(args).await,
        Noun::Eval(Eval::Status(args)) | Noun::EvalStatus(args) => eval_status::run(args).await,
        Noun::Fmt(args) => fmt::run(&args),
        Noun::Job(Job::Allocs(args)) => job_allocs::run(args).await,
        Noun::Job(Job::Deployments(args)) => job_deployments::run(args).await,
        Noun::Job(Job::Dispatch(args)) => job_dispatch::run(args).await,
        Noun::Job(Job::Eval(args)) => job_eval::run(args).await,
        Noun::Job(Job::History(args)) => job_history::run(args).await,
        Noun::Job(Job::Init(args)) | Noun::Init(args) => job_init::run(&args),
        Noun::Job(Job::Inspect(args)) | Noun::Inspect(args) => job_inspect::run(args).await,
        Noun::Job(Job::Periodic(Periodic::Force(args))) => job_periodic::run(args).await,
        Noun::Job(Job::Plan(args)) | Noun::Plan(args) => job_plan::run(args).await,
        Noun::Job(Job::Promote(args)) => job_promote::run(args).await,
        Noun::Job(Job::Restart(args)) => job_restart::run(args).await,
        Noun::Job(Job::Revert(args)) => job_revert::run(args).await,
        Noun::Job(Job::Rollout(Rollout::Abort(args))) => job_rollout_act::abort(args).await,
        Noun::Job(Job::Rollout(Rollout::Exclude(args))) => job_rollout_act::exclude(args).await,
        Noun::Job(Job::Rollout(Rollout::Pause(args))) => job_rollout_act::pause(args).await,
        Noun::Job(Job::Rollout(Rollout::Release(args))) => job_rollout_act::release(args).await,
        Noun::Job(Job::Rollout(Rollout::Resume(args))) => job_rollout_act::resume(args).await,
        Noun::Job(Job::Rollout(Rollout::Status(args))) => job_rollout::run(args).await,
        Noun::Job(Job::Run(args)) | Noun::Run(args) => job_run::run(args).await,
        Noun::Job(Job::Scale(args)) => job_scale::run(args).await,
        Noun::Job(Job::ScalingEvents(args)) => job_scaling_events::run(args).await,
        Noun::Job(Job::Start(args)) | Noun::Start(args) => job_start::run(args).await,
        Noun::Job(Job::Status(args)) => job_status::run(args).await,
        Noun::Job(Job::Stop(args)) | Noun::Stop(args) => job_stop::run(args).await,
        Noun::Job(Job::Tag(Tag::Apply(args))) => job_tag::apply(args).await,
        Noun::Job(Job::Tag(Tag::Unset(args))) => job_tag::unset(args).await,
        Noun::Job(Job::Validate(args)) | Noun::Validate(args) => job_validate::run(args).await,
        Noun::Monitor(args) => monitor::run(args).await,
        Noun::Namespace(Namespace::Apply(args)) => namespace_apply::run(args).await,
        Noun::Namespace(Namespace::Delete(args)) => namespace_delete::run(args).await,
        Noun::Namespace(Namespace::Inspect(args)) => namespace_status::inspect(args).await,
        Noun::Namespace(Namespace::List(args)) => namespace_list::run(args).await,
        Noun::Namespace(Namespace::Status(args)) => namespace_status::run(args).await,
        Noun::Node(Node::Pool(NodePool::Apply(args))) => node_pool_apply::run(args).await,
        Noun::Node(Node::Pool(NodePool::Delete(args))) => node_pool_delete::run(args).await,
        Noun::Node(Node::Pool(NodePool::Info(args))) => node_pool_info::run(args).await,
        Noun::Node(Node::Pool(NodePool::Init(args))) => node_pool_init::run(&args),
        Noun::Node(Node::Pool(NodePool::Jobs(args))) => node_pool_members::jobs(args).await,
        Noun::Node(Node::Pool(NodePool::List(args))) => node_pool_list::run(args).await,
        Noun::Node(Node::Pool(NodePool::Nodes(args))) => node_pool_members::nodes(args).await,
        Noun::Node(Node::Drain(args)) | Noun::NodeDrain(args) => node_drain::run(args).await,
        Noun::Node(Node::Eligibility(args)) => node_eligibility::run(args).await,
        Noun::Node(Node::Config(args)) | Noun::ClientConfig(args) => node_config::run(args).await,
        Noun::Node(Node::Meta(NodeMeta::Apply(args))) => node_meta::apply(args).await,
        Noun::Node(Node::Meta(NodeMeta::Read(args))) => node_meta::read(args).await,
        Noun::Node(Node::Status(args)) | Noun::NodeStatus(args) => node_status::run(args).await,
        Noun::Operator(Operator::Api(args)) => operator_api::run(args).await,
        Noun::Operator(Operator::Autopilot(OperatorAutopilot::GetConfig(args))) => operator_autopilot::get(args).await,
        Noun::Operator(Operator::Autopilot(OperatorAutopilot::Health(args))) => operator_autopilot::health(args).await,
        Noun::Operator(Operator::Autopilot(OperatorAutopilot::SetConfig(args))) => operator_autopilot::set(args).await,
        Noun::Operator(Operator::Metrics(args)) => operator_metrics::run(args).await,
        Noun::Operator(Operator::Raft(OperatorRaft::ListPeers(args))) => operator_raft::run(args).await,
        Noun::Operator(Operator::Raft(OperatorRaft::RemovePeer(args))) => operator_raft::remove(args).await,
        Noun::Operator(Operator::Raft(OperatorRaft::TransferLeadership(args))) => operator_raft::transfer(args).await,
        Noun::Operator(Operator::Scheduler(OperatorScheduler::GetConfig(args))) => operator_scheduler::get(args).await,
        Noun::Operator(Operator::Scheduler(OperatorScheduler::SetConfig(args))) => operator_scheduler::set(args).await,
        Noun::Operator(Operator::Snapshot(OperatorSnapshot::Inspect(args))) => operator_snapshot::inspect(&args),
        Noun::Operator(Operator::Snapshot(OperatorSnapshot::Restore(args))) => operator_snapshot::restore(args).await,
        Noun::Operator(Operator::Snapshot(OperatorSnapshot::Save(args))) => operator_snapshot::save(args).await,
        Noun::Scaling(Scaling::Policy(ScalingPolicy::Info(args))) => scaling_policy::info(args).await,
        Noun::Scaling(Scaling::Policy(ScalingPolicy::List(args))) => scaling_policy::list(args).await,
        Noun::Server(Server::ForceLeave(args)) | Noun::ServerForceLeave(args) => server::force_leave(args).await,
        Noun::Server(Server::Join(args)) | Noun::ServerJoin(args) => server::join(args).await,
        Noun::Server(Server::Members(args)) | Noun::ServerMembers(args) => server::members(args).await,
        Noun::Status(args) => status::run(args).await,
        Noun::System(System::Gc(args)) => system::collect_garbage(args).await,
        Noun::System(System::Reconcile(Reconcile::Summaries(args))) => system::reconcile_summaries(args).await,
        Noun::Version => {
            say!("{}", version());
            Ok(0)
        }
    }
}

fn version() -> String {
    format!("Steppe v{}", env!("CARGO_PKG_VERSION"))
}
