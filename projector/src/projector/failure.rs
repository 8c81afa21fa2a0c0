//! What ends a projector for good.

use std::fmt;

use event_log::ReadLogError;
use schemas::id::{LogId, Partition};
use schemas::positions::Offset;

/// Records that the index needs and the log no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingRecords {
    pub partition: Partition,
    /// The first missing offset.
    pub from: Offset,
    /// The first offset that is there.
    pub to: Offset,
}

impl fmt::Display for MissingRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {} from {} to just before {}", self.partition, self.from, self.to)
    }
}

/// Why a projector has stopped: reading on would make the index differ from the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectorFailure {
    #[error("the log no longer has records that the index needs: {}", joined(.missing))]
    Gap { missing: Vec<MissingRecords> },
    #[error(
        "the log is not the one that the index was made from: it ends at {end} in partition {partition}, and the \
         index has read to {next}"
    )]
    Ahead { partition: Partition, next: Offset, end: Offset },
    #[error(
        "the log is not the one that the index was made from: the record {offset} of partition {partition} is \
         another"
    )]
    OtherRecord { partition: Partition, offset: Offset },
    #[error(
        "the index is of the log {0}, and this is another: start with the folder of its own index, or delete this one to build \
         another"
    )]
    OtherLog(LogId),
    #[error("the log is damaged: {reason}")]
    DamagedLog { reason: String },
    #[error("the projector's thread panicked")]
    Panicked,
}

fn joined(missing: &[MissingRecords]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A log that does not answer now.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct LogUnavailable(pub(crate) String);

/// What a reading error means for the projector.
pub(crate) fn judge(error: ReadLogError) -> Result<LogUnavailable, ProjectorFailure> {
    match error {
        ReadLogError::Unavailable { reason } => Ok(LogUnavailable(reason)),
        ReadLogError::Gap { partition, wanted, start } => {
            Err(ProjectorFailure::Gap { missing: vec![MissingRecords { partition, from: wanted, to: start }] })
        }
        ReadLogError::Ahead { partition, wanted, end } => Err(ProjectorFailure::Ahead { partition, next: wanted, end }),
        ReadLogError::Damaged { reason } => Err(ProjectorFailure::DamagedLog { reason }),
    }
}
