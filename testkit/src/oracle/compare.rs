//! Comparing every answer of the API with the oracle's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::columns::fields;
use super::explain::{Difference, DifferenceKind, ShownRow};
use super::fold::{Row, Shown};
use super::ledger::{CallName, Ledger};
use super::sums;
use crate::client::Client;

/// Rows of a page.
const PAGE: usize = 100;
/// How long calls may come while they are listed.
const UNDERWAY: Duration = Duration::from_secs(30);
/// Calls that are searched for by their words, at most.
const SEARCHES: usize = 200;
/// What sums are grouped by: what counters have an answer for, and what they have none for.
const GROUPINGS: [&[&str]; 3] = [&["modelName", "day", "status"], &["day"], &["feature", "llmType"]];

/// A project and whoever may read it.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub project: String,
    pub client: Client,
}

#[derive(Deserialize)]
struct Page {
    count: usize,
    data: Vec<ShownRow>,
}

#[derive(Deserialize)]
struct Stats {
    groups: Vec<BTreeMap<String, Box<RawValue>>>,
    total: BTreeMap<String, Box<RawValue>>,
}

/// Compares every call with every field, counts, sums and searches, of every project, when nothing is being sent.
/// Takes as known what the answers show of events whose outcome was not.
pub async fn compare(ledger: &mut Ledger, tenants: &[Tenant]) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    for tenant in tenants {
        let mut comparing = Comparing { tenant, differences: Vec::new() };
        let rows = comparing.rows(ledger).await?;
        // What counts and sums should be is not known when the rows are not.
        if comparing.differences.is_empty() {
            comparing.counts(&rows).await?;
            comparing.sums(&rows).await?;
            comparing.searches(ledger, &rows).await?;
        }
        differences.append(&mut comparing.differences);
    }
    Ok(differences)
}

struct Comparing<'a> {
    tenant: &'a Tenant,
    differences: Vec<Difference>,
}

