//! Making keys, and the projects that they are for.

use schemas::access::{ApiKey, Grant, Permission};
use schemas::id::{KeyId, ProjectId};
use schemas::reference::{KeyObject, ProjectObject, ReferenceObject, ReferenceRecord};
use schemas::time::Timestamp;

/// A key to be made.
#[derive(Debug)]
pub(crate) struct NewKey {
    pub(crate) project: ProjectId,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) name: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) expires: Option<Timestamp>,
}

impl NewKey {
    /// The key, and the record that puts it in force.
    pub(crate) fn make(self) -> (ApiKey, ReferenceRecord) {
        let key = ApiKey::generate();
        let grant = |permission| Grant { permission, is_block_permission: false, label_ids: Vec::new() };
        let object = KeyObject {
            project_id: self.project,
            hash: key.hash(),
            name: self.name,
            permissions: self.permissions.into_iter().map(grant).collect(),
            created_at: Some(self.created),
            expires_at: self.expires,
        };
        (key, ReferenceRecord::of(KeyId::generate().0, ReferenceObject::Key(object)))
    }
}

/// The record of a project with this name.
pub(crate) fn project_record(id: ProjectId, name: &str) -> ReferenceRecord {
    ReferenceRecord::of(id.0, ReferenceObject::Project(ProjectObject { name: name.to_owned() }))
}
