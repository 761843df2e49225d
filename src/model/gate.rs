//! Where a process stops: before every operation that others could see.

use std::fmt;
use tokio::sync::{mpsc, oneshot};

/// How an operation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It is done, and the process goes on.
    Done,
    /// It does nothing, and fails.
    Refused,
    /// It is done, and its answer is lost.
    Lost,
    /// It takes effect later, or never; the process sees a time-out.
    Late,
    /// A write is refused as if something were there, and nothing landed: S3's 409.
    Conflict,
}

/// An operation that waits for its end.
pub(super) struct Arrival {
    pub(super) process: usize,
    pub(super) told: String,
    pub(super) end: oneshot::Sender<End>,
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}: {}", self.process, self.told)
    }
}

/// A process's way to its operations.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) process: usize,
    pub(super) arrivals: mpsc::UnboundedSender<Arrival>,
}

impl Gate {
    /// Waits until the script says how the operation ends.
    pub(super) async fn pass(&self, told: String) -> End {
        let (end, wait) = oneshot::channel();
        let arrival = Arrival { process: self.process, told, end };
        if self.arrivals.send(arrival).is_err() {
            return End::Done; // the sequence is over
        }
        match wait.await {
            Ok(end) => end,
            Err(_) => std::future::pending().await, // the process is dead
        }
    }
}
