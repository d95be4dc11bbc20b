//! Reads over HTTP: one object, consistent and stale, at the leader and at a follower; and a list.

use process_tests::figures::Figure;
use process_tests::load::{Connection, get, load, parrot, register};

use crate::{Bencher, Failure, region};

const CONNECTIONS: usize = 64;
const JOBS: usize = 1_000;

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let cluster = region(3, 0);
    let (leader, follower) = (cluster.leader("west"), cluster.follower("west"));
    let (leader, follower) = (cluster.member(&leader).http, cluster.member(&follower).http);
    bencher.runtime.block_on(prepare(&leader))?;
    let reads = [
        ("read one, consistent", &leader, "/v1/job/read-0", 40_000.0),
        ("read one, stale", &leader, "/v1/job/read-0?stale", 50_000.0),
        ("read one, at a follower", &follower, "/v1/job/read-0", f64::NAN),
        ("list of jobs", &leader, "/v1/jobs?stale", 3_040.0),
    ];
    for (name, address, path, goal) in reads {
        let load_of = |address: String, path: &'static str| {
            let time = bencher.time;
            async move { load(&address, CONNECTIONS, time, None, move |_, _| get(path)).await }
        };
        let body = bencher.runtime.block_on(async { Connection::open(address).await?.ask(&get(path)).await })?;
        let (floor, serving) = bencher.runtime.block_on(parrot(&body))?;
        let floor = bencher.runtime.block_on(load_of(floor, path))?;
        serving.abort();
        let load = bencher.runtime.block_on(load_of(address.clone(), path))?;
        let workload = format!("{CONNECTIONS} connections, {} bytes", body.len());
        bencher.printer.print(&Figure { name, workload, figure: load.rate, unit: "per s", floor: floor.rate, goal, more: true });
    }
    Ok(())
}

async fn prepare(address: &str) -> std::io::Result<()> {
    let mut connection = Connection::open(address).await?;
    for number in 0..JOBS {
        connection.ask(&register(&format!("read-{number}"), 50)).await?;
    }
    Ok(())
}
