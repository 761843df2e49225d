//! What the tests share.

pub mod check;
pub mod clocked;
pub mod faulty;
pub mod glue;
pub mod http_stub;
pub mod lake;
pub mod numbered;
pub mod process;
pub mod redact;
pub mod rows;
pub mod stand_in;
pub mod truth;
pub mod visible;
pub mod wire;

/// Runs a future in a test that also starts processes.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}
