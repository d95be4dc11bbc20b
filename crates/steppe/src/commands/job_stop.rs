//! `job stop`

use api::Client;
use api::client::DeregisterOptions;

use crate::context::{During, Global, Outcome, Stop, confirm};
use crate::monitor::{self, Follow};
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    follow: Follow,
    /// Forget the job instead of keeping it as stopped.
    #[arg(long)]
    purge: bool,
    /// Stop a job of several regions in all of them.
    #[arg(long = "global")]
    everywhere: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Do not wait for shutdown_delay.
    #[arg(long = "no-shutdown-delay")]
    no_shutdown_delay: bool,
    /// Priority of the evaluation, 1 to 100; the job's by default.
    #[arg(long = "eval-priority", default_value_t = 0)]
    eval_priority: i64,
    /// Names of jobs, or prefixes of them.
    #[arg(required = true)]
    job: Vec<String>,
}

/// Stops one job after the other. What goes wrong with one is said, and the others are stopped all the same.
pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let mut worst = 0;
    for given in &args.job {
        match one(&client, &args, given).await {
            Ok(code) => worst = worst.max(code),
            Err(stop) if args.job.len() == 1 => return Err(stop),
            Err(Stop { code, text }) => {
                if !text.is_empty() {
                    complain!("{text}");
                }
                worst = worst.max(code);
            }
        }
    }
    Ok(worst)
}

async fn one(client: &Client, args: &Args, given: &str) -> Outcome {
    let name = resolve::job(client, given).await?;
    let id = &name.id;
    let job = client.job(id, &name.query()).await.during("deregistering job")?.value;
    if id != given && !args.yes {
        confirm(&format!("Are you sure you want to stop job \"{id}\"?"), "job stop")?;
    }
    if job.is_multiregion() && !args.everywhere && !args.yes {
        confirm(&format!("Are you sure you want to stop multi-region job \"{id}\" in a single region?"), "job stop")?;
    }
    let options = DeregisterOptions {
        purge: args.purge,
        global: args.everywhere,
        eval_priority: args.eval_priority,
        no_shutdown_delay: args.no_shutdown_delay,
    };
    let answer = client.deregister_job(id, &options, &name.query()).await.during("deregistering job")?.value;
    for region in &answer.unreached_regions {
        say!("Region {region:?} was not reached: it stops the job as soon as it is heard from");
    }
    // A stop in all regions has no one evaluation to follow.
    if answer.eval_id.is_empty() || args.everywhere && job.is_multiregion() {
        return Ok(0);
    }
    if args.follow.detach {
        say!("{}", answer.eval_id);
        return Ok(0);
    }
    monitor::evaluation(client, &answer.eval_id, args.follow.verbose).await
}
