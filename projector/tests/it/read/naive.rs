//! What reads mean, told without an index.

use std::collections::BTreeMap;

use projector::index::schema::HEAD_BYTES;
use projector::index::words::{Words, fold_accents};
use schemas::id::ProjectId;
use schemas::model::{Column, ColumnType};
use schemas::query::{Filter, SortBy, SortKey, SortPosition, SortValue, TextQuery};
use schemas::row::Row;
use schemas::stats::{Durations, Group, GroupBy, Groups, is_error};
use schemas::time::Date;
use schemas::value::Value;
use tantivy::tokenizer::{TokenStream as _, Tokenizer as _};

pub(super) fn holds(filter: &Filter, row: &Row) -> bool {
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| holds(filter, row)),
        Filter::Any(filters) => filters.iter().any(|filter| holds(filter, row)),
        Filter::Not(filter) => !holds(filter, row),
        Filter::Null(column) => row.get(*column).is_null(),
        Filter::Equal(column, value) => !value.is_null() && row.get(*column) == value,
        Filter::OneOf(column, values) => !row.get(*column).is_null() && values.contains(row.get(*column)),
        Filter::Range(column, bounds) => bounds.contains(row.get(*column)),
        Filter::Like(columns, pattern) => {
            let mut matcher = pattern.matcher();
            columns.iter().any(|column| matcher.matches_value(row.get(*column)))
        }
        Filter::FullText(columns, query) => {
            let texts = columns.iter().filter_map(|column| row.get(*column).as_text());
            has_text(query, &texts.map(words).collect::<Vec<_>>())
        }
    }
}

fn has_text(query: &TextQuery, texts: &[Vec<String>]) -> bool {
    let anywhere = |wanted: &str, prefix: bool| {
        let wanted = words(wanted);
        texts.iter().any(|text| {
            !wanted.is_empty()
                && text.windows(wanted.len()).any(|window| {
                    let (last, rest) = window.split_last().expect("not empty");
                    let (wanted_last, wanted_rest) = wanted.split_last().expect("not empty");
                    rest == wanted_rest && if prefix { last.starts_with(wanted_last) } else { last == wanted_last }
                })
        })
    };
    match query {
        TextQuery::All(queries) => queries.iter().all(|query| has_text(query, texts)),
        TextQuery::Any(queries) => queries.iter().any(|query| has_text(query, texts)),
        TextQuery::Not(query) => !has_text(query, texts),
        TextQuery::Term(text) | TextQuery::Phrase(text) => anywhere(text, false),
        TextQuery::Prefix(text) => anywhere(text, true),
    }
}

fn words(text: &str) -> Vec<String> {
    let mut tokenizer = Words::default();
    let mut stream = tokenizer.token_stream(text);
    let mut words = Vec::new();
    while stream.advance() {
        words.push(fold_accents(&stream.token().text).into_owned());
    }
    words
}

/// The place of a row in an order of columns.
pub(super) fn position(row: &Row, keys: &[SortKey]) -> SortPosition {
    let id_in = |column| match row.get(column) {
        Value::Id(id) => Some(*id),
        _ => None,
    };
    let id = id_in(Column::Id).expect("every row has an id");
    let project = ProjectId(id_in(Column::ProjectId).expect("every row has a project"));
    let value = |key: &SortKey| {
        let column = match &key.by {
            SortBy::Column(column) => *column,
            SortBy::Related(field) => {
                let rank = id_in(field.relation().id_column()).and_then(|id| field.rank(project, id));
                return SortValue::Value(rank.map_or(Value::Null, |rank| field.value(rank).clone()));
            }
            SortBy::Relevance => unreachable!("no order by relevance is compared"),
        };
        let value = row.get(column).clone();
        SortValue::Value(match (&value, column.column_type()) {
            (Value::Text(text), ColumnType::LongText | ColumnType::VeryLongText) => {
                let head: Vec<String> = text.bytes().take(HEAD_BYTES).map(|byte| format!("{byte:02x}")).collect();
                Value::text(head.concat())
            }
            _ => value,
        })
    };
    SortPosition { values: keys.iter().map(value).collect(), id, project }
}

pub(super) fn stats(rows: &[Row], filter: &Filter, group_by: &[GroupBy], percentiles: bool) -> Groups {
    let mut groups: BTreeMap<Vec<Value>, Group> = BTreeMap::new();
    for row in rows.iter().filter(|row| holds(filter, row)) {
        let key = group_by.iter().map(|by| match (by, row.get(Column::CreatedAt)) {
            (GroupBy::Column(column), _) => row.get(*column).clone(),
            (GroupBy::Day, Value::Date(date)) => Value::Date(Date(date.0 - date.0.rem_euclid(86_400_000))),
            (GroupBy::Day, _) => Value::Null,
        });
        let group = groups.entry(key.collect()).or_default();
        let number = |column| match row.get(column) {
            Value::Number(number) => i128::from(*number),
            Value::Cents(amount) => i128::from(amount.0),
            _ => 0,
        };
        group.totals.calls += 1;
        group.totals.errors += i128::from(row.get(Column::Status).as_text().is_some_and(is_error));
        group.totals.total_tokens += number(Column::TotalTokens);
        group.totals.completion_tokens += number(Column::CompletionTokens);
        group.totals.cached_input_tokens += number(Column::CachedInputTokens);
        group.totals.cache_creation_tokens += number(Column::CacheCreationTokens);
        group.totals.cost_nano_usd += number(Column::CostInUsdCents);
        if percentiles {
            let durations = group.durations.get_or_insert_with(Durations::default);
            if let Value::Number(duration) = row.get(Column::DurationMs) {
                durations.record(*duration);
            }
        }
    }
    groups
}
