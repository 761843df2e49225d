//! The progress bar: on a terminal only, on stderr.

use crate::jobs::compact::Watch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const STYLE: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";

/// A bar of landed bytes, with objects beside it; hidden where stderr is no terminal.
pub(super) fn bar() -> (ProgressBar, Watch) {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    if let Ok(style) = ProgressStyle::with_template(STYLE) {
        bar.set_style(style);
    }
    let (objects, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (planned, worked) = (bar.clone(), bar.clone());
    let total = objects.clone();
    let watch = Watch {
        planned: Arc::new(move |bytes, count| {
            total.store(count, Ordering::Relaxed);
            planned.set_length(bytes);
        }),
        progress: Arc::new(move |bytes| {
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            worked.set_message(format!("{done}/{} objects", objects.load(Ordering::Relaxed)));
            worked.inc(bytes);
        }),
    };
    (bar, watch)
}
