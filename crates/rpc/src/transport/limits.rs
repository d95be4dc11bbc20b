//! What one connection, and one agent, may hold and how long it waits.

use std::time::Duration;

/// Bounds and timings of the transport. The defaults suit agents on one machine as well as on two continents; tests shorten the timings.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest body of a request or an answer, and the largest item of a stream, in bytes. Larger things are for streams.
    pub message_bytes_max: usize,
    /// Requests being worked on at once for one connection. A pending long poll is one of them.
    pub open_requests_max: usize,
    /// Bytes of request bodies that one connection may make the server hold at once.
    pub request_bytes_held_max: usize,
    /// Bytes of one stream that may be on their way or unread before its sender has to wait. At least 128 KiB.
    pub stream_window: u32,
    /// Accepted connections from one address at once; 0: any number.
    pub connections_per_address_max: usize,
    /// Accepted connections at once.
    pub connections_max: usize,
    /// A connection on which nothing arrived for this long is asked for a sign of life.
    pub ping_interval: Duration,
    /// After this many intervals without an answer the connection is given up.
    pub ping_misses_max: u32,
    /// For a TCP connection to come about.
    pub dial_timeout: Duration,
    /// For the hello of the other side to arrive.
    pub hello_timeout: Duration,
    /// The first pause after a failed dial. Calls within the pause fail at once with the error of that dial.
    pub backoff_min: Duration,
    /// Pauses double up to this. Short, because whoever calls wants to notice soon that a server is back.
    pub backoff_max: Duration,
    /// A dialed connection without a call for this long is closed.
    pub idle_close: Duration,
    /// What a handler gets to end by itself after it was cancelled or its deadline passed; then its future is dropped.
    pub cancel_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 64 << 20,
            open_requests_max: 65_536,
            request_bytes_held_max: 256 << 20,
            stream_window: 1 << 20,
            connections_per_address_max: 100,
            connections_max: 16_384,
            ping_interval: Duration::from_secs(5),
            ping_misses_max: 3,
            dial_timeout: Duration::from_secs(3),
            hello_timeout: Duration::from_secs(5),
            backoff_min: Duration::from_millis(25),
            backoff_max: Duration::from_secs(1),
            idle_close: Duration::from_secs(600),
            cancel_grace: Duration::from_secs(1),
        }
    }
}
