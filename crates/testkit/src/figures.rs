//! What benches print: figures beside their floor and their goal.

use serde_json::{Value, json};

/// One figure. What is not known is NaN and printed as `-`.
#[derive(Clone, Debug)]
pub struct Figure {
    pub name: &'static str,
    pub workload: String,
    pub figure: f64,
    pub unit: &'static str,
    /// What cannot be saved, measured in the same run, in the same unit.
    pub floor: f64,
    /// In the same unit.
    pub goal: f64,
    /// Whether more is better.
    pub more: bool,
}

impl Figure {
    /// The figure by its floor.
    pub fn ratio(&self) -> f64 {
        self.figure / self.floor
    }

    /// `None` without a goal, or when the figure is not known.
    pub fn met(&self) -> Option<bool> {
        let met = if self.more { self.figure >= self.goal } else { self.figure <= self.goal };
        (self.goal.is_finite() && self.figure.is_finite()).then_some(met)
    }

    fn to_json(&self) -> Value {
        let number = |value: f64| if value.is_finite() { json!(value) } else { Value::Null };
        json!({
            "name": self.name, "workload": self.workload, "figure": number(self.figure), "unit": self.unit,
            "floor": number(self.floor), "ratio": number(self.ratio()), "goal": number(self.goal), "met": self.met(),
        })
    }
}

/// Prints figures as they come: a table, or with `json` an object a line.
pub struct Printer {
    json: bool,
    has_head: bool,
}

impl Printer {
    pub fn new(json: bool) -> Self {
        Self { json, has_head: false }
    }

    pub fn print(&mut self, figure: &Figure) {
        if self.json {
            println!("{}", figure.to_json());
            return;
        }
        if !self.has_head {
            println!("{:<28} {:<44} {:>12} {:<9} {:>12} {:>8} {:>12} met", "name", "workload", "figure", "unit", "floor", "ratio", "goal");
            self.has_head = true;
        }
        let met = figure.met().map_or("-", |met| if met { "yes" } else { "no" });
        let Figure { name, workload, unit, .. } = figure;
        let [value, floor, ratio, goal] = [figure.figure, figure.floor, figure.ratio(), figure.goal].map(number);
        println!("{name:<28} {workload:<44} {value:>12} {unit:<9} {floor:>12} {ratio:>8} {goal:>12} {met}");
    }
}

/// Three digits or all before the point.
fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "-".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The value that `part` of the sorted values do not exceed; `None` of none.
pub fn at_part<T>(sorted: &[T], part: f64) -> Option<&T> {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * part).round() as usize)
}

/// [`at_part`] of numbers; NaN of none.
pub fn quantile(sorted: &[f64], part: f64) -> f64 {
    at_part(sorted, part).copied().unwrap_or(f64::NAN)
}

/// Resident bytes of a process; `None` when it is gone.
pub fn resident(pid: i32) -> Option<u64> {
    status(pid, "VmRSS:")
}

/// The most that was resident, in bytes, since the process began or [`forget_peak`].
pub fn peak(pid: i32) -> Option<u64> {
    status(pid, "VmHWM:")
}

/// # Errors
/// It is another user's process, or gone.
pub fn forget_peak(pid: i32) -> std::io::Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

fn status(pid: i32, key: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

/// Processor time that a process has used, in seconds.
pub fn busy(pid: i32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}
