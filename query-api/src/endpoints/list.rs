//! `GET` and `POST /api/llm-log/get-list`.

use axum::response::Response;
use schemas::reader::ListRequest;
use serde_json::Value as Json;

use super::Call;
use crate::cursor::{CursorError, Listed, NextPage, Walk};
use crate::parse::{check_typed_values, filter, paging, select, sort};
use crate::refusal::Refusal;
use crate::render::{ListAnswer, csv_response, read_response};

/// Longest cursor that stands in a header: proxies and clients commonly take 8 KiB of headers.
const CURSOR_HEADER_BYTES: usize = 4096;

/// The order of the checks is part of the contract: it decides which error a client sees.
pub(crate) async fn answer(call: Call<'_>) -> Result<Response, Refusal> {
    let body = &call.request.body;
    let compat = call.api.compat;
    let paging = paging::parse(call.request, compat)?;
    for part in ["query", "select", "sort"] {
        check_typed_values(body.get(part))?;
    }
    let scope = call.read_scope()?;
    filter::check_columns(body.get("query"))?;
    let selection = select::parse(body.get("select"))?;
    if groups(body.get("groupBy")) {
        return Err(Refusal::GroupBy);
    }
    let query = body.get("query");
    let filter = filter::lower(query, call.reference, scope)?;
    let order = sort::parse(body.get("sort"), filter::has_full_text(&filter), &selection)?;
    let listed = Listed { compat, scope, query, order: &order, skip: paging.skip };
    let walk = Walk::of(body.get("cursor"), listed)?;
    let request = ListRequest {
        context: call.context(scope),
        filter,
        sort: order.keys(call.reference, scope)?,
        skip: paging.skip,
        // One row more tells whether a walk goes on.
        limit: paging.limit + u32::from(walk.is_some()),
        after: walk.as_ref().and_then(|walk| walk.after.clone()),
        columns: selection.to_read(),
        count: true,
        frequencies: None,
    };
    let mut answer = call.api.reader.list(request).await?;
    let next = walk.map_or(NextPage::NotAsked, |walk| walk.cut(&mut answer.content, paging.limit));
    let body = ListAnswer {
        page: &answer.content,
        echo: paging.echo,
        next: &next,
        selection: &selection,
        reference: call.reference,
        compat,
    };
    let freshness = call.freshness(&answer);
    Ok(match call.request.parameter("output-type") {
        Some("csv") if next.is_longer_than(CURSOR_HEADER_BYTES) => return Err(CursorError::TooLong.into()),
        Some("csv") => csv_response(body, &freshness),
        _ => read_response(&body, &freshness),
    })
}

/// Whether `groupBy` asks for anything.
fn groups(group_by: Option<&Json>) -> bool {
    match group_by {
        Some(Json::Object(members)) => !members.is_empty(),
        Some(Json::Array(elements)) => !elements.is_empty(),
        Some(Json::String(text)) => !text.is_empty(),
        _ => false,
    }
}
