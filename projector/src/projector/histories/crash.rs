//! What is on disk when a step begins.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::step::{Step, TARGET};
use crate::writer::failing_directory::FailingDirectory;

/// Does this, and keeps what a process would find that comes after one that died as the step began. Nothing of it when
/// the step did not begin.
pub(super) fn found_after_a_crash_at(
    step: Step,
    directory: &FailingDirectory,
    work: impl FnOnce(),
) -> Option<FailingDirectory> {
    let found = Arc::new(Mutex::new(None));
    let watcher = Watcher { step, directory: directory.clone(), found: Arc::clone(&found) };
    tracing::subscriber::with_default(watcher, work);
    let mut found = found.lock().expect("not poisoned");
    found.take()
}

/// Hears the steps of this thread.
struct Watcher {
    step: Step,
    directory: FailingDirectory,
    found: Arc<Mutex<Option<FailingDirectory>>>,
}

impl Subscriber for Watcher {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut is_step = IsStep { step: self.step, found: false };
        event.record(&mut is_step);
        if is_step.found {
            self.found.lock().expect("not poisoned").get_or_insert_with(|| self.directory.after_a_crash());
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct IsStep {
    step: Step,
    found: bool,
}

impl Visit for IsStep {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.found |= field.name() == "step" && value == self.step.name();
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
