//! Statistics of an allocation's tasks.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use drivers::{ProcessUsage, TaskUsage, ticks_per_second};
use serde_json::{Map, Value, json};

use super::TaskSamples;
use crate::alloc::{AllocHandle, Running};
use crate::fingerprint::Cpu;
use crate::shared::Shared;
use crate::time;

/// Counters of a task at one moment.
#[derive(Clone, Debug)]
pub(crate) struct TaskSample {
    /// Unix nanoseconds.
    at: i64,
    usage: TaskUsage,
}

/// Shares of one processor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Load {
    user_percent: f64,
    system_percent: f64,
}

/// The body of `/v1/client/allocation/:id/stats`; `only` one task, unless empty.
pub(crate) async fn alloc_stats(shared: &Shared, handle: &AllocHandle, only: &str) -> String {
    let frequency = Cpu::measure().frequency as f64;
    let mut tasks = Map::new();
    let mut whole = (0, 0, Load::default());
    for (name, running) in handle.running() {
        if !only.is_empty() && name != only {
            continue;
        }
        let Some((sample, loads)) = measure(&shared.samples.tasks, handle, &name, &running).await else { continue };
        let mut sum = (0, 0, Load::default());
        let mut pids = Map::new();
        for (pid, process) in &sample.usage.processes {
            let load = loads.get(pid).copied().unwrap_or_default();
            add(&mut sum, process.rss, process.swap, load);
            pids.insert(pid.to_string(), resource_usage(process.rss, process.swap, load, frequency));
        }
        add(&mut whole, sum.0, sum.1, sum.2);
        tasks.insert(
            name,
            json!({
                "ResourceUsage": resource_usage(sum.0, sum.1, sum.2, frequency),
                "Timestamp": sample.at,
                "Pids": pids,
            }),
        );
    }
    forget_ended(shared);
    json!({
        "ResourceUsage": resource_usage(whole.0, whole.1, whole.2, frequency),
        "Tasks": tasks,
        "Timestamp": time::now(),
    })
    .to_string()
}

/// What the task has used since it was looked at before, by process; `None` when the driver cannot say.
async fn measure(samples: &TaskSamples, handle: &AllocHandle, name: &str, running: &Running) -> Option<(TaskSample, BTreeMap<i32, Load>)> {
    let usage = running.driver.stats(&running.handle).await.ok()?;
    let sample = TaskSample { at: time::now(), usage };
    let key = (handle.id, name.to_owned());
    let earlier = samples.lock().unwrap_or_else(PoisonError::into_inner).insert(key, sample.clone());
    let loads = loads(earlier.as_ref(), &sample);
    Some((sample, loads))
}

/// What a task takes up, all its processes together.
pub(crate) struct TaskFigures {
    pub task: String,
    /// Bytes.
    pub rss: u64,
    pub swap: u64,
    /// Percent of one processor.
    pub user_percent: f64,
    pub system_percent: f64,
    /// MHz.
    pub total_ticks: f64,
}

/// Every running task of an allocation. Whoever asks here disturbs nobody who asks for [`alloc_stats`].
pub(crate) async fn task_figures(shared: &Shared, handle: &AllocHandle) -> Vec<TaskFigures> {
    let frequency = Cpu::measure().frequency as f64;
    let mut figures = Vec::new();
    for (task, running) in handle.running() {
        let Some((sample, loads)) = measure(&shared.samples.tasks_of_probe, handle, &task, &running).await else { continue };
        let mut sum = (0, 0, Load::default());
        for (pid, process) in &sample.usage.processes {
            add(&mut sum, process.rss, process.swap, loads.get(pid).copied().unwrap_or_default());
        }
        let (rss, swap, Load { user_percent, system_percent }) = sum;
        let total_ticks = (user_percent + system_percent) / 100.0 * frequency;
        figures.push(TaskFigures { task, rss, swap, user_percent, system_percent, total_ticks });
    }
    figures
}

fn add(sum: &mut (u64, u64, Load), rss: u64, swap: u64, load: Load) {
    sum.0 += rss;
    sum.1 += swap;
    sum.2.user_percent += load.user_percent;
    sum.2.system_percent += load.system_percent;
}

/// By process. A process that was not there before began within the span.
fn loads(earlier: Option<&TaskSample>, now: &TaskSample) -> BTreeMap<i32, Load> {
    let Some(earlier) = earlier else { return BTreeMap::new() };
    let seconds = (now.at.saturating_sub(earlier.at)) as f64 / 1e9;
    if seconds <= 0.0 {
        return BTreeMap::new();
    }
    let ticks = ticks_per_second() as f64;
    let of = |pid: &i32, process: &ProcessUsage| {
        let before = earlier.usage.processes.get(pid).copied().unwrap_or_default();
        let percent = |now: u64, then: u64| now.saturating_sub(then) as f64 / ticks / seconds * 100.0;
        Load {
            user_percent: percent(process.user_ticks, before.user_ticks),
            system_percent: percent(process.system_ticks, before.system_ticks),
        }
    };
    now.usage.processes.iter().map(|(pid, process)| (*pid, of(pid, process))).collect()
}

fn resource_usage(rss: u64, swap: u64, load: Load, frequency: f64) -> Value {
    let percent = load.user_percent + load.system_percent;
    json!({
        "MemoryStats": {
            "RSS": rss,
            "Cache": 0,
            "Swap": swap,
            "MappedFile": 0,
            "Usage": rss,
            "MaxUsage": 0,
            "KernelUsage": 0,
            "KernelMaxUsage": 0,
            "Measured": ["RSS", "Swap", "Usage"],
        },
        "CpuStats": {
            "SystemMode": load.system_percent,
            "UserMode": load.user_percent,
            "TotalTicks": percent / 100.0 * frequency,
            "ThrottledPeriods": 0,
            "ThrottledTime": 0,
            "Percent": percent,
            "Measured": ["System Mode", "User Mode", "Percent"],
        },
        "DeviceStats": null,
    })
}

/// Samples of allocations that are gone.
pub(crate) fn forget_ended(shared: &Shared) {
    let allocs = shared.allocs();
    let lives = |id: &model::AllocId| allocs.get(id).is_some_and(|handle| !handle.is_finished());
    for samples in [&shared.samples.tasks, &shared.samples.tasks_of_probe] {
        samples.lock().unwrap_or_else(PoisonError::into_inner).retain(|(id, _), _| lives(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares follow from the difference of the counters over the time between.
    #[test]
    fn differences() {
        let sample = |seconds: i64, user_ticks: u64| TaskSample {
            at: seconds * 1_000_000_000,
            usage: TaskUsage { processes: [(7, ProcessUsage { user_ticks, system_ticks: 5, ..ProcessUsage::default() })].into() },
        };
        let ticks = ticks_per_second();
        let load = loads(Some(&sample(10, 100)), &sample(12, 100 + ticks))[&7];
        assert_eq!(load, Load { user_percent: 50.0, system_percent: 0.0 });
        assert!(loads(None, &sample(1, 1)).is_empty());
        assert!(loads(Some(&sample(2, 1)), &sample(2, 9)).is_empty());
    }
}
