//! The steps that a process says it takes, and kills aimed at one of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The steps of a projector that a kill is aimed at.
pub(super) const AIMS: [&str; 10] = [
    "open",
    "check-log",
    "learn-calls",
    "apply",
    "write-segments",
    "swap-list",
    "sync-folder",
    "reload",
    "publish",
    "visible",
];

/// What a process has said of its steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: Option<String>,
    aim: Option<Aim>,
}

/// A step, and how long after its beginning the kill comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aim {
    pub(super) step: &'static str,
    pub(super) delay: Duration,
}

impl Steps {
    /// Takes note of a line; kills its process when it was aimed at.
    pub(super) fn tell(&self, pid: Pid, line: &str) {
        let Some(step) = step(line) else { return };
        let hit = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.last = Some(step.to_owned());
            state.aim.take_if(|aim| aim.step == step)
        };
        if let Some(aim) = hit {
            std::thread::sleep(aim.delay);
            // A process that is gone already was killed by somebody else.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// Kills the process when it says that it takes this step.
    pub(super) fn aim(&self, aim: Aim) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).aim = Some(aim);
    }

    /// The last step of a process that is gone; forgotten with this, so that the next one begins anew.
    pub(super) fn end(&self) -> Option<String> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.aim = None;
        state.last.take()
    }
}

/// The step that a line names.
fn step(line: &str) -> Option<&str> {
    line.split_once("step=\"")?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_of_a_line_is_found() {
        let line = r#"2026-11-25T14:47:17.821Z DEBUG the projector goes one step on step="swap-list""#;
        assert_eq!(step(line), Some("swap-list"));
        assert_eq!(step("2026-11-25T14:47:18.424Z  INFO stopped"), None);
    }
}
