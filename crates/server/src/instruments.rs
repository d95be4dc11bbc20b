//! What is measured in a server: handles that its loops hold, resolved once. What can be read when somebody looks stands in `probe`.

use std::collections::BTreeMap;

use control::Counts;
use model::JobType;
use rpc::message::{NodeCall, NodeRequest, Read, Request, Write};
use telemetry::{Counter, Gauge, Registry, Sizes, Timer};

/// Handles on a server's figures. Those of the default count for nobody.
#[derive(Clone, Debug, Default)]
pub struct Instruments {
    /// Calls that came here, from people, nodes and other servers; raft's own are not counted.
    pub rpc_request: Counter,
    /// Those that read.
    pub rpc_query: Counter,
    /// Those that ended with an error.
    pub rpc_request_error: Counter,
    pub requests: RequestTimers,
    /// Commands that were put into the log.
    pub raft_apply: Counter,
    /// This server missed its leader, and asked to be elected.
    pub heartbeat_timeout: Counter,
    /// It led, and a majority was not there any more.
    pub leader_lease_timeout: Counter,
    /// From a command's proposal until it is applied here.
    pub commit_time: Timer,
    /// On a follower: between two messages of its leader.
    pub last_contact: Timer,
    /// On the leader: until a follower has acknowledged entries.
    pub append_entries: Timer,
    /// Making sure that what is read is not older than what was acknowledged.
    pub barrier: Timer,
    /// One look of the leader at the members of its raft group.
    pub reconcile: Timer,
    /// One look at deployments and rollouts.
    pub reconcile_deployments: Timer,
    /// Taking nodes for down.
    pub heartbeat_invalidate: Timer,
    pub plans: Plans,
    pub worker: Worker,
    pub broker: Broker,
    pub gossip: Gossip,
}

/// Plans on their way through the log.
#[derive(Clone, Debug, Default)]
pub struct Plans {
    /// Plans that are in the log's hands.
    pub queue_depth: Gauge,
    /// From the moment that a plan is made until it is applied.
    pub submit: Timer,
    /// All plans of a row: until the last of them is applied.
    pub apply: Timer,
    /// Plans that the state refused.
    pub node_rejected: Counter,
}

/// The scheduling loop.
#[derive(Clone, Debug, Default)]
pub struct Worker {
    /// Waiting for something to do.
    pub dequeue_eval: Timer,
    /// Waiting for the answer about a plan.
    pub submit_plan: Timer,
    /// Writing down that an evaluation was given up.
    pub update_eval: Timer,
    invoke: [Timer; 4],
}

impl Worker {
    /// Scheduling for a job of this type.
    pub fn invoke(&self, kind: JobType) -> &Timer {
        let [service, batch, system, sysbatch] = &self.invoke;
        match kind {
            JobType::Service => service,
            JobType::Batch => batch,
            JobType::System => system,
            JobType::Sysbatch => sysbatch,
        }
    }
}

/// The queue of evaluations.
#[derive(Clone, Debug, Default)]
pub struct Broker {
    ready: Gauge,
    unacked: Gauge,
    pending: Gauge,
    waiting: Gauge,
    by_type: BTreeMap<JobType, (Gauge, Gauge)>,
    /// From when it was due until it was taken.
    pub wait_time: Timer,
    /// From when it was taken until it was done.
    pub process_time: Timer,
    /// Both together.
    pub response_time: Timer,
}

impl Broker {
    /// Shows how many evaluations stand where.
    pub fn show(&self, counts: &Counts) {
        self.ready.set(counts.ready.values().sum());
        self.unacked.set(counts.out.values().sum());
        self.pending.set(counts.pending);
        self.waiting.set(counts.waiting);
        for (kind, (ready, unacked)) in &self.by_type {
            ready.set(counts.ready.get(kind).copied().unwrap_or(0));
            unacked.set(counts.out.get(kind).copied().unwrap_or(0));
        }
    }
}

/// Datagrams of gossip, in bytes, and the syncs between.
#[derive(Clone, Debug, Default)]
pub struct Gossip {
    pub received: Sizes,
    pub sent: Sizes,
    /// Whole lists that this server asked another one for.
    pub sync: Timer,
    pub sync_error: Counter,
}

