//! Orders by a field of related rows. Whoever holds calls knows nothing of the rows that they point to, so an order
//! brings along what it needs of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::ProjectId;
use crate::model::Relation;
use crate::reference::Viewers;
use crate::value::Value;

/// The values that the rows of a relation have in one field. A call whose row is not among them has null there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelatedField {
    relation: Relation,
    /// Each value once, ascending.
    values: Vec<Value>,
    /// By who sees the rows, the rank of each row: the place of its value among all values.
    ranks: BTreeMap<Viewers, BTreeMap<Uuid, u32>>,
}

impl RelatedField {
    /// The field of these rows. Null values are left out.
    pub fn new(relation: Relation, rows: impl IntoIterator<Item = (Viewers, Uuid, Value)>) -> Self {
        let rows: Vec<_> = rows.into_iter().filter(|(_, _, value)| !value.is_null()).collect();
        let mut values: Vec<Value> = rows.iter().map(|(_, _, value)| value.clone()).collect();
        values.sort_unstable();
        values.dedup();
        let mut ranks: BTreeMap<Viewers, BTreeMap<Uuid, u32>> = BTreeMap::new();
        for (viewers, id, value) in rows {
            let rank = values.binary_search(&value).ok().and_then(|place| u32::try_from(place).ok());
            ranks.entry(viewers).or_default().extend(rank.map(|rank| (id, rank)));
        }
        Self { relation, values, ranks }
    }

    pub fn relation(&self) -> Relation {
        self.relation
    }

    /// The ranks of the rows that these calls see, by the ids of the rows.
    pub fn ranks(&self, viewers: Viewers) -> Option<&BTreeMap<Uuid, u32>> {
        self.ranks.get(&viewers)
    }

    /// The rank of the row with this id, for a call of this project.
    pub fn rank(&self, project: ProjectId, id: Uuid) -> Option<u32> {
        let of = |viewers| self.ranks.get(&viewers)?.get(&id).copied();
        of(Viewers::All).or_else(|| of(Viewers::Of(project)))
    }

    /// The value that a rank stands for.
    pub fn value(&self, rank: u32) -> &Value {
        usize::try_from(rank).ok().and_then(|place| self.values.get(place)).unwrap_or(&Value::Null)
    }

    /// The rank of a value; as an error, that of the first greater one.
    pub fn rank_of(&self, value: &Value) -> Result<usize, usize> {
        self.values.binary_search(value)
    }
}

/// An order is cloned for every reader; what it brings along needn't be.
pub(super) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::RelatedField;

    pub(in crate::query) fn serialize<S: Serializer>(
        field: &Arc<RelatedField>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        RelatedField::serialize(field, serializer)
    }

    pub(in crate::query) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<RelatedField>, D::Error> {
        RelatedField::deserialize(deserializer).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_value_only_for_the_calls_that_see_it() {
        let (mine, other) = (ProjectId(Uuid::from_u128(1)), ProjectId(Uuid::from_u128(2)));
        let id = Uuid::from_u128;
        let rows = [
            (Viewers::All, id(10), Value::text("b")),
            (Viewers::Of(mine), id(11), Value::text("c")),
            (Viewers::Of(other), id(11), Value::text("a")),
            (Viewers::Of(mine), id(12), Value::Null),
            (Viewers::Of(mine), id(13), Value::text("b")),
        ];
        let field = RelatedField::new(Relation::LlmProvider, rows);
        let value = |project, row| field.rank(project, id(row)).map(|rank| field.value(rank).clone());
        for (project, row, expected) in [
            (mine, 10, Some("b")),
            (other, 10, Some("b")),
            (mine, 11, Some("c")),
            (other, 11, Some("a")),
            (mine, 12, None),
            (other, 13, None),
            (mine, 14, None),
        ] {
            assert_eq!(value(project, row), expected.map(Value::text), "row {row} of {project}");
        }
        assert_eq!(field.rank_of(&Value::text("b")), Ok(1));
        assert_eq!(field.rank_of(&Value::text("bb")), Err(2));
        let bytes = postcard::to_stdvec(&field).expect("encoded");
        assert_eq!(postcard::from_bytes::<RelatedField>(&bytes).expect("decoded"), field);
    }
}
