//! `operator scheduler get-config|set-config`

use model::{PreemptionConfig, SchedulerAlgorithm, SchedulerConfiguration};

use crate::context::{During, Global, Outcome, Stop, query};
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct GetArgs {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Any server may answer, also when there is no leader.
    #[arg(long)]
    stale: bool,
}

pub async fn get(args: GetArgs) -> Outcome {
    let question = if args.stale { query().stale() } else { query() };
    let response = args.global.client()?.scheduler(&question).await.during("querying scheduler configuration")?.value;
    if args.format.print(&response)? {
        return Ok(0);
    }
    let config = &response.scheduler_config;
    say!(
        "{}",
        show::pairs(&[
            ("Scheduler Algorithm", config.algorithm.to_string()),
            ("Memory Oversubscription", config.memory_oversubscription.to_string()),
            ("Reject Job Registration", config.reject_job_registration.to_string()),
            ("Pause Eval Broker", config.pause_eval_broker.to_string()),
            ("Preemption System Scheduler", config.preemption.system.to_string()),
            ("Preemption Service Scheduler", config.preemption.service.to_string()),
            ("Preemption Batch Scheduler", config.preemption.batch.to_string()),
            ("Preemption SysBatch Scheduler", config.preemption.sysbatch.to_string()),
            ("Node Limit For Feasibility Checks", config.node_limit().to_string()),
            ("Modify Index", config.modify_index.to_string()),
        ])
    );
    Ok(0)
}

#[derive(clap::Args, Debug)]
pub struct SetArgs {
    #[command(flatten)]
    global: Global,
    /// Only if the present settings have this modify index.
    #[arg(long)]
    check_index: Option<u64>,
    /// How nodes with room are ranked: binpack or spread.
    #[arg(long)]
    scheduler_algorithm: Option<String>,
    /// Whether memory_max of tasks counts: true or false.
    #[arg(long)]
    memory_oversubscription: Option<bool>,
    /// Whether new jobs, dispatches and scalings are refused: true or false.
    #[arg(long)]
    reject_job_registration: Option<bool>,
    /// Whether evaluations stay pending: true or false.
    #[arg(long)]
    pause_eval_broker: Option<bool>,
    /// Whether batch jobs may push others aside: true or false.
    #[arg(long)]
    preempt_batch_scheduler: Option<bool>,
    /// Whether service jobs may push others aside: true or false.
    #[arg(long)]
    preempt_service_scheduler: Option<bool>,
    /// Whether sysbatch jobs may push others aside: true or false.
    #[arg(long)]
    preempt_sysbatch_scheduler: Option<bool>,
    /// Whether system jobs may push others aside: true or false.
    #[arg(long)]
    preempt_system_scheduler: Option<bool>,
    /// So many nodes are looked at for one placement with spreads or affinities.
    #[arg(long)]
    node_limit_for_feasibility_checks: Option<u64>,
}

pub async fn set(args: SetArgs) -> Outcome {
    let client = args.global.client()?;
    let present = client.scheduler(&query()).await.during("querying scheduler configuration")?.value.scheduler_config;
    let algorithm = match args.scheduler_algorithm.as_deref() {
        None => present.algorithm,
        Some(text) => match text.parse() {
            Ok(algorithm) if algorithm != SchedulerAlgorithm::Unset => algorithm,
            _ => {
                return Err(Stop::usage(
                    "operator scheduler set-config",
                    format!("-scheduler-algorithm is binpack or spread, not {text:?}"),
                ));
            }
        },
    };
    let wanted = SchedulerConfiguration {
        algorithm,
        preemption: PreemptionConfig {
            system: args.preempt_system_scheduler.unwrap_or(present.preemption.system),
            sysbatch: args.preempt_sysbatch_scheduler.unwrap_or(present.preemption.sysbatch),
            batch: args.preempt_batch_scheduler.unwrap_or(present.preemption.batch),
            service: args.preempt_service_scheduler.unwrap_or(present.preemption.service),
        },
        memory_oversubscription: args.memory_oversubscription.unwrap_or(present.memory_oversubscription),
        reject_job_registration: args.reject_job_registration.unwrap_or(present.reject_job_registration),
        pause_eval_broker: args.pause_eval_broker.unwrap_or(present.pause_eval_broker),
        node_limit: args.node_limit_for_feasibility_checks.unwrap_or(present.node_limit),
        ..present.clone()
    };
    // What somebody else set meanwhile is not overwritten.
    let question = query().with("cas", args.check_index.unwrap_or(present.modify_index));
    let response = client.set_scheduler(&wanted, &question).await.during("setting scheduler configuration")?.value;
    if !response.updated {
        return Err(Stop::error("Scheduler configuration could not be atomically updated, please try again"));
    }
    say!("Scheduler configuration updated!");
    Ok(0)
}
