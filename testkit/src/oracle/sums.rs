//! Sums over rows, added up one by one.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::amount;
use super::fold::{Row, Shown};

/// The sums of a group, by name, as texts of JSON.
pub(super) type Sums = BTreeMap<String, String>;

const TOKENS: [&str; 4] = ["totalTokens", "completionTokens", "cachedInputTokens", "cacheCreationTokens"];

/// What a group is of: the value of each field it is grouped by, as text of JSON.
pub(super) type GroupName = Vec<String>;

#[derive(Debug, Default)]
struct Adding {
    calls: i128,
    errors: i128,
    tokens: [i128; 4],
    nano_usd: i128,
}

impl Adding {
    fn add(&mut self, row: &Row) {
        self.calls += 1;
        let is_good = matches!(json(row, "status").as_str(), Some("Success" | "Running"));
        self.errors += i128::from(!is_good);
        for (sum, name) in self.tokens.iter_mut().zip(TOKENS) {
            *sum += i128::from(json(row, name).as_i64().unwrap_or_default());
        }
        if let Some(Shown::NanoUsd(amount)) = row.get("costInUSDCents") {
            self.nano_usd += amount;
        }
    }

    fn sums(&self) -> Sums {
        let tokens = TOKENS.iter().zip(self.tokens).map(|(name, sum)| ((*name).to_owned(), sum.to_string()));
        let mut sums: Sums = tokens.collect();
        sums.insert("calls".to_owned(), self.calls.to_string());
        sums.insert("errors".to_owned(), self.errors.to_string());
        sums.insert("costInUSDCents".to_owned(), amount::cents(self.nano_usd));
        sums
    }
}

fn json(row: &Row, name: &str) -> Value {
    match row.get(name) {
        Some(Shown::Json(value)) => value.clone(),
        _ => Value::Null,
    }
}

/// The sums of all rows.
pub(super) fn total(rows: &[Row]) -> Sums {
    let mut adding = Adding::default();
    for row in rows {
        adding.add(row);
    }
    adding.sums()
}

/// The sums of the groups that these fields make; `day` is the day that a call was created.
pub(super) fn groups(rows: &[Row], by: &[&str]) -> BTreeMap<GroupName, Sums> {
    let mut adding: BTreeMap<GroupName, Adding> = BTreeMap::new();
    for row in rows {
        let value = |name: &&str| match *name {
            "day" => {
                let created = json(row, "createdAt");
                let day = created.as_str().and_then(|created| created.get(..10));
                Value::from(day).to_string()
            }
            name => json(row, name).to_string(),
        };
        adding.entry(by.iter().map(value).collect()).or_default().add(row);
    }
    adding.into_iter().map(|(name, adding)| (name, adding.sums())).collect()
}

/// A group of an answer: its name and its sums.
pub(super) fn shown(group: &BTreeMap<String, Box<RawValue>>, by: &[&str]) -> (GroupName, Sums) {
    let name = |name: &&str| group.get(*name).map(|value| value.get().to_owned()).unwrap_or_default();
    let sums = group.iter().filter(|(name, _)| !by.contains(&name.as_str()));
    (by.iter().map(name).collect(), sums.map(|(name, sum)| (name.clone(), sum.get().to_owned())).collect())
}
