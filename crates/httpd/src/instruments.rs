//! What is measured of the interface.

use std::sync::atomic::{AtomicU64, Ordering};

use telemetry::{Counter, Gauge, Registry, Timer};

/// Handles on the interface's figures.
pub(crate) struct Instruments {
    /// Until an answer begins, with the time that a blocking query waits.
    pub request: Timer,
    /// Answers of 500 and above.
    pub request_error: Counter,
    /// Open connections.
    pub connections: Gauge,
    /// Connections that were turned away because their address has too many.
    pub exceeded: Counter,
    /// Requests are numbered, so that lines of the log about one of them are found.
    n_requests: AtomicU64,
}

impl Instruments {
    pub fn new(registry: &Registry) -> Self {
        Self {
            request: registry.timer("nomad.agent.http.request"),
            request_error: registry.counter("nomad.agent.http.request_error"),
            connections: registry.gauge("nomad.agent.http.connections"),
            exceeded: registry.counter("nomad.agent.http.exceeded"),
            n_requests: AtomicU64::new(0),
        }
    }

    /// The number of the next request.
    pub fn next_request(&self) -> u64 {
        self.n_requests.fetch_add(1, Ordering::Relaxed)
    }
}
