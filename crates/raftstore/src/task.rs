//! Work that blocks, off the asynchronous threads.

use crate::error::Error;

/// Runs `work` on a thread where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    #[cfg(test)]
    if crate::simulation::is_running() {
        return crate::simulation::blocking(work).await;
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // It panicked, or the runtime is shutting down.
        Err(error) => Err(Error::Poisoned(format!("disk work was not finished: {error}"))),
    }
}
