//! How much of a node an allocation takes.

use crate::{AllocatedResources, LifecycleHook, Node, TaskLifecycle};

/// CPU in MHz, memory and disk in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu: i64,
    pub memory: i64,
    pub disk: i64,
}

impl Usage {
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_add(other.cpu),
            memory: self.memory.saturating_add(other.memory),
            disk: self.disk.saturating_add(other.disk),
        }
    }

    pub fn minus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(other.cpu),
            memory: self.memory.saturating_sub(other.memory),
            disk: self.disk.saturating_sub(other.disk),
        }
    }

    pub fn max(self, other: Self) -> Self {
        Self { cpu: self.cpu.max(other.cpu), memory: self.memory.max(other.memory), disk: self.disk.max(other.disk) }
    }

    /// What a node offers to tasks: what it has without what it keeps back.
    pub fn of_node(node: &Node) -> Self {
        let has = node
            .node_resources
            .as_ref()
            .map(|has| Self { cpu: has.cpu.cpu_shares, memory: has.memory.memory_mb, disk: has.disk.disk_mb })
            .unwrap_or_default();
        let keeps_back = node
            .reserved_resources
            .as_ref()
            .map(|back| Self { cpu: back.cpu.cpu_shares, memory: back.memory.memory_mb, disk: back.disk.disk_mb })
            .unwrap_or_default();
        has.minus(keeps_back)
    }

    /// What an allocation takes at its peak: tasks of phases that follow each other do not add up.
    pub fn of_alloc(resources: &AllocatedResources) -> Self {
        let mut phases = Phases::default();
        for (name, task) in &resources.tasks {
            let lifecycle = resources.task_lifecycles.get(name).and_then(Option::as_ref);
            phases.add(lifecycle, Self { cpu: task.cpu.cpu_shares, memory: task.memory.memory_mb, disk: 0 });
        }
        phases.peak().plus(Self { disk: resources.shared.disk_mb, ..Self::default() })
    }
}

/// Sums of the tasks that run at the same time.
#[derive(Default)]
pub struct Phases {
    whole_life: Usage,
    before: Usage,
    main: Usage,
    after: Usage,
}

impl Phases {
    /// Adds what a task takes while it runs.
    pub fn add(&mut self, lifecycle: Option<&TaskLifecycle>, usage: Usage) {
        let phase = match lifecycle {
            Some(lifecycle) => match lifecycle.hook {
                LifecycleHook::Prestart if lifecycle.sidecar => &mut self.whole_life,
                LifecycleHook::Prestart => &mut self.before,
                LifecycleHook::Poststop => &mut self.after,
                LifecycleHook::Poststart | LifecycleHook::Unset => &mut self.main,
            },
            None => &mut self.main,
        };
        *phase = phase.plus(usage);
    }

    /// The most that runs at one time.
    pub fn peak(&self) -> Usage {
        self.whole_life.plus(self.before.max(self.main).max(self.after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tasks before and after the main ones share its room; sidecars add up.
    #[test]
    fn peaks() {
        let usage = |cpu| Usage { cpu, memory: cpu * 2, disk: 0 };
        let hook = |hook, sidecar| Some(TaskLifecycle { hook, sidecar });
        let rows = [
            (vec![(None, 100), (None, 50)], 150),
            (vec![(None, 100), (hook(LifecycleHook::Prestart, false), 80)], 100),
            (vec![(None, 100), (hook(LifecycleHook::Prestart, false), 180)], 180),
            (vec![(None, 100), (hook(LifecycleHook::Prestart, true), 80)], 180),
            (vec![(None, 100), (hook(LifecycleHook::Poststart, false), 80)], 180),
            (vec![(None, 100), (hook(LifecycleHook::Poststop, false), 120)], 120),
        ];
        for (tasks, expected) in rows {
            let mut phases = Phases::default();
            for (lifecycle, cpu) in &tasks {
                phases.add(lifecycle.as_ref(), usage(*cpu));
            }
            assert_eq!(phases.peak(), usage(expected), "{tasks:?}");
        }
    }
}
