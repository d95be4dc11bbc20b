//! A story in a line: `nodes a b; job system; down a` and what is left of it.

use std::fmt::Write as _;

use model::{
    AllocId, Allocation, ClientStatus, DeploymentStatus, DesiredTransition, Eligibility, EvalTrigger, Job, NodeStatus, ReconnectChoice,
    ReschedulePolicy, UpdateStrategy,
};
use state::Command;
use std::sync::Arc;
use testkit::{JobBuilder, NodeBuilder, SECOND};

use crate::region::{Region, version};

const JOB: &str = "web";

/// Each row: the steps, and how it stands afterwards (see [`Story::shown`]). Afterwards, scheduling again changes nothing.
#[track_caller]
pub fn check(rows: &[(&str, &str)]) {
    let mut wrong = String::new();
    for (steps, expected) in rows {
        let mut story = Story { region: Region::new(&[]) };
        for step in steps.split(';') {
            story.step(step.trim());
        }
        let shown = story.shown();
        if shown != *expected {
            let _ = writeln!(wrong, "{steps}\n    expected {expected}\n    is       {shown}");
        }
        story.assert_settled(steps);
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

pub struct Story {
    pub region: Region,
}

impl Story {
    pub fn step(&mut self, step: &str) {
        let mut words = step.split_whitespace();
        let verb = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        let world = &mut self.region.world;
        match verb {
            "nodes" => rest.iter().for_each(|name| _ = world.add_node(testkit::node(name).build())),
            "node" => _ = world.add_node(node(&rest)),
            "down" => rest.iter().for_each(|name| world.set_node_status(name, NodeStatus::Down)),
            "disconnect" => rest.iter().for_each(|name| world.set_node_status(name, NodeStatus::Disconnected)),
            "ready" => rest.iter().for_each(|name| world.set_node_status(name, NodeStatus::Ready)),
            "ineligible" => rest.iter().for_each(|name| self.set_eligibility(name, Eligibility::Ineligible)),
            "eligible" => rest.iter().for_each(|name| self.set_eligibility(name, Eligibility::Eligible)),
            "forget" => {
                let nodes = rest.iter().map(|name| testkit::node_id(name)).collect();
                world.apply(&Command::Reap(Box::new(state::Reap { nodes, ..Default::default() })));
            }
            "job" => {
                let eval = world.register(job(&rest));
                self.region.run(&eval);
                return;
            }
            "stop" => {
                self.region.stop(JOB);
                return;
            }
            "wait" => world.wait(rest[0].parse().expect("seconds")),
            // Whatever was to happen at this time happens.
            "due" => {
                let now = world.now;
                for eval in self.region.waiting(JOB).into_iter().filter(|eval| eval.wait_until.0 <= now) {
                    self.region.run(&eval);
                }
                return;
            }
            "run" => self.report(&rest, ClientStatus::Running, Some(true)),
            "up" => self.report(&rest, ClientStatus::Running, None),
            "sick" => self.report(&rest, ClientStatus::Running, Some(false)),
            "fail" => self.report(&rest, ClientStatus::Failed, None),
            "done" => self.report(&rest, ClientStatus::Complete, None),
            "move" => self.transition(&rest, &DesiredTransition { migrate: Some(true), ..Default::default() }),
            "again" => self.transition(&rest, &DesiredTransition { reschedule: Some(true), ..Default::default() }),
            "force" => self.transition(&[], &DesiredTransition { force_reschedule: Some(true), ..Default::default() }),
            "pause" => return self.region.set_deployment(JOB, DeploymentStatus::Paused),
            "resume" => self.region.set_deployment(JOB, DeploymentStatus::Running),
            "failed" => self.region.set_deployment(JOB, DeploymentStatus::Failed),
            "finish" => self.region.finish_deployment(JOB),
            "promote" => {
                let id = self.region.deployment(JOB).id;
                let time = self.region.world.now;
                self.region.world.apply(&Command::PromoteDeployment { id, groups: Vec::new(), eval: None, time });
            }
            "look" => {}
            _ => panic!("what is {step:?}?"),
        }
        if self.region.world.store.job(&self.region.world.key(JOB)).is_some() {
            self.region.evaluate(JOB);
        }
    }

    /// `0@a` is `web.app[0]` on node `a`, of version 0; `/1` behind it: of version 1; `?`: unknown; `!`: failed, and still holding its place;
    /// `=`: done. System jobs have only number 0: it is left out. Then what else there is to say.
    pub fn shown(&self) -> String {
        let world = &self.region.world;
        let job = world.job(JOB);
        let is_everywhere = job.kind.is_on_every_node();
        let mut live: Vec<String> = Vec::new();
        for alloc in world.allocs(JOB).iter().filter(|alloc| !alloc.server_terminal()) {
            let mark = match alloc.client_status {
                ClientStatus::Pending | ClientStatus::Running => "",
                ClientStatus::Unknown => "?",
                ClientStatus::Failed if alloc.next_allocation.is_nil() => "!",
                ClientStatus::Complete if alloc.next_allocation.is_nil() => "=",
                ClientStatus::Failed | ClientStatus::Complete | ClientStatus::Lost => continue,
            };
            let version = version(alloc);
            let version = if version == 0 { String::new() } else { format!("/{version}") };
            let index = if is_everywhere { String::new() } else { format!("{}@", alloc.index().unwrap_or(99)) };
            let group = if alloc.task_group == "app" { String::new() } else { format!("{}:", alloc.task_group) };
            live.push(format!("{group}{index}{}{version}{mark}", alloc.node_name));
        }
        live.sort();
        let mut shown = live.join(" ");
        let summary = world.store.job_summary(&world.key(JOB)).map(|summary| summary.summary.clone()).unwrap_or_default();
        let n_lost: i64 = summary.values().map(|group| group.lost).sum();
        let n_queued: i64 = summary.values().map(|group| group.queued).sum();
        let n_waiting = self.region.waiting(JOB).iter().filter(|eval| eval.wait_until.0 > world.now).count();
        for (n, what) in [(n_lost, "lost"), (n_queued, "queued"), (n_waiting as i64, "waiting")] {
            if n > 0 {
                let _ = write!(shown, "; {n} {what}");
            }
        }
        if let Some(deployment) = world.latest_deployment(JOB).filter(|deployment| deployment.is_active()) {
            let (healthy, total) = deployment
                .task_groups
                .values()
                .fold((0, 0), |(healthy, total), group| (healthy + group.healthy_allocs, total + group.desired_total));
            let _ = write!(shown, "; {} {healthy}/{total}", deployment.status);
        }
        shown
    }

    #[track_caller]
    fn assert_settled(&mut self, steps: &str) {
        let world = &mut self.region.world;
        let eval = world.new_eval(JOB, EvalTrigger::NodeUpdate);
        let decide = || scheduler::schedule(&world.store, &eval, world.now, 1);
        assert_eq!(decide(), decide(), "{steps}");
        let plan = decide().plan;
        assert!(plan.is_noop(), "{steps}: not settled: {plan:#?}");
    }

    fn set_eligibility(&mut self, name: &str, eligibility: Eligibility) {
        let time = self.region.world.now;
        let id = testkit::node_id(name);
        self.region.world.apply(&Command::SetNodeEligibility { id, eligibility, event: None, evals: vec![], time });
    }

    /// Of the named nodes, or of all that are there; `0@a`: only that one.
    fn named(&self, names: &[&str]) -> Vec<AllocId> {
        let is_named = |alloc: &&Arc<Allocation>| {
            names.is_empty()
                || names.contains(&alloc.node_name.as_str())
                || names.contains(&format!("{}@{}", alloc.index().unwrap_or(99), alloc.node_name).as_str())
        };
        let world = &self.region.world;
        world.allocs(JOB).iter().filter(|alloc| !alloc.server_terminal()).filter(is_named).map(|alloc| alloc.id).collect()
    }

    fn report(&mut self, names: &[&str], status: ClientStatus, healthy: Option<bool>) {
        let mut ids = self.named(names);
        let world = &mut self.region.world;
        // What has ended does not run again, and unnamed nodes that are away say nothing.
        ids.retain(|id| {
            let alloc = world.store.alloc(*id).expect("an allocation");
            let is_here = world.store.node(alloc.node_id).is_some_and(|node| node.status == NodeStatus::Ready);
            !alloc.client_status.is_terminal() && (is_here || !names.is_empty())
        });
        match healthy {
            Some(healthy) => world.report_health(&ids, healthy),
            None => world.report(&ids, status),
        }
    }

    fn transition(&mut self, names: &[&str], transition: &DesiredTransition) {
        let ids = self.named(names);
        self.region.world.transition(&ids, transition);
    }
}

fn number(value: &str) -> i64 {
    value.parse().expect("a number")
}

fn node(words: &[&str]) -> model::Node {
    let mut node: NodeBuilder = testkit::node(words[0]);
    for word in &words[1..] {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let value = value.to_owned();
        node = match key {
            "dc" => node.edit(|node| node.datacenter = value),
            "pool" => node.edit(|node| node.node_pool = value),
            "class" => node.edit(|node| node.node_class = value),
            "memory" => node.resources(4000, number(&value)),
            _ => node.meta(key, &value),
        };
    }
    node.build()
}

fn job(words: &[&str]) -> Job {
    let mut job: JobBuilder = testkit::job(JOB).reschedule_after(0).no_update();
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let value = value.to_owned();
        job = match key {
            "service" => job,
            "batch" => job.batch(),
            "system" => job.system(),
            "sysbatch" => job.sysbatch(),
            "group" => job.group(&value),
            "count" => job.count(number(&value)),
            "env" => job.env("V", &value),
            "priority" => job.priority(number(&value)),
            "memory" => job.resources(100, number(&value)),
            "dc" => job.datacenters(&[value.as_str()]),
            "pool" => job.node_pool(&value),
            "is" => {
                let (left, right) = value.split_once(':').expect("is=key:value");
                job.constraint(&format!("${{meta.{left}}}"), "=", right)
            }
            "roll" => job.edit_group(|group| {
                group.update = Some(UpdateStrategy {
                    max_parallel: number(&value),
                    progress_deadline: 600 * SECOND,
                    min_healthy_time: SECOND,
                    ..Default::default()
                });
            }),
            "canary" => job.canary(number(&value)),
            "retry" => job.reschedule_after(number(&value)),
            "attempts" => job.reschedule(ReschedulePolicy { attempts: number(&value), interval: 3600 * SECOND, ..Default::default() }),
            "lost_after" => job.lost_after(number(&value)),
            "stop_after" => job.edit_disconnect(|disconnect| disconnect.stop_on_client_after = Some(number(&value) * SECOND)),
            "replace" => job.edit_disconnect(|disconnect| disconnect.replace = Some(value == "yes")),
            "keep" => job.edit_disconnect(|disconnect| {
                disconnect.reconcile = match value.as_str() {
                    "original" => ReconnectChoice::KeepOriginal,
                    "replacement" => ReconnectChoice::KeepReplacement,
                    "longest" => ReconnectChoice::LongestRunning,
                    _ => ReconnectChoice::BestScore,
                };
            }),
            _ => panic!("what is {word:?}?"),
        };
    }
    job.build()
}
