//! Files and logs of allocations.

use super::{Answer, ByteStream, Client, Error, FrameStream, Query, segment};
use crate::body::AllocFileInfo;

/// What of a file is wanted, and whether to wait for more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileRange {
    /// Bytes from `origin`.
    pub offset: u64,
    pub origin: Origin,
    /// Go on as the file grows.
    pub follow: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    #[default]
    Start,
    /// The offset counts back from the end.
    End,
}

/// Which output of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogStream {
    #[default]
    Stdout,
    Stderr,
}

impl Client {
    /// `path` is relative to the allocation's directory.
    pub async fn list_files(&self, alloc_id: &str, path: &str, query: &Query) -> Result<Answer<Vec<AllocFileInfo>>, Error> {
        self.get(&format!("/v1/client/fs/ls/{}", segment(alloc_id)), &query.clone().with("path", path)).await
    }

    pub async fn stat_file(&self, alloc_id: &str, path: &str, query: &Query) -> Result<Answer<AllocFileInfo>, Error> {
        self.get(&format!("/v1/client/fs/stat/{}", segment(alloc_id)), &query.clone().with("path", path)).await
    }

    /// The whole file.
    pub async fn cat_file(&self, alloc_id: &str, path: &str, query: &Query) -> Result<ByteStream, Error> {
        self.stream(&format!("/v1/client/fs/cat/{}", segment(alloc_id)), &query.clone().with("path", path)).await
    }

    /// Part of a file; `limit` 0: to the end.
    pub async fn read_file_at(&self, alloc_id: &str, path: &str, offset: u64, limit: u64, query: &Query) -> Result<ByteStream, Error> {
        let mut query = query.clone().with("path", path).with("offset", offset);
        if limit > 0 {
            query = query.with("limit", limit);
        }
        self.stream(&format!("/v1/client/fs/readat/{}", segment(alloc_id)), &query).await
    }

    /// A file as frames, following it when asked.
    pub async fn stream_file(&self, alloc_id: &str, path: &str, range: &FileRange, query: &Query) -> Result<FrameStream, Error> {
        let query = with_range(query, range).with("path", path);
        Ok(FrameStream::new(self.stream(&format!("/v1/client/fs/stream/{}", segment(alloc_id)), &query).await?))
    }

    /// The output of a task as frames.
    pub async fn logs(
        &self,
        alloc_id: &str,
        task: &str,
        stream: LogStream,
        range: &FileRange,
        query: &Query,
    ) -> Result<FrameStream, Error> {
        let query = with_logs(query, task, stream, range);
        Ok(FrameStream::new(self.stream(&format!("/v1/client/fs/logs/{}", segment(alloc_id)), &query).await?))
    }

    /// The output of a task as bytes.
    pub async fn plain_logs(
        &self,
        alloc_id: &str,
        task: &str,
        stream: LogStream,
        range: &FileRange,
        query: &Query,
    ) -> Result<ByteStream, Error> {
        let query = with_logs(query, task, stream, range).with("plain", true);
        self.stream(&format!("/v1/client/fs/logs/{}", segment(alloc_id)), &query).await
    }
}

fn with_logs(query: &Query, task: &str, stream: LogStream, range: &FileRange) -> Query {
    let stream = match stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    };
    with_range(query, range).with("task", task).with("type", stream)
}

fn with_range(query: &Query, range: &FileRange) -> Query {
    let origin = match range.origin {
        Origin::Start => "start",
        Origin::End => "end",
    };
    query.clone().with("follow", range.follow).with("offset", range.offset).with("origin", origin)
}
