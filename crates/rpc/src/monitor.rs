//! An agent's log as a stream.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use telemetry::{Form, LogTap, Wanted};

use crate::message::{Chunk, Failure, MonitorOptions};

/// The lines of this agent's log from now on, a chunk each. Dropping the stream ends it. It never ends by itself, and never holds up the agent:
/// who does not read in time loses lines, and is told how many.
///
/// # Errors
/// 429 when too many others read.
pub fn open(tap: &LogTap, options: MonitorOptions) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Failure> {
    let form = Form { json: options.json, location: options.location };
    let lines = tap.open(Wanted { level: options.level, form }).map_err(|error| Failure::new(429, error.to_string()))?;
    let chunks = stream::unfold(lines, move |mut lines| async move {
        let line = lines.next().await?;
        Some((Ok(Chunk { data: line.text(form).to_vec(), ..Chunk::default() }), lines))
    });
    Ok(chunks.boxed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use telemetry::{LogLevel, READERS_MAX};

    /// Lines come as chunks; one reader too many is refused, until another one goes.
    #[tokio::test]
    async fn lines() {
        let tap = LogTap::default();
        let options = MonitorOptions { level: LogLevel::Debug, json: false, location: false };
        let mut streams: Vec<_> = (0..READERS_MAX).map(|_| open(&tap, options).expect("room")).collect();
        let refusal = open(&tap, options).err().expect("no room");
        assert_eq!((refusal.code, refusal.text.contains("16 others")), (429, true), "{refusal}");
        tap.publish(Form::default(), tracing::Level::INFO, b"one\n");
        let chunk = streams[0].next().await.expect("a chunk").expect("no failure");
        assert_eq!(chunk, Chunk { data: b"one\n".to_vec(), ..Chunk::default() });
        streams.pop();
        assert!(open(&tap, options).is_ok());
    }
}
