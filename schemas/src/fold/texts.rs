//! The long texts of a stored state, read where they are: without what else is in it, and without copying them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::{EventTypes, Stamp, UnreadableState};
use crate::model::Column;
use crate::money::NanoUsd;
use crate::time::Date;

/// The claims on long texts that won.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoredTexts<'a> {
    status_message: Option<&'a str>,
    request_prompt: Option<&'a str>,
    response_preview: Option<&'a str>,
}

impl<'a> StoredTexts<'a> {
    /// The texts in the bytes of a state, as [`super::CallState::encode`] writes them; none of an erased call.
    pub fn of(bytes: &'a [u8]) -> Result<Self, UnreadableState> {
        Ok(match postcard::from_bytes(bytes)? {
            StoredState::Live(StoredCall(_, _, _, _, Gathered(texts))) => texts,
            StoredState::Erased => Self::default(),
        })
    }

    /// The text of a column; none when it is null, or when the column is no long text.
    pub fn get(&self, column: Column) -> Option<&'a str> {
        match column {
            Column::StatusMessage => self.status_message,
            Column::RequestPrompt => self.request_prompt,
            Column::ResponsePreview => self.response_preview,
            _ => None,
        }
    }
}

/// What is gathered from the elements of a sequence, none of which is kept.
trait Gather<'de>: Default {
    type Element: Deserialize<'de>;

    fn add(&mut self, element: Self::Element);
}

impl<'de: 'a, 'a> Gather<'de> for StoredTexts<'a> {
    type Element = StoredClaim<'a>;

    fn add(&mut self, claim: StoredClaim<'a>) {
        let StoredClaim(_, _, Gathered(ClaimedTexts(texts))) = claim;
        self.status_message = self.status_message.or(texts.status_message);
        self.request_prompt = self.request_prompt.or(texts.request_prompt);
        self.response_preview = self.response_preview.or(texts.response_preview);
    }
}

/// The texts of one claim.
#[derive(Default)]
struct ClaimedTexts<'a>(StoredTexts<'a>);

impl<'de: 'a, 'a> Gather<'de> for ClaimedTexts<'a> {
    type Element = (Column, StoredValue<'a>);

    fn add(&mut self, (column, value): Self::Element) {
        let StoredValue::Text(text) = value else { return };
        match column {
            Column::StatusMessage => self.0.status_message = Some(text),
            Column::RequestPrompt => self.0.request_prompt = Some(text),
            Column::ResponsePreview => self.0.response_preview = Some(text),
            _ => {}
        }
    }
}

struct Gathered<G>(G);

impl<'de, G: Gather<'de>> Deserialize<'de> for Gathered<G> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<G>(PhantomData<G>);

        impl<'de, G: Gather<'de>> Visitor<'de> for Elements<G> {
            type Value = G;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<G, A::Error> {
                let mut gathered = G::default();
                while let Some(element) = elements.next_element()? {
                    gathered.add(element);
                }
                Ok(gathered)
            }
        }

        deserializer.deserialize_seq(Elements(PhantomData)).map(Self)
    }
}

// The stored types as their bytes are: without names, fields and variants in order.

#[derive(Deserialize)]
enum StoredState<'a> {
    Live(#[serde(borrow)] StoredCall<'a>),
    Erased,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "what stands before the claims is read to get behind it")]
struct StoredCall<'a>(EventTypes, Option<Date>, Option<Date>, Option<i64>, #[serde(borrow)] Gathered<StoredTexts<'a>>);

#[derive(Deserialize)]
#[expect(dead_code, reason = "what stands before the values is read to get behind it")]
struct StoredClaim<'a>(Column, Stamp, #[serde(borrow)] Gathered<ClaimedTexts<'a>>);

#[derive(Deserialize)]
#[expect(dead_code, reason = "values that are no texts are read to get behind them")]
enum StoredValue<'a> {
    Null,
    Boolean(bool),
    Number(i64),
    Cents(NanoUsd),
    Date(Date),
    Id(Uuid),
    Text(&'a str),
}
