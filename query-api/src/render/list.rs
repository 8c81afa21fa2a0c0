//! A page of calls.

use schemas::reader::ListPage;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::RowAnswer;
use crate::compat::Compat;
use crate::parse::paging::Echo;
use crate::parse::select::Selection;
use schemas::reference::ReferenceData;

#[derive(Debug, Clone, Copy)]
pub(crate) struct ListAnswer<'a> {
    pub(crate) page: &'a ListPage,
    pub(crate) echo: Echo,
    pub(crate) selection: &'a Selection,
    pub(crate) reference: &'a ReferenceData,
    pub(crate) compat: Compat,
}

impl<'a> ListAnswer<'a> {
    pub(super) fn rows(&self) -> impl Iterator<Item = RowAnswer<'a>> {
        let Self { page, selection, reference, compat, .. } = *self;
        page.rows.iter().map(move |sorted| RowAnswer { row: &sorted.row, selection, reference, compat })
    }
}

impl Serialize for ListAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = Rows(self);
        let count = self.page.count.unwrap_or_default();
        let (skip, limit) = (JsNumber(self.echo.skip), JsNumber(self.echo.limit));
        let mut map = serializer.serialize_map(Some(4))?;
        match self.compat {
            Compat::Docs => {
                map.serialize_entry("count", &count)?;
                map.serialize_entry("limit", &limit)?;
                map.serialize_entry("skip", &skip)?;
                map.serialize_entry("data", &rows)?;
            }
            Compat::OneUptime => {
                map.serialize_entry("data", &rows)?;
                map.serialize_entry("count", &count)?;
                map.serialize_entry("skip", &skip)?;
                map.serialize_entry("limit", &limit)?;
            }
        }
        map.end()
    }
}

struct Rows<'a>(&'a ListAnswer<'a>);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows())
    }
}

/// A whole number as JavaScript writes it; not a number is null.
struct JsNumber(Option<f64>);

impl Serialize for JsNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_unit(),
            Some(number) => match format!("{number:.0}").parse::<i64>() {
                Ok(whole) => serializer.serialize_i64(whole),
                Err(_) => serializer.serialize_f64(number),
            },
        }
    }
}
