//! What an agent tells of itself: figures, and the lines of its log.
//!
//! The crate decides how something is counted and timed at the price of a few atomic operations ([`Counter`], [`Gauge`], [`Timer`], [`Sizes`]),
//! what the figures of an interval are ([`Registry`], [`Figures`]), which of them are shown ([`Filter`]), how Prometheus reads them
//! ([`prometheus()`]), and how lines of the log reach those who watch it without ever holding up who writes them ([`LogTap`]). It does not know
//! what is measured, nor HTTP, nor how lines are formatted: the `agent` crate feeds the tap.
//!
//! It is a module of the house and no library because the interface wants both totals for Prometheus under names that must not be changed
//! (libraries append `_total`) and minimum, maximum and deviation of single intervals, which none of them keeps; and because a registry is
//! handed down like everything else here, where the usual facade is a global.
//!
//! Start reading at [`Registry`]; for the log at [`LogTap`].

mod distribution;
mod filter;
mod instrument;
mod level;
mod past;
mod prometheus;
mod registry;
mod tap;

pub use filter::{BadFilter, Filter};
pub use instrument::{Counter, Gauge, Held, Running, Sizes, Timer};
pub use level::{LogLevel, UnknownLevel};
pub use past::{Aggregate, QUANTILES};
pub use prometheus::prometheus;
pub use registry::{CounterFigure, Figures, GaugeFigure, Labels, Reading, Registry, SampleFigure, Settings};
pub use tap::{Form, LINE_BYTES_MAX, LINES_MAX, Line, Lines, LogTap, READERS_MAX, TooManyReaders, Wanted};