impl Comparing<'_> {
    fn add(&mut self, kind: DifferenceKind, text: String) {
        self.differences.push(Difference { kind, text });
    }

    async fn ask<T: for<'de> Deserialize<'de>>(&self, path: &str, body: &Value) -> Result<T> {
        let answer = self.tenant.client.post(&format!("/api/llm-log/{path}"), body).await?;
        ensure!(answer.status == 200, "{path} answers {}: {}", answer.status, answer.text());
        serde_json::from_slice(&answer.body).with_context(|| format!("{path} answers {}", answer.text()))
    }

    async fn list(&self) -> Result<Vec<ShownRow>> {
        let select: BTreeMap<&str, bool> = fields().map(|name| (name, true)).collect();
        let (mut rows, mut counted) = (Vec::new(), None);
        let start = Instant::now();
        loop {
            let path = format!("get-list?limit={PAGE}&skip={}", rows.len());
            let Page { count, mut data } = self.ask(&path, &json!({"select": select})).await?;
            // What a client no longer waits for may still come.
            if counted.replace(count).is_some_and(|before| before != count) && start.elapsed() < UNDERWAY {
                (rows, counted) = (Vec::new(), None);
                continue;
            }
            let is_empty = data.is_empty();
            rows.append(&mut data);
            if is_empty || rows.len() >= count {
                ensure!(rows.len() == count, "the pages have {} rows of {count}", rows.len());
                return Ok(rows);
            }
        }
    }

    /// Explains every row that is shown and every one that is not.
    async fn rows(&mut self, ledger: &mut Ledger) -> Result<Vec<Row>> {
        let listed = self.list().await?;
        let place = |row: &ShownRow| {
            let text = |name| row.get(name).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
            (text("createdAt").unwrap_or_default(), text("_id").unwrap_or_default())
        };
        let places: Vec<(String, String)> = listed.iter().map(place).collect();
        let in_order = |(one, two): (&(String, String), &(String, String))| (&two.0, &one.1) < (&one.0, &two.1);
        if let Some((one, two)) = places.iter().zip(places.iter().skip(1)).find(|pair| !in_order(*pair)) {
            self.add(DifferenceKind::Wrong, format!("the list has {one:?} before {two:?}"));
        }
        let mut shown: BTreeMap<String, ShownRow> = BTreeMap::new();
        for ((_, id), row) in places.into_iter().zip(listed) {
            if shown.insert(id.clone(), row).is_some() {
                self.add(DifferenceKind::Doubled, format!("call {id} is listed twice"));
            }
        }
        let mut rows = Vec::new();
        let calls: Vec<CallName> = ledger.calls_of(&self.tenant.project).cloned().collect();
        for call in calls {
            match ledger.settle(&call, shown.remove(&call.call).as_ref()) {
                Ok(row) => rows.extend(row),
                Err(difference) => self.differences.push(difference),
            }
        }
        for id in shown.keys() {
            self.add(DifferenceKind::Wrong, format!("call {id} was never sent"));
        }
        Ok(rows)
    }

    async fn counts(&mut self, rows: &[Row]) -> Result<()> {
        let mut by_status: BTreeMap<String, usize> = BTreeMap::new();
        for row in rows {
            if let Some(Shown::Json(Value::String(status))) = row.get("status") {
                *by_status.entry(status.clone()).or_default() += 1;
            }
        }
        let mut expected = vec![(json!({}), rows.len())];
        expected.extend(by_status.into_iter().map(|(status, calls)| (json!({"status": status}), calls)));
        for (query, calls) in expected {
            let shown: Value = self.ask("count", &json!({"query": query})).await?;
            if shown != json!({"count": calls}) {
                self.add(DifferenceKind::Wrong, format!("the count of {query} is {shown} and should be {calls}"));
            }
        }
        Ok(())
    }

    async fn sums(&mut self, rows: &[Row]) -> Result<()> {
        for by in GROUPINGS {
            let stats: Stats = self.ask("stats", &json!({"groupBy": by, "limit": 10_000})).await?;
            let shown: BTreeMap<_, _> = stats.groups.iter().map(|group| sums::shown(group, by)).collect();
            let mut expected = sums::groups(rows, by);
            for (name, sums) in shown {
                let wanted = expected.remove(&name);
                if wanted.as_ref() != Some(&sums) {
                    let text = format!("by {by:?}, {name:?} has {sums:?} and should have {wanted:?}");
                    self.add(DifferenceKind::Wrong, text);
                }
            }
            for name in expected.keys() {
                self.add(DifferenceKind::Wrong, format!("by {by:?}, {name:?} is missing"));
            }
            let (_, total) = sums::shown(&stats.total, &[]);
            let wanted = sums::total(rows);
            if total != wanted {
                self.add(DifferenceKind::Wrong, format!("in total there is {total:?} and should be {wanted:?}"));
            }
        }
        Ok(())
    }

    /// Looks for each call by the words that only it has; for some of them when there are many.
    async fn searches(&mut self, ledger: &Ledger, rows: &[Row]) -> Result<()> {
        let texts: BTreeMap<String, String> = rows.iter().filter_map(|row| Some((id(row)?, texts(row)))).collect();
        let calls: Vec<&CallName> = ledger.calls_of(&self.tenant.project).collect();
        for call in calls.iter().step_by(calls.len().div_ceil(SEARCHES).max(1)) {
            let Some(word) = ledger.word(call) else { continue };
            let query = json!({"_text": {"_type": "FullText", "value": word}});
            let page: Page = self.ask("get-list", &json!({"query": query})).await?;
            let found: Vec<String> =
                page.data.iter().filter_map(|row| serde_json::from_str(row.get("_id")?.get()).ok()).collect();
            let is_there = texts.get(&call.call).is_some_and(|texts| texts.contains(word));
            let wanted: Vec<String> = is_there.then(|| call.call.clone()).into_iter().collect();
            if found != wanted || page.count != wanted.len() {
                let text = format!("{word:?} finds {found:?}, {} in all, and should find {wanted:?}", page.count);
                self.add(DifferenceKind::Wrong, text);
            }
        }
        Ok(())
    }
}

fn id(row: &Row) -> Option<String> {
    match row.get("_id") {
        Some(Shown::Json(Value::String(id))) => Some(id.clone()),
        _ => None,
    }
}

/// The texts that a full-text search looks through.
fn texts(row: &Row) -> String {
    let text = |name: &str| match row.get(name) {
        Some(Shown::Json(Value::String(text))) => text.clone(),
        _ => String::new(),
    };
    ["requestPrompt", "responsePreview", "statusMessage"].map(text).join("\n")
}