impl Instruments {
    pub fn new(registry: &Registry) -> Self {
        let r = registry;
        let typed = |ready, unacked| (r.gauge(ready), r.gauge(unacked));
        Self {
            rpc_request: r.counter("nomad.nomad.rpc.request"),
            rpc_query: r.counter("nomad.nomad.rpc.query"),
            rpc_request_error: r.counter("nomad.nomad.rpc.request_error"),
            requests: RequestTimers::new(r),
            raft_apply: r.counter("nomad.raft.apply"),
            heartbeat_timeout: r.counter("nomad.raft.transition.heartbeat_timeout"),
            leader_lease_timeout: r.counter("nomad.raft.transition.leader_lease_timeout"),
            commit_time: r.timer("nomad.raft.commitTime"),
            last_contact: r.timer("nomad.raft.leader.lastContact"),
            append_entries: r.timer("nomad.raft.replication.appendEntries"),
            barrier: r.timer("nomad.nomad.leader.barrier"),
            reconcile: r.timer("nomad.nomad.leader.reconcile"),
            reconcile_deployments: r.timer("nomad.nomad.leader.reconcile_deployments"),
            heartbeat_invalidate: r.timer("nomad.nomad.heartbeat.invalidate"),
            plans: Plans {
                queue_depth: r.gauge("nomad.nomad.plan.queue_depth"),
                submit: r.timer("nomad.nomad.plan.submit"),
                apply: r.timer("nomad.nomad.plan.apply"),
                node_rejected: r.counter("nomad.nomad.plan.node_rejected"),
            },
            worker: Worker {
                dequeue_eval: r.timer("nomad.nomad.worker.dequeue_eval"),
                submit_plan: r.timer("nomad.nomad.worker.submit_plan"),
                update_eval: r.timer("nomad.nomad.worker.update_eval"),
                invoke: [
                    r.timer("nomad.nomad.worker.invoke_scheduler.service"),
                    r.timer("nomad.nomad.worker.invoke_scheduler.batch"),
                    r.timer("nomad.nomad.worker.invoke_scheduler.system"),
                    r.timer("nomad.nomad.worker.invoke_scheduler.sysbatch"),
                ],
            },
            broker: Broker {
                ready: r.gauge("nomad.nomad.broker.total_ready"),
                unacked: r.gauge("nomad.nomad.broker.total_unacked"),
                pending: r.gauge("nomad.nomad.broker.total_pending"),
                waiting: r.gauge("nomad.nomad.broker.total_waiting"),
                by_type: BTreeMap::from([
                    (JobType::Service, typed("nomad.nomad.broker.service_ready", "nomad.nomad.broker.service_unacked")),
                    (JobType::Batch, typed("nomad.nomad.broker.batch_ready", "nomad.nomad.broker.batch_unacked")),
                ]),
                wait_time: r.timer("nomad.nomad.broker.wait_time"),
                process_time: r.timer("nomad.nomad.broker.process_time"),
                response_time: r.timer("nomad.nomad.broker.response_time"),
            },
            gossip: Gossip {
                received: r.sizes("nomad.gossip.packet_bytes.received"),
                sent: r.sizes("nomad.gossip.packet_bytes.sent"),
                sync: r.timer("nomad.gossip.sync"),
                sync_error: r.counter("nomad.gossip.sync_error"),
            },
        }
    }
}

/// A timer for each kind of request, found by a jump or two; with the time that a blocking query waits.
macro_rules! request_timers {
    ($($field:ident $name:literal: $pattern:pat,)+) => {
        #[derive(Clone, Debug, Default)]
        pub struct RequestTimers { $($field: Timer,)+ }

        impl RequestTimers {
            fn new(registry: &Registry) -> Self {
                Self { $($field: registry.timer(concat!("nomad.nomad.", $name)),)+ }
            }

            /// The timer of a request.
            pub fn of(&self, request: &Request) -> &Timer {
                match request { $($pattern => &self.$field,)+ }
            }
        }

        /// A request in one word, for logs.
        pub fn name(request: &Request) -> &'static str {
            match request { $($pattern => $name,)+ }
        }
    };
}

