//! The binary broken while it works, for a minute or so. `cargo run -p testkit --bin chaos` does it for as long as one
//! likes; docs/reliability.md says what came of that.

use std::sync::Arc;
use std::time::Duration;

use testkit::chaos::{ChaosLog, ChaosOptions, Fault, run};

use crate::binary::llm_log;

/// No fault comes after that, on a machine that is very slow.
const WITHIN: Duration = Duration::from_mins(3);

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_every_answer_follows_from_what_was_acknowledged() {
    let (log, faults) = if testkit::kafka().is_some() {
        let faults = [
            (Fault::Kill, 5),
            (Fault::BrokerKill, 1),
            (Fault::BrokerPause, 1),
            (Fault::Network, 2),
            (Fault::Rebalance, 1),
        ];
        (ChaosLog::OwnKafka, faults.to_vec())
    } else {
        let faults = [
            (Fault::Kill, 12),
            (Fault::Rebuild, 2),
            (Fault::Pause, 2),
            (Fault::Damage, 5),
            (Fault::LogDamage, 2),
            (Fault::DiskFull, 2),
            (Fault::Clock, 2),
        ];
        (ChaosLog::Embedded, faults.to_vec())
    };
    let options = ChaosOptions {
        binary: llm_log().to_owned(),
        log,
        // Another one each time: what fails once can be run again with the seed that the report names.
        seed: rand::random(),
        faults,
        within: WITHIN,
        tell: Arc::new(|line| println!("{line}")),
    };
    let report = run(&options).await.expect("it runs");
    assert!(report.is_clean(), "{report}");
    assert!(report.kills() > 0, "{report}");
}
