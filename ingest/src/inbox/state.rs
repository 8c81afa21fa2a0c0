//! How the taking of the inbox goes, for whoever asks whether the role is ready.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Whether records of the inbox are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum InboxState {
    /// Nothing is known to be wrong.
    #[default]
    Working,
    /// Something was away when last tried: the broker of the inbox, or the log.
    Away { since: Instant, reason: String },
    /// Somebody has to do something about it.
    Refused { reason: String },
    /// Nothing is taken any more until the process is started again.
    Ended,
}

/// The state as it changes.
#[derive(Debug, Clone, Default)]
pub struct InboxStatus(Arc<Mutex<InboxState>>);

impl InboxStatus {
    pub fn state(&self) -> InboxState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: InboxState) -> InboxState {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), state)
    }

    /// All is well. Said when it was not.
    pub(super) fn works(&self) {
        if self.set(InboxState::Working) != InboxState::Working {
            tracing::info!("the inbox is taken again");
        }
    }

    /// Something failed and will be tried again. Said once, and once more when it becomes another matter.
    pub(super) fn failed(&self, what: &str, error: &dyn std::error::Error, is_lasting: bool) {
        let reason = format!("{what}: {error}");
        if is_lasting {
            let before = self.set(InboxState::Refused { reason: reason.clone() });
            if before != (InboxState::Refused { reason }) {
                tracing::error!(error = %error, "{what}; trying again");
            }
            return;
        }
        let before = self.state();
        let since = if let InboxState::Away { since, .. } = before { since } else { Instant::now() };
        self.set(InboxState::Away { since, reason });
        if before == InboxState::Working {
            tracing::warn!(error = %error, "{what}; trying again");
        }
    }

    pub(super) fn ended(&self) {
        self.set(InboxState::Ended);
    }
}
