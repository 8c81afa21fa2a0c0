//! Why a session with one writer of the index ended.

use std::error::Error;

use tantivy::TantivyError;

use super::failure::ProjectorFailure;
use super::log_check::LogCheckError;
use crate::writer::WriteIndexError;
use crate::writer::folder::{OpenIndexError, UnusableIndex, is_damage, may_be_damage};

#[derive(Debug)]
pub(super) enum SessionEnd {
    Failed(ProjectorFailure),
    /// The index has to be built anew.
    Unusable(UnusableIndex),
    /// The log or the index does not work now; the index is good as of its last commit, unless it turns out to be
    /// damaged.
    Again {
        error: Box<dyn Error + Send + Sync>,
        may_be_damage: bool,
    },
}

impl From<OpenIndexError> for SessionEnd {
    fn from(error: OpenIndexError) -> Self {
        match error {
            // It may be the only copy of what another log had.
            OpenIndexError::Unusable(UnusableIndex::OtherLog(log)) => Self::Failed(ProjectorFailure::OtherLog(log)),
            OpenIndexError::Unusable(reason) => Self::Unusable(reason),
            OpenIndexError::Failed(error) => Self::from(error),
        }
    }
}

impl From<TantivyError> for SessionEnd {
    fn from(error: TantivyError) -> Self {
        if is_damage(&error) {
            Self::Unusable(UnusableIndex::Damaged(error))
        } else {
            let may_be_damage = may_be_damage(&error);
            Self::Again { error: error.into(), may_be_damage }
        }
    }
}

impl From<WriteIndexError> for SessionEnd {
    fn from(error: WriteIndexError) -> Self {
        match error {
            WriteIndexError::Index(error) => Self::from(error),
            WriteIndexError::Reopen(error) => Self::from(error),
            WriteIndexError::State(_) | WriteIndexError::NoState => {
                Self::Unusable(UnusableIndex::Unreadable(error.to_string()))
            }
        }
    }
}

impl From<LogCheckError> for SessionEnd {
    fn from(error: LogCheckError) -> Self {
        match error {
            LogCheckError::Unavailable(unavailable) => Self::Again { error: unavailable.into(), may_be_damage: false },
            LogCheckError::Failure(failure) => Self::Failed(failure),
        }
    }
}
