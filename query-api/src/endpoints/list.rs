//! `GET` and `POST /api/llm-log/get-list`.

use axum::response::Response;
use schemas::reader::ListRequest;
use serde_json::Value as Json;

use super::Call;
use crate::parse::{check_typed_values, filter, paging, select, sort};
use crate::refusal::Refusal;
use crate::render::{ListAnswer, read_response};

/// The order of the checks is part of the contract: it decides which error a client sees.
pub(crate) async fn answer(call: Call<'_>) -> Result<Response, Refusal> {
    let body = &call.request.body;
    let compat = call.api.compat;
    let paging = paging::parse(call.request, compat)?;
    check_typed_values(body.get("query"))?;
    let scope = call.read_scope()?;
    filter::check_columns(body.get("query"))?;
    let selection = select::parse(body.get("select"))?;
    if groups(body.get("groupBy")) {
        return Err(Refusal::GroupBy);
    }
    if body.get("cursor").is_some_and(|cursor| !cursor.is_null()) {
        return Err(Refusal::Cursor);
    }
    let filter = filter::lower(body.get("query"), call.reference, scope)?;
    let sort = sort::parse(body.get("sort"), filter::has_full_text(&filter))?;
    let request = ListRequest {
        context: call.context(scope),
        filter,
        sort,
        skip: paging.skip,
        limit: paging.limit,
        after: None,
        columns: selection.to_read(),
        count: true,
    };
    let answer = call.api.reader.list(request).await?;
    let body = ListAnswer {
        page: &answer.content,
        echo: paging.echo,
        selection: &selection,
        reference: call.reference,
        compat,
    };
    Ok(read_response(&body, &call.freshness(&answer)))
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
