//! Which calls see a row of the reference data: a relation never shows a row of another project.

use serde::{Deserialize, Serialize};

use crate::access::ReadScope;
use crate::id::ProjectId;

/// The calls that see a row through a relation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Visibility<'a> {
    Everywhere,
    /// Those of these projects.
    In(&'a [ProjectId]),
    /// A project is seen by its own calls, and no others point to it.
    ToItself(ProjectId),
}

/// Some of the calls of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Viewers {
    All,
    /// Those of one project.
    Of(ProjectId),
}

impl<'a> Visibility<'a> {
    pub(super) fn includes(self, project: ProjectId) -> bool {
        match self {
            Self::Everywhere => true,
            Self::In(projects) => projects.contains(&project),
            Self::ToItself(own) => own == project,
        }
    }

    /// Which of the calls that a scope includes see the row; none when it is of no project of the scope.
    pub(super) fn viewers(self, scope: ReadScope) -> impl Iterator<Item = Viewers> + use<'a> {
        let (all, projects) = match (scope, self) {
            (ReadScope::Project(project), visibility) => (visibility.includes(project), &[][..]),
            (ReadScope::EveryProject, Self::Everywhere | Self::ToItself(_)) => (true, &[][..]),
            (ReadScope::EveryProject, Self::In(projects)) => (false, projects),
        };
        all.then_some(Viewers::All).into_iter().chain(projects.iter().map(|project| Viewers::Of(*project)))
    }
}
