//! Reference data: projects, keys and the rows that calls point to, folded from the reference topic.

mod listed;
mod objects;
mod read;
mod record;
mod visibility;

pub use listed::{ListedKey, ListedKeys};
pub use objects::{
    AlertObject, IncidentObject, KeyObject, KeyRevocationObject, LlmProviderObject, LogObject, ProjectObject,
    ReferenceKind, ReferenceObject, RelatedRow, ScheduledMaintenanceObject, UserObject,
};
pub use record::{REFERENCE_TYPE_PREFIX, ReferenceRecord, UndecodableReference};
pub use visibility::Viewers;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::access::{ApiKey, KeyHash, Principal, ReadScope};
use crate::id::{KeyId, LogId, ProjectId};
use crate::model::Relation;
use crate::positions::Offset;
use crate::time::Date;

/// Everything that the reference topic says, as of one position.
#[derive(Debug, Clone, Default)]
pub struct ReferenceData {
    /// The next record to apply.
    next: Offset,
    log: Option<(Offset, LogId, u32)>,
    objects: BTreeMap<(ReferenceKind, Uuid), ReferenceObject>,
    keys_by_hash: HashMap<KeyHash, KeyId>,
    revoked: BTreeSet<KeyId>,
}

/// The key is unknown, expired or revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid API key")]
pub struct InvalidKey;

/// A key, and whether it was revoked.
#[derive(Debug, Clone, Copy)]
pub struct KnownKey<'a> {
    pub id: KeyId,
    pub key: &'a KeyObject,
    pub revoked: bool,
}

impl ReferenceData {
    /// Applies the record at an offset. Records come in the order of their offsets; the last of a key wins,
    /// but the first log and every revocation are final.
    pub fn apply(&mut self, offset: Offset, record: ReferenceRecord) {
        self.next = self.next.max(offset + 1);
        let key = (record.kind, record.id);
        match record.object {
            Some(ReferenceObject::Log(log)) => {
                let this = (offset, LogId(record.id), log.partitions);
                self.log = Some(self.log.map_or(this, |known| if known.0 <= offset { known } else { this }));
            }
            Some(ReferenceObject::KeyRevocation(_)) => {
                self.revoked.insert(KeyId(record.id));
            }
            Some(object) => {
                if let ReferenceObject::Key(new) = &object {
                    self.forget_hash(record.id);
                    self.keys_by_hash.insert(new.hash, KeyId(record.id));
                }
                self.objects.insert(key, object);
            }
            None => {
                if record.kind == ReferenceKind::Key {
                    self.forget_hash(record.id);
                }
                self.objects.remove(&key);
            }
        }
    }

    /// Moves on to a position without a record for us, such as after one that can't be read.
    pub fn advance(&mut self, next: Offset) {
        self.next = self.next.max(next);
    }

    fn forget_hash(&mut self, id: Uuid) {
        self.keys_by_hash.retain(|_, key| key.0 != id);
    }

    /// The position of the next record.
    pub fn next(&self) -> Offset {
        self.next
    }

    /// The log that these records belong to, with its number of partitions.
    pub fn log(&self) -> Option<(LogId, u32)> {
        self.log.map(|(_, id, partitions)| (id, partitions))
    }

    /// Who holds this key now.
    pub fn authenticate(&self, key: ApiKey, now: Date) -> Result<Principal, InvalidKey> {
        let id = *self.keys_by_hash.get(&key.hash()).ok_or(InvalidKey)?;
        let Some(ReferenceObject::Key(key)) = self.objects.get(&(ReferenceKind::Key, id.0)) else {
            return Err(InvalidKey);
        };
        if self.revoked.contains(&id) || key.expires_at.is_some_and(|end| end.date() <= now) {
            return Err(InvalidKey);
        }
        Ok(Principal::Key { id, project: key.project_id, grants: key.permissions.clone() })
    }

    /// The same where there may be a master key.
    pub fn authenticate_or_master(
        &self,
        key: ApiKey,
        master_key: Option<ApiKey>,
        now: Date,
    ) -> Result<Principal, InvalidKey> {
        if master_key.is_some_and(|master| master.is(key)) {
            Ok(Principal::Master)
        } else {
            self.authenticate(key, now)
        }
    }

    pub fn keys(&self) -> impl Iterator<Item = KnownKey<'_>> {
        self.objects.iter().filter_map(|((_, id), object)| match object {
            ReferenceObject::Key(key) => {
                let id = KeyId(*id);
                Some(KnownKey { id, key, revoked: self.revoked.contains(&id) })
            }
            _ => None,
        })
    }

    pub fn project(&self, id: ProjectId) -> Option<&ProjectObject> {
        match self.objects.get(&(ReferenceKind::Project, id.0)) {
            Some(ReferenceObject::Project(project)) => Some(project),
            _ => None,
        }
    }

    /// The row that a call of this project points to. Nothing of another project is ever found.
    pub fn related(&self, relation: Relation, project: ProjectId, id: Uuid) -> Option<RelatedRow<'_>> {
        let object = self.objects.get(&(ReferenceKind::of_relation(relation), id))?;
        object.visibility(id).includes(project).then_some(RelatedRow { id, object })
    }

    /// Every row that calls of a scope may point to, with those of them that see it.
    pub fn related_rows(
        &self,
        relation: Relation,
        scope: ReadScope,
    ) -> impl Iterator<Item = (Viewers, RelatedRow<'_>)> {
        let kind = ReferenceKind::of_relation(relation);
        self.objects.range((kind, Uuid::nil())..=(kind, Uuid::max())).flat_map(move |((_, id), object)| {
            let row = RelatedRow { id: *id, object };
            object.visibility(*id).viewers(scope).map(move |viewers| (viewers, row))
        })
    }
}
