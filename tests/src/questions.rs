//! What tests often want to know of a cluster, and do to it.

use std::fs;
use std::time::Duration;

use api::AllocListStub;
use api::client::{FileRange, LogStream, Query};
use model::{ClientStatus, Deployment, DeploymentStatus, Job};

use crate::ask::{ask, ask_within};
use crate::cluster::Cluster;
use crate::command::Output;
use crate::job::JobFile;
use crate::wait::{settled, until};

/// An agent that takes longer is paused.
const SOON: Duration = Duration::from_secs(2);

impl Cluster {
    /// `job run -detach` at an agent.
    pub fn submit(&self, name: &str, job: &JobFile, flags: &[&str]) -> Output {
        let arguments = [&["job", "run", "-detach"], flags, &["-"]].concat();
        self.steppe_with(name, &arguments, &job.text())
    }

    /// Registers a job and waits until all of it runs; returns the running allocations.
    ///
    /// # Panics
    /// It is refused, or does not come to run.
    #[track_caller]
    pub fn run(&self, name: &str, job: &JobFile, count: usize) -> Vec<AllocListStub> {
        self.submit(name, job, &[]).ok();
        self.running_of(name, &job.id, count)
    }

    /// Waits until exactly so many allocations of the job run.
    ///
    /// # Panics
    /// There never are.
    #[track_caller]
    pub fn running_of(&self, name: &str, job: &str, count: usize) -> Vec<AllocListStub> {
        let what = format!("{count} allocations of {job} run");
        let all = settled(&what, || self.allocs(name, job), |all| all.iter().filter(|alloc| runs(alloc)).count() == count);
        all.into_iter().filter(runs).collect()
    }

    /// The allocations of a job, in the order in which they were made; none while the agent cannot answer.
    pub fn allocs(&self, name: &str, job: &str) -> Vec<AllocListStub> {
        self.allocs_in(name, job, &Query::new())
    }

    /// The allocations of a job in a region.
    pub fn allocs_in(&self, name: &str, job: &str, query: &Query) -> Vec<AllocListStub> {
        let mut allocs = ask(self.api(name).job_allocations(job, true, query)).map(|answer| answer.value).unwrap_or_default();
        allocs.sort_by(|a, b| (a.create_index, &a.name).cmp(&(b.create_index, &b.name)));
        allocs
    }

    /// What a task wrote to its standard output.
    pub fn stdout(&self, name: &str, alloc: &AllocListStub, query: &Query) -> String {
        let read = async {
            let range = FileRange::default();
            let mut stream = self.api(name).plain_logs(&alloc.id.to_string(), "t", LogStream::Stdout, &range, query).await.ok()?;
            stream.read_to_end().await.ok()
        };
        ask(read).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Waits for a leader of the region on whom all its answering servers agree; returns its name.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn leader(&self, region: &str) -> String {
        until(&format!("{region} has a leader"), || {
            let servers = self.servers(region);
            let mut named = None;
            for server in &servers {
                let Some(Ok(leader)) = ask_within(SOON, self.api(&server.name).leader(&Query::new().stale())) else { continue };
                let member = servers.iter().find(|member| member.rpc == leader)?;
                if named.get_or_insert_with(|| member.name.clone()) != &member.name {
                    return None;
                }
            }
            // the others may not have noticed yet that it is gone
            let name = named?;
            ask_within(SOON, self.api(&name).leader(&Query::new()))?.ok().map(|_| name)
        })
    }

    /// A server of the region that does not lead.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn follower(&self, region: &str) -> String {
        let leader = self.leader(region);
        let other = self.servers(region).into_iter().find(|server| server.name != leader);
        other.unwrap_or_else(|| panic!("{region} has one server only")).name
    }

    /// The job as an agent sees it.
    pub fn job(&self, name: &str, id: &str) -> Option<Job> {
        ask(self.api(name).job(id, &Query::new())).ok().map(|answer| answer.value)
    }

    /// The latest deployment of a job.
    pub fn deployment(&self, name: &str, job: &str) -> Option<Deployment> {
        let mut all = ask(self.api(name).job_deployments(job, false, &Query::new())).ok()?.value;
        all.sort_by_key(|deployment| deployment.create_index);
        all.pop()
    }

    /// The status of the latest multi-region deployment of a job in each of the regions, asked of the first server there that answers.
    pub fn rollout(&self, job: &str, regions: &[&str]) -> Vec<Option<DeploymentStatus>> {
        self.rollout_deployments(job, regions).into_iter().map(|deployment| deployment.map(|deployment| deployment.status)).collect()
    }

    /// The latest multi-region deployment of a job in each of the regions.
    pub fn rollout_deployments(&self, job: &str, regions: &[&str]) -> Vec<Option<Deployment>> {
        let of_region = |region: &&str| {
            self.servers(region).into_iter().find_map(|server| {
                let all = ask_within(SOON, self.api(&server.name).job_deployments(job, true, &Query::new()))?.ok()?.value;
                Some(all.into_iter().filter(|deployment| deployment.is_multiregion).max_by_key(|deployment| deployment.create_index))
            })
        };
        regions.iter().map(|region| of_region(region).flatten()).collect()
    }

    /// Waits until the latest deployment of a job is for this version and has this status.
    ///
    /// # Panics
    /// It never has.
    #[track_caller]
    pub fn deployed(&self, name: &str, job: &str, version: u64, status: DeploymentStatus) -> Deployment {
        let what = format!("the deployment of version {version} of {job} is {status}");
        let as_wanted = |deployment: &Deployment| deployment.job_version == version && deployment.status == status;
        settled(&what, || self.deployment(name, job), |found| found.as_ref().is_some_and(as_wanted)).expect("a deployment")
    }
}

fn runs(alloc: &AllocListStub) -> bool {
    alloc.client_status == ClientStatus::Running
}

/// Whether the process is there and is no zombie.
pub fn is_running(pid: i32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// The process that runs for an allocation with exactly this command line.
///
/// # Panics
/// There is none.
pub fn process_of(alloc: &AllocListStub, command_line: &str) -> i32 {
    let mark = format!("NOMAD_ALLOC_ID={}", alloc.id);
    let is_it = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = words.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        words.join(" ").trim_end() == command_line && environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    until(&format!("{command_line} of {} is a process", alloc.name), || {
        fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(is_it)
    })
}
