//! Walks through a list, page after page. A cursor is the place of a page's last row in the order; the next page has
//! the rows after it, whatever was added, changed or erased meanwhile. Nothing is kept between two pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemas::access::ReadScope;
use schemas::id::ProjectId;
use schemas::query::{SortPosition, SortValue};
use schemas::reader::ListPage;
use schemas::value::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use crate::compat::Compat;
use crate::parse::sort::Order;

/// Goes up whenever [`Content`], or what the hashes are made of, changes.
const VERSION: u8 = 1;
/// Bytes of a hash.
const HASH: usize = size_of::<u64>();

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CursorError {
    #[error("expected \"\" for the first page or the cursor of the page before, got {0}")]
    NotText(&'static str),
    #[error("expected one as an answer has it; this is none, or it is damaged or cut")]
    Damaged,
    #[error("it was made by another version of llm-log; begin again with \"\"")]
    Version,
    #[error("it was made by an API of another form (--compat); begin again with \"\"")]
    Form,
    #[error("it is of another project, or of all projects together; begin again with \"\"")]
    Project,
    #[error("it is of another query; send the query of the page before, or begin again with \"\"")]
    Query,
    #[error("it is of another sort; send the sort of the page before, or begin again with \"\"")]
    Sort,
    #[error("an order by _relevance can't be walked, because scores change as calls come in; use skip and limit")]
    Relevance,
    #[error(
        "it is too long for the header of an answer as CSV; sort by a column of shorter texts, or walk without output-type"
    )]
    TooLong,
    #[error("expected no skip beside it, got {0}: a cursor says itself where its page begins")]
    Skip(u64),
}

/// What a request lists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed<'a> {
    pub(crate) compat: Compat,
    pub(crate) scope: ReadScope,
    pub(crate) query: Option<&'a Json>,
    pub(crate) order: &'a Order,
    pub(crate) skip: u64,
}

/// A page of a walk.
#[derive(Debug)]
pub(crate) struct Walk {
    list: List,
    scope: ReadScope,
    /// The last row of the page before; none for the first page.
    pub(crate) after: Option<SortPosition>,
}

/// What an answer says of the page after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NextPage {
    /// Nothing: the request has no cursor.
    NotAsked,
    /// There is none.
    None,
    Cursor(String),
}

impl NextPage {
    pub(crate) fn is_longer_than(&self, bytes: usize) -> bool {
        matches!(self, Self::Cursor(cursor) if cursor.len() > bytes)
    }
}

/// What tells the lists of one scope apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct List {
    documented_form: bool,
    query: [u8; HASH],
    sort: [u8; HASH],
}

/// What a cursor holds.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    list: List,
    every_project: bool,
    /// The place of the last row.
    project: ProjectId,
    id: Uuid,
    values: Vec<Value>,
}

impl Walk {
    /// The page that a request's `cursor` asks for; none without one.
    pub(crate) fn of(cursor: Option<&Json>, listed: Listed<'_>) -> Result<Option<Self>, CursorError> {
        let cursor = match cursor {
            None | Some(Json::Null) => return Ok(None),
            Some(Json::String(text)) => text.as_str(),
            Some(Json::Bool(_)) => return Err(CursorError::NotText("true or false")),
            Some(Json::Number(_)) => return Err(CursorError::NotText("a number")),
            Some(Json::Array(_)) => return Err(CursorError::NotText("an array")),
            Some(Json::Object(_)) => return Err(CursorError::NotText("an object")),
        };
        if listed.order.is_by_relevance() {
            return Err(CursorError::Relevance);
        }
        if listed.skip > 0 {
            return Err(CursorError::Skip(listed.skip));
        }
        let mut walk = Self { list: List::of(listed), scope: listed.scope, after: None };
        if !cursor.is_empty() {
            walk.after = Some(walk.position(Content::decode(cursor)?, listed.order)?);
        }
        Ok(Some(walk))
    }

    /// The place that a cursor names, if it is one of this list.
    fn position(&self, content: Content, order: &Order) -> Result<SortPosition, CursorError> {
        let Content { list, every_project, project, id, values } = content;
        let in_scope = match self.scope {
            ReadScope::Project(own) => !every_project && own == project,
            ReadScope::EveryProject => every_project,
        };
        if list.documented_form != self.list.documented_form {
            return Err(CursorError::Form);
        }
        if !in_scope {
            return Err(CursorError::Project);
        }
        if list.query != self.list.query {
            return Err(CursorError::Query);
        }
        if list.sort != self.list.sort {
            return Err(CursorError::Sort);
        }
        if !order.sorts(&values) {
            return Err(CursorError::Damaged);
        }
        Ok(SortPosition { values: values.into_iter().map(SortValue::Value).collect(), id, project })
    }

    /// Cuts a page to its limit, and says where the next one begins. The page was read with one row more, which
    /// there is only when the walk goes on.
    pub(crate) fn cut(&self, page: &mut ListPage, limit: u32) -> NextPage {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if page.rows.len() <= limit {
            return NextPage::None;
        }
        page.rows.truncate(limit);
        page.rows.last().map_or(NextPage::None, |row| NextPage::Cursor(self.cursor(&row.position)))
    }

    fn cursor(&self, after: &SortPosition) -> String {
        // Scores don't come up: an order by relevance is never walked.
        let values = after.values.iter().filter_map(|value| match value {
            SortValue::Value(value) => Some(value.clone()),
            SortValue::Score(_) => None,
        });
        let content = Content {
            list: self.list,
            every_project: self.scope == ReadScope::EveryProject,
            project: after.project,
            id: after.id,
            values: values.collect(),
        };
        content.encode()
    }
}

impl List {
    fn of(listed: Listed<'_>) -> Self {
        Self {
            documented_form: listed.compat == Compat::Docs,
            query: hash(canonical(listed.query).as_bytes()),
            sort: hash(listed.order.to_string().as_bytes()),
        }
    }
}

impl Content {
    /// The version, the content and a checksum of both.
    fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(postcard::to_stdvec(self).expect("a cursor holds nothing that postcard refuses"));
        bytes.extend(hash(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Damaged)?;
        let (checked, checksum) = bytes.split_last_chunk::<HASH>().ok_or(CursorError::Damaged)?;
        if hash(checked) != *checksum {
            return Err(CursorError::Damaged);
        }
        let (version, content) = checked.split_first().ok_or(CursorError::Damaged)?;
        if *version != VERSION {
            return Err(CursorError::Version);
        }
        postcard::from_bytes(content).map_err(|_| CursorError::Damaged)
    }
}

fn hash(bytes: &[u8]) -> [u8; HASH] {
    xxh3_64(bytes).to_le_bytes()
}

/// The same text for the same query: the order of keys means nothing in it, and what is no object is no query.
fn canonical(query: Option<&Json>) -> String {
    let Some(Json::Object(members)) = query else { return "{}".to_owned() };
    let mut query = Json::Object(members.clone());
    query.sort_all_objects();
    query.to_string()
}

#[cfg(test)]
mod tests;
