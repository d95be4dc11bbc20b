//! The interface's layouts: key-value blocks, tables, times, sizes, JSON, templates, differences.

#[macro_use]
mod print;
mod color;
mod diff;
mod format;
mod layout;
mod metrics;
mod preempted;
mod screen;
mod template;
mod time;
mod units;

pub use color::{Color, color, paint, title};
pub use diff::job_diff;
pub use format::{Format, json};
pub use layout::{id, pairs, row, section, table};
pub use metrics::{failed_groups, placement};
pub use preempted::preempted;
pub use print::{line, problem, raw};
pub use screen::Screen;
pub use time::{ago, duration, from_now, now, span, time};
pub use units::{bytes, megabytes};
