//! `verify`: index, counters and log compared.

use std::fmt::Write as _;

use anyhow::Context as _;
use projector::{VerifyReport, verify_folder};
use serde::{Deserialize, Serialize};

use crate::args::VerifyArgs;
use crate::client::Client;
use crate::log_access::{open_embedded, open_folder, open_kafka_now};
use crate::{Outcome, output};

/// A report as it is told and sent.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verified {
    /// Calls that the log has, up to where the index has read it.
    calls: u64,
    /// Records of the log up to there.
    records: u64,
    differences_total: u64,
    /// The first differences, a sentence each.
    differences: Vec<String>,
    passed_over_total: u64,
    /// The first records that have no effect, a sentence each.
    passed_over: Vec<String>,
}

impl From<VerifyReport> for Verified {
    fn from(report: VerifyReport) -> Self {
        let passed_over = report
            .passed_over_records
            .iter()
            .map(|record| format!("partition {}, offset {}: {}", record.partition, record.offset, record.reason));
        Self {
            calls: report.calls,
            records: report.records,
            differences_total: report.differences_total,
            differences: report.differences.iter().map(ToString::to_string).collect(),
            passed_over_total: report.passed_over,
            passed_over: passed_over.collect(),
        }
    }
}

pub(crate) async fn verify(args: VerifyArgs) -> anyhow::Result<Outcome> {
    let verified: Verified = if let Some(url) = &args.url {
        let key = args.master_key.read()?.context("--url needs --master-key-file")?;
        Client::new(url, key)?.post_patiently("v1/verify", b"{}".to_vec()).await?
    } else {
        let path = args.data.as_deref().context("one of --data and --url is needed")?;
        let folder = open_folder(path).await?;
        let open = match &args.kafka {
            Some(bootstrap) => open_kafka_now(bootstrap, &args.settings).await?,
            None => open_embedded(&folder, args.settings.log_partitions).await?,
        };
        let index = folder.index();
        let report = tokio::task::spawn_blocking(move || verify_folder(&index, &*open.log, open.id)).await?;
        report.context("index and log can't be compared")?.into()
    };
    output::line(&verified.tell());
    Ok(if verified.differences_total == 0 { Outcome::Done } else { Outcome::Bad })
}

impl Verified {
    fn tell(&self) -> String {
        let Self { calls, records, differences_total, passed_over_total, .. } = self;
        let mut text = format!("calls {calls}, records {records}, differences {differences_total}");
        let mut add = |line: &str| write!(text, "\n  {line}").expect("a String takes every write");
        let mut list = |lines: &[String], total: u64| {
            for line in lines {
                add(line);
            }
            let more = total.saturating_sub(u64::try_from(lines.len()).unwrap_or(u64::MAX));
            if more > 0 {
                add(&format!("and {more} more"));
            }
        };
        list(&self.differences, *differences_total);
        if *passed_over_total > 0 {
            list(&[format!("records without effect: {passed_over_total}")], 1);
            list(&self.passed_over, *passed_over_total);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_listed_and_those_not_listed_counted() {
        let mut verified = Verified {
            calls: 7,
            records: 9,
            differences_total: 3,
            differences: vec!["one".into(), "two".into()],
            passed_over_total: 1,
            passed_over: vec!["partition 0, offset 4: not JSON".into()],
        };
        insta::assert_snapshot!(verified.tell(), @r"
        calls 7, records 9, differences 3
          one
          two
          and 1 more
          records without effect: 1
          partition 0, offset 4: not JSON
        ");
        (verified.differences_total, verified.differences) = (0, Vec::new());
        (verified.passed_over_total, verified.passed_over) = (0, Vec::new());
        assert_eq!(verified.tell(), "calls 7, records 9, differences 0");
    }
}
