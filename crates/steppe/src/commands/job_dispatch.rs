//! `job dispatch`

use std::collections::BTreeMap;
use std::io::Read;

use api::{Client, JobDispatchRequest};
use model::{ClientStatus, JobStatus, Payload};

use crate::context::{During, Global, Outcome, Stop};
use crate::monitor::{self, Follow};
use crate::resolve::{self, JobName};
use crate::show;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    follow: Follow,
    /// A key and a value for the child, as key=value; repeatable.
    #[arg(long, value_name = "key=value")]
    meta: Vec<String>,
    /// A live child with the same token is given instead of a new one.
    #[arg(long = "idempotency-token", default_value = "", hide_default_value = true)]
    idempotency_token: String,
    /// Goes into the name of the child.
    #[arg(long = "id-prefix-template", default_value = "", hide_default_value = true)]
    id_prefix_template: String,
    /// Priority of the child, 1 to 100; the job's by default.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    priority: i64,
    /// Wait until the child has ended; the exit code is 1 when something of it failed.
    #[arg(long)]
    wait: bool,
    #[arg(long, hide = true)]
    ui: bool,
    /// A parameterized job's name, or a prefix of it.
    job: String,
    /// A file with the payload; - reads it from standard input.
    input: Option<String>,
}

pub async fn run(args: Args) -> Outcome {
    if args.ui {
        return Err(super::job_run::no_user_interface());
    }
    let meta = meta(&args.meta)?;
    let payload = args.input.as_deref().map(payload).transpose()?.unwrap_or_default();
    let client = args.global.client()?;
    let name = resolve::parent(&client, &args.job, |job| job.parameterized_job).await?;
    let request = JobDispatchRequest {
        job_id: name.id.clone(),
        payload: Payload(payload.into()),
        meta,
        idempotency_token: args.idempotency_token,
        id_prefix_template: args.id_prefix_template,
        priority: args.priority,
        ..Default::default()
    };
    let answer = client.dispatch_job(&name.id, &request, &name.query()).await.during("dispatching job")?.value;
    let mut pairs = vec![("Dispatched Job ID", answer.dispatched_job_id.clone())];
    if !answer.eval_id.is_empty() {
        pairs.push(("Evaluation ID", show::id(&answer.eval_id, args.follow.verbose)));
    }
    say!("{}", show::pairs(&pairs));
    let mut code = 0;
    if !args.follow.detach && !answer.eval_id.is_empty() {
        say!("");
        code = monitor::evaluation(&client, &answer.eval_id, args.follow.verbose).await?;
    }
    if args.wait {
        let child = JobName { id: answer.dispatched_job_id, ..name };
        return end(&client, &child).await;
    }
    Ok(code)
}

/// Waits until nothing of a job runs any more, or will.
async fn end(client: &Client, child: &JobName) -> Outcome {
    let mut index = 0;
    loop {
        let question = if index == 0 { child.query() } else { child.query().after(index, monitor::WAIT) };
        let answer = monitor::patiently(|| client.job(&child.id, &question)).await.during("waiting for the child")?;
        index = answer.index;
        if answer.value.status == JobStatus::Dead {
            break;
        }
    }
    let allocs = client.job_allocations(&child.id, false, &child.query()).await.during("querying job allocations")?.value;
    let failed = allocs.iter().filter(|alloc| alloc.client_status != ClientStatus::Complete && alloc.next_allocation.is_nil()).count();
    say!("Job \"{}\" has ended{}", child.id, if failed > 0 { format!(", {failed} of its allocations failed") } else { String::new() });
    Ok(u8::from(failed > 0))
}

fn meta(given: &[String]) -> Result<BTreeMap<String, String>, Stop> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Stop::usage("job dispatch", format!("-meta {text:?} is no key=value"))),
    };
    given.iter().map(pair).collect()
}

fn payload(source: &str) -> Result<Vec<u8>, Stop> {
    if source != "-" {
        return std::fs::read(source).map_err(|error| Stop::error(format!("Error reading input data from {source}: {error}")));
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut bytes);
    read.map_err(|error| Stop::error(format!("Error reading input data from standard input: {error}")))?;
    Ok(bytes)
}
