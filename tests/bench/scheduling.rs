//! A small job more, where very many run: from its registration until its plan is committed.

use std::time::Instant;

use api::JobRegisterRequest;
use model::JobSummary;
use process_tests::figures::{Figure, quantile};
use process_tests::load::{Connection, get, put, register};
use serde_json::Value;

use crate::{Bencher, Failure, filled, region};

const ROUNDS: usize = 300;
const COUNT: i64 = 10;

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let cluster = region(3, 0);
    let fill = bencher.fill();
    let _swarm = filled(bencher, &cluster, &fill)?;
    let address = cluster.member(&cluster.leader("west")).http;
    let (mut floors, mut taken) = bencher.runtime.block_on(async {
        let mut connection = Connection::open(&address).await?;
        let (mut floors, mut taken) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let began = Instant::now();
            connection.ask(&register(&format!("floor-{round}"), 50)).await?;
            floors.push(began.elapsed().as_secs_f64());
            let mut job = fill.job(round);
            job.id = format!("small-{round}").as_str().into();
            job.name = job.id.to_string();
            job.task_groups[0].count = COUNT;
            taken.push(place(&mut connection, JobRegisterRequest { job: Some(job), ..Default::default() }).await?);
        }
        Ok::<_, Failure>((floors, taken))
    })?;
    [&mut floors, &mut taken].into_iter().for_each(|values| values.sort_by(f64::total_cmp));
    for (name, part) in [("job placed p50", 0.5), ("job placed p99", 0.99)] {
        let floor = quantile(&floors, part) * 1e3;
        let workload = format!("{COUNT} more beside {}, {} nodes, {ROUNDS} jobs", fill.n_allocs(), fill.nodes);
        let figure = quantile(&taken, part) * 1e3;
        bencher.printer.print(&Figure { name, workload, figure, unit: "ms", floor, goal: 4.0 * floor, more: false });
    }
    Ok(())
}

/// Seconds from sending the job until all its allocations are counted.
async fn place(connection: &mut Connection, request: JobRegisterRequest) -> Result<f64, Failure> {
    let id = request.job.as_ref().map(|job| job.id.to_string()).unwrap_or_default();
    let request = put("/v1/jobs", &serde_json::to_string(&request)?);
    let began = Instant::now();
    let answer: Value = serde_json::from_slice(&connection.ask(&request).await?)?;
    let index = answer["JobModifyIndex"].as_u64().ok_or("no index of the job")?;
    // Unlike the list of its allocations this has an index of its own from the beginning.
    let body = connection.ask(&get(&format!("/v1/job/{id}/summary?index={index}&wait=30s"))).await?;
    let took = began.elapsed().as_secs_f64();
    let summary = serde_json::from_slice::<JobSummary>(&body)?.summary;
    match summary.values().map(|group| group.starting + group.running).sum() {
        COUNT => Ok(took),
        n => Err(format!("{n} allocations of {id} are placed at first").into()),
    }
}
