//! The projects that calls belong to, and their keys.

use std::sync::LazyLock;

use schemas::access::{ApiKey, Grant, Permission};
use schemas::id::{ProjectId, derived_uuid};
use schemas::reference::{KeyObject, ProjectObject, ReferenceObject, ReferenceRecord};

/// How many projects there are.
pub(crate) const PROJECTS: usize = 20;

/// A project and its key. Both follow from the number, so that a corpus of an earlier run can be read.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) number: usize,
    pub(crate) id: ProjectId,
    pub(crate) key: String,
}

/// All projects, the largest first.
pub(crate) fn projects() -> &'static [Project] {
    static ALL: LazyLock<Vec<Project>> = LazyLock::new(|| (0..PROJECTS).map(Project::of).collect());
    &ALL
}

/// The project at a share from 0 to 1 of all calls. By Zipf's law, the second has half as many as the first, the third
/// a third.
pub(crate) fn project_at(share: f64) -> &'static Project {
    static ENDS: LazyLock<Vec<f64>> = LazyLock::new(|| {
        let weights: Vec<f64> = (1_u32..).take(PROJECTS).map(|rank| 1.0 / f64::from(rank)).collect();
        let total: f64 = weights.iter().sum();
        let mut end = 0.0;
        let ends = weights.iter().map(|weight| {
            end += weight / total;
            end
        });
        ends.collect()
    });
    let at = ENDS.partition_point(|end| *end <= share).min(PROJECTS - 1);
    projects().get(at).expect("one of the projects")
}

impl Project {
    fn of(number: usize) -> Self {
        let text = number.to_string();
        let key = derived_uuid("bench-key", &[&text]).as_hyphenated().to_string();
        Self { number, id: ProjectId::of_name(&format!("bench {text}")), key }
    }

    /// What makes the project and puts its key in force.
    pub(crate) fn records(&self) -> [ReferenceRecord; 2] {
        let key: ApiKey = self.key.parse().expect("a key is a UUID");
        let grant = |permission| Grant { permission, is_block_permission: false, label_ids: Vec::new() };
        let name = format!("bench {}", self.number);
        let object = KeyObject {
            project_id: self.id,
            hash: key.hash(),
            name: Some(name.clone()),
            permissions: vec![grant(Permission::read_llm_log()), grant(Permission::create_llm_log_event())],
            created_at: None,
            expires_at: None,
        };
        let id = derived_uuid("bench-key-id", &[&name]);
        [
            ReferenceRecord::of(self.id.0, ReferenceObject::Project(ProjectObject { name })),
            ReferenceRecord::of(id, ReferenceObject::Key(object)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_run_from_the_largest_project_to_the_smallest() {
        let numbers = [0.0, 0.277, 0.279, 0.99, 0.999_999, 1.0].map(|share| project_at(share).number);
        assert_eq!(numbers, [0, 0, 1, 19, 19, 19]);
    }
}
