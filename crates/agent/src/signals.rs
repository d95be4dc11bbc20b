//! What a person or a supervisor tells the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// One thing that the process was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP.
    Reload,
}

/// The signals that the agent listens to, from the moment this is made.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    reload: Signal,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            reload: signal(SignalKind::hangup())?,
        })
    }

    /// The next thing that the process is told. Nothing is lost when this is dropped while it waits.
    pub async fn next(&mut self) -> Told {
        tokio::select! {
            // a reload that was asked for before the end comes before the end
            biased;
            _ = self.reload.recv() => Told::Reload,
            _ = self.interrupt.recv() => Told::Interrupt,
            _ = self.terminate.recv() => Told::Terminate,
        }
    }

    /// The next signal that asks for an end.
    pub async fn end(&mut self) -> Told {
        loop {
            match self.next().await {
                Told::Reload => {}
                end => return end,
            }
        }
    }
}
