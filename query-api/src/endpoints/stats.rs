//! `POST /api/llm-log/stats`: sums over the calls of a query, per group and in total.

use axum::response::Response;
use schemas::reader::StatsRequest;

use super::Call;
use crate::parse::{check_typed_values, filter, stats};
use crate::refusal::Refusal;
use crate::render::{StatsAnswer, read_response};

pub(crate) async fn answer(call: Call<'_>) -> Result<Response, Refusal> {
    let body = &call.request.body;
    stats::limit(body)?;
    check_typed_values(body.get("query"))?;
    let scope = call.read_scope()?;
    filter::check_columns(body.get("query"))?;
    let options = stats::parse(body)?;
    let filter = filter::lower(body.get("query"), call.reference, scope)?;
    let request = StatsRequest {
        context: call.context(scope),
        filter,
        group_by: options.group_by.clone(),
        percentiles: options.percentiles,
        limit: Some(options.limit),
    };
    let answer = call.api.reader.stats(request).await?;
    let body = StatsAnswer { page: &answer.content, options: &options, compat: call.api.compat };
    Ok(read_response(&body, &call.freshness(&answer)))
}
