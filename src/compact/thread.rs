//! Threads for the heavy work. Not those of the runtime's pool: glibc's allocator keeps what a living thread has freed to that
//! thread, and each batch would find other threads of the pool. A thread that ends leaves its memory to the next one.

use crate::error::{Error, Result};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// What a thread will give.
pub(super) struct Running<T>(oneshot::Receiver<T>);

/// Starts a thread, which may block on the current runtime.
///
/// # Errors
/// Internal: the system has no thread for it.
pub(super) fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<Running<T>> {
    let (send, receive) = oneshot::channel();
    let runtime = Handle::current();
    let run = move || {
        let _entered = runtime.enter();
        drop(send.send(work())); // nobody waits where the run was given up
    };
    let started = std::thread::Builder::new().name("firelake-work".into()).spawn(run);
    started.map_err(|e| Error::internal("cannot start a thread").caused_by(e))?;
    Ok(Running(receive))
}

impl<T> Running<T> {
    /// Waits for its end.
    ///
    /// # Errors
    /// Internal: it panicked.
    pub(super) async fn end(self) -> Result<T> {
        self.0.await.map_err(|_| Error::internal("a worker thread died; nothing of this attempt is visible"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thread_gives_its_value_blocks_on_the_runtime_and_may_die() {
        let thread = start(|| Handle::current().block_on(async { 7 })).unwrap();
        assert_eq!(thread.end().await.unwrap(), 7);
        let thread = start(|| -> u8 { panic!("on purpose") }).unwrap();
        assert!(thread.end().await.unwrap_err().message().contains("died"));
    }
}
