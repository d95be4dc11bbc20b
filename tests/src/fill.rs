//! Jobs and the simulated nodes that they fill to three quarters, each job those of a class.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use api::client::{Error, Query};
use api::{Client, JobRegisterRequest};
use model::{Job, LogConfig, Node, Task};
use tokio::task::JoinSet;

const CLASSES: usize = 10;
const SUBMITTERS: usize = 16;

#[derive(Clone, Debug)]
pub struct Fill {
    pub jobs: usize,
    /// Of each job.
    pub count: i64,
    pub nodes: usize,
    pub batch: bool,
}

impl Fill {
    pub fn n_allocs(&self) -> u64 {
        self.jobs as u64 * self.count.unsigned_abs()
    }

    /// Large enough for their part.
    pub fn nodes(&self) -> Vec<Node> {
        let per_node = (self.jobs as i64 * self.count).div_euclid(self.nodes as i64).max(1);
        let (cpu, memory) = (per_node * 40 * 4 / 3 + 100, per_node * 20 * 4 / 3 + 100);
        let node = |position: usize| {
            let class = format!("class-{}", position % CLASSES);
            testkit::node(&format!("fill-{position}")).datacenter("west-1").class(&class).resources(cpu, memory).disk(10_000_000).build()
        };
        (0..self.nodes).map(node).collect()
    }

    pub fn job(&self, position: usize) -> Job {
        let class = format!("class-{}", position % CLASSES);
        let job = testkit::job(&format!("fill-{position}"))
            .datacenters(&["west-1"])
            .count(self.count)
            .resources(40, 20)
            .disk(30)
            .no_update()
            .edit_task(prepare)
            .constraint("${node.class}", "=", &class);
        if self.batch { job.batch().build() } else { job.build() }
    }

    /// Registers all jobs at one server.
    ///
    /// # Errors
    /// The first answer that is not a success.
    pub async fn submit(&self, address: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..SUBMITTERS {
            let (client, next, fill) = (Client::new(address)?, Arc::clone(&next), self.clone());
            tasks.spawn(async move {
                loop {
                    let position = next.fetch_add(1, Ordering::Relaxed);
                    if position >= fill.jobs {
                        return Ok::<(), Error>(());
                    }
                    let request = JobRegisterRequest { job: Some(fill.job(position)), ..Default::default() };
                    client.register_job(&request, &Query::new()).await?;
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.map_err(io::Error::other)??;
        }
        Ok(())
    }
}

fn prepare(task: &mut Task) {
    task.config = serde_json::Map::from_iter([("command".to_owned(), "/bin/true".into())]).into();
    task.log_config = Some(LogConfig { max_files: 2, max_file_size_mb: 10, ..LogConfig::default() });
}
