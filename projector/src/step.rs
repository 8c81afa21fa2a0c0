//! The steps of the projector's work, told as they begin: what a crash fell into can be read off the end of the log.

/// The target of these lines, for the log's filter: nobody sees them unless `projector::steps=debug` asks for them.
pub(crate) const TARGET: &str = "projector::steps";

/// What the thread that writes the index does next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// The index is opened, or made.
    Open,
    /// The log is compared with what the index knows of it.
    CheckLog,
    /// The keys of the index are read into memory.
    LearnCalls,
    /// A batch goes into the writer.
    Apply,
    /// Segments are written.
    WriteSegments,
    /// The list of segments with its positions takes the place of the last.
    SwapList,
    /// The swap is made durable.
    SyncFolder,
    /// The writer's own reader sees the commit.
    Reload,
    /// A snapshot of the commit is made.
    Publish,
    /// Everything read so far is visible.
    Visible,
}

impl Step {
    pub(crate) fn begins(self) {
        tracing::debug!(target: TARGET, step = self.name(), "the projector goes one step on");
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::CheckLog => "check-log",
            Self::LearnCalls => "learn-calls",
            Self::Apply => "apply",
            Self::WriteSegments => "write-segments",
            Self::SwapList => "swap-list",
            Self::SyncFolder => "sync-folder",
            Self::Reload => "reload",
            Self::Publish => "publish",
            Self::Visible => "visible",
        }
    }
}