request_timers! {
    job_list "job.list": Request::Read(_, Read::Jobs { .. }),
    job_get "job.get_job": Request::Read(_, Read::Job { .. }),
    job_versions "job.get_job_versions": Request::Read(_, Read::JobVersions { .. }),
    job_submission "job.get_job_submission": Request::Read(_, Read::JobSubmission { .. }),
    job_summary "job_summary.get_job_summary": Request::Read(_, Read::JobSummary { .. }),
    job_allocs "job.allocations": Request::Read(_, Read::JobAllocs { .. }),
    job_evals "job.evaluations": Request::Read(_, Read::JobEvals { .. }),
    job_deployments "job.deployments": Request::Read(_, Read::JobDeployments { .. }),
    job_latest_deployment "job.latest_deployment": Request::Read(_, Read::JobLatestDeployment { .. }),
    job_scaling "job.scale_status": Request::Read(_, Read::JobScaling { .. }),
    alloc_list "alloc.list": Request::Read(_, Read::Allocs { .. }),
    alloc_get "alloc.get_alloc": Request::Read(_, Read::Alloc { .. }),
    eval_list "eval.list": Request::Read(_, Read::Evals { .. }),
    eval_get "eval.get_eval": Request::Read(_, Read::Eval { .. }),
    eval_allocs "eval.allocations": Request::Read(_, Read::EvalAllocs { .. }),
    deployment_list "deployment.list": Request::Read(_, Read::Deployments { .. }),
    deployment_get "deployment.get_deployment": Request::Read(_, Read::Deployment { .. }),
    deployment_allocs "deployment.allocations": Request::Read(_, Read::DeploymentAllocs { .. }),
    node_list "client.list": Request::Read(_, Read::Nodes { .. }),
    node_get "client.get_node": Request::Read(_, Read::Node { .. }),
    node_allocs "client.get_allocs": Request::Read(_, Read::NodeAllocs { .. }),
    leader "status.leader": Request::Read(_, Read::Leader),
    peers "status.peers": Request::Read(_, Read::Peers),
    rollout_get "rollout.get_rollout": Request::Read(_, Read::Rollout { .. }),
    events "event.stream": Request::Read(_, Read::Events { .. }),
    job_validate "job.validate": Request::Read(_, Read::CheckJob { .. }),
    raft_group "operator.raft_get_configuration": Request::Read(_, Read::RaftGroup),
    autopilot_get "operator.autopilot_get_configuration": Request::Read(_, Read::Autopilot),
    autopilot_health "operator.server_health": Request::Read(_, Read::AutopilotHealth),
    job_register "job.register": Request::Write(Write::RegisterJob(_)),
    job_plan "job.plan": Request::Write(Write::PlanJob { .. }),
    job_deregister "job.deregister": Request::Write(Write::DeregisterJob { .. }),
    job_evaluate "job.evaluate": Request::Write(Write::EvaluateJob { .. }),
    job_revert "job.revert": Request::Write(Write::RevertJob { .. }),
    job_stable "job.stable": Request::Write(Write::SetJobStability { .. }),
    job_scale "job.scale": Request::Write(Write::ScaleJob { .. }),
    alloc_stop "alloc.stop": Request::Write(Write::StopAlloc { .. }),
    deployment_fail "deployment.fail": Request::Write(Write::FailDeployment { .. }),
    deployment_pause "deployment.pause": Request::Write(Write::PauseDeployment { .. }),
    deployment_promote "deployment.promote": Request::Write(Write::PromoteDeployment { .. }),
    deployment_health "deployment.set_alloc_health": Request::Write(Write::SetAllocHealth { .. }),
    deployment_unblock "deployment.unblock": Request::Write(Write::UnblockDeployment { .. }),
    node_eligibility "client.update_eligibility": Request::Write(Write::SetNodeEligibility { .. }),
    node_drain "client.update_drain": Request::Write(Write::DrainNode { .. }),
    node_evaluate "client.evaluate": Request::Write(Write::EvaluateNode { .. }),
    node_purge "client.deregister": Request::Write(Write::PurgeNode { .. }),
    garbage "system.garbage_collect": Request::Write(Write::CollectGarbage),
    summaries "system.reconcile_job_summaries": Request::Write(Write::ReconcileSummaries),
    rollout_override "rollout.override": Request::Write(Write::OverrideRollout { .. }),
    remove_peer "operator.raft_remove_peer": Request::Write(Write::RemovePeer { .. }),
    transfer_leadership "operator.transfer_leadership": Request::Write(Write::TransferLeadership { .. }),
    job_dispatch "job.dispatch": Request::Write(Write::DispatchJob(_)),
    periodic_force "periodic.force": Request::Write(Write::ForceLaunch { .. }),
    job_tag "job.update_tag": Request::Write(Write::TagJobVersion { .. }),
    scaling_policies "scaling.list_policies": Request::Read(_, Read::ScalingPolicies { .. }),
    scaling_policy "scaling.get_policy": Request::Read(_, Read::ScalingPolicy { .. }),
    autopilot_set "operator.autopilot_set_configuration": Request::Write(Write::SetAutopilot { .. }),
    namespace_list "namespace.list_namespaces": Request::Read(_, Read::Namespaces { .. }),
    namespace_get "namespace.get_namespace": Request::Read(_, Read::Namespace { .. }),
    node_pool_list "node_pool.list": Request::Read(_, Read::NodePools { .. }),
    node_pool_get "node_pool.get_node_pool": Request::Read(_, Read::NodePool { .. }),
    scheduler_get "operator.scheduler_get_configuration": Request::Read(_, Read::Scheduler),
    places_users "places.users": Request::Read(_, Read::UsersOf { .. }),
    search "search.prefix_search": Request::Read(_, Read::Search { .. }),
    places_write "places.write": Request::Write(Write::Places { .. }),
    scheduler_set "operator.scheduler_set_configuration": Request::Write(Write::SetScheduler { .. }),
    eval_delete "eval.delete": Request::Write(Write::DeleteEvals { .. }),
    node_register "client.register": Request::Node(NodeRequest::Register(_)),
    node_heartbeat "client.update_status": Request::Node(NodeRequest::Heartbeat { .. }),
    node_pull "client.get_client_allocs": Request::Node(NodeRequest::PullAllocs { .. }),
    node_update "client.update_alloc": Request::Node(NodeRequest::UpdateAllocs { .. }),
    node_events "client.emit_events": Request::Node(NodeRequest::EmitEvents { .. }),
    on_node_stats "client.stats": Request::OnNode(_, NodeCall::HostStats),
    on_node_alloc_stats "client_allocations.stats": Request::OnNode(_, NodeCall::AllocStats { .. }),
    on_node_restart "client_allocations.restart": Request::OnNode(_, NodeCall::Restart { .. }),
    on_node_signal "client_allocations.signal": Request::OnNode(_, NodeCall::Signal { .. }),
    on_node_collect "client_allocations.garbage_collect": Request::OnNode(_, NodeCall::CollectAlloc),
    on_node_meta_read "node_meta.read": Request::OnNode(_, NodeCall::ReadMeta),
    on_node_meta_apply "node_meta.apply": Request::OnNode(_, NodeCall::ApplyMeta { .. }),
    on_node_collect_all "client_allocations.garbage_collect_all": Request::OnNode(_, NodeCall::CollectAll),
    on_node_list "file_system.list": Request::OnNode(_, NodeCall::List { .. }),
    on_node_stat "file_system.stat": Request::OnNode(_, NodeCall::Stat { .. }),
    on_node_logs "file_system.logs": Request::OnNode(_, NodeCall::Logs { .. }),
    on_node_stream "file_system.stream": Request::OnNode(_, NodeCall::Stream { .. } | NodeCall::Cat { .. } | NodeCall::ReadAt { .. }),
    on_node_snapshot "file_system.snapshot": Request::OnNode(_, NodeCall::Snapshot),
    on_node_monitor "client.monitor": Request::OnNode(_, NodeCall::Monitor(_)),
    rollout "rollout.request": Request::Rollout(_),
    agent "agent.request": Request::Agent(_),
    snapshot "snapshot.request": Request::Snapshot(_),
}
