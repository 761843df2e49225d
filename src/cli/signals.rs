//! Ctrl-C and its like: how a command is told to stop, and what happens where it does not listen.

use super::tell;
use crate::error::{Error, Kind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// How long a busy command may go on after it was told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// Waits for a signal on a thread of its own: a query that keeps every other thread busy does not look up.
pub(super) struct Signals {
    told: oneshot::Receiver<&'static str>,
    heard: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on. Where the command does not hear a signal within [`GRACE`], the process ends; a second one ends it at once.
    pub(super) fn listen() -> Self {
        let (tell, told) = oneshot::channel();
        let heard = Arc::new(AtomicBool::new(false));
        let hears = heard.clone();
        std::thread::spawn(move || watch(tell, &hears));
        Signals { told, heard }
    }

    /// Until somebody wants this process to end; gives the error that says so.
    pub(super) async fn stopped(self) -> Error {
        match self.told.await {
            Ok(signal) => {
                self.heard.store(true, Relaxed);
                cancelled(signal)
            }
            Err(_) => std::future::pending().await, // nobody listens: the system's own way is to end the process
        }
    }
}

fn watch(told: oneshot::Sender<&'static str>, heard: &AtomicBool) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let name = next().await;
        _ = told.send(name);
        let again = next();
        tokio::pin!(again);
        tokio::select! {
            _ = &mut again => {}
            () = tokio::time::sleep(GRACE) => {
                if heard.load(Relaxed) {
                    again.await;
                    eprintln!("not waited for: a query may still run in Athena");
                }
            }
        }
        let error = cancelled(name);
        tell(&error);
        std::process::exit(error.kind().exit_code().into());
    });
}

fn cancelled(signal: &str) -> Error {
    Error::new(Kind::Cancelled, format!("stopped by {signal}"))
        .hint("nothing half-written is visible; run the same command again to go on")
}

/// The next signal from a person, a scheduler or a closed terminal. A hangup that the caller ignores stays ignored: `nohup` is
/// to outlive the terminal.
async fn next() -> &'static str {
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => _ = signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    let hangup = async {
        match hangup_is_ignored() {
            true => std::future::pending().await,
            false => wait(SignalKind::hangup()).await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => "Ctrl-C",
        () = wait(SignalKind::terminate()) => "SIGTERM",
        () = hangup => "SIGHUP",
    }
}

/// As Linux tells it; elsewhere nobody says.
fn hangup_is_ignored() -> bool {
    let bit = 1 << (SignalKind::hangup().as_raw_value() - 1);
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignored(&status) & bit != 0)
}

/// The mask of ignored signals, lowest bit first, in what Linux says of a process; none where there is no such line.
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        assert_eq!(ignored("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), 0x1001);
        assert_eq!(ignored("Name:\tx\n"), 0);
    }
}
