//! Sweeping: a command, and a task of `serve`.

use std::sync::Arc;
use std::time::Duration;

use ::ingest::{Ingest, IngestLimits, Sweeper};
use schemas::time::Clock;
use tokio_util::sync::CancellationToken;

use super::query_api::reader_of;
use crate::args::SweepArgs;
use crate::log_access::{open_kafka, open_kafka_now};
use crate::{Outcome, output, shutdown};

/// How often `serve` sweeps, unless the age is less.
const EVERY: Duration = Duration::from_mins(1);

pub(crate) async fn sweep(args: SweepArgs) -> anyhow::Result<Outcome> {
    let reader = reader_of(&args.projectors, &args.secret.read()?)?;
    let stopping = shutdown::on_signal()?;
    let opening = async {
        match args.every {
            Some(_) => open_kafka(args.kafka.settings.options(&args.kafka.kafka)?, |_| {}).await,
            None => open_kafka_now(&args.kafka.kafka, &args.kafka.settings).await,
        }
    };
    let Some(open) = stopping.run_until_cancelled(opening).await else { return Ok(Outcome::Done) };
    let open = open?;
    let clock = Clock::system();
    let ingest = Ingest::new(Arc::clone(&open.log), open.id, clock.clone(), IngestLimits::default());
    let sweeper = Sweeper::new(reader, ingest, clock, args.abandon_after);
    if let Some(every) = args.every {
        sweep_until(&sweeper, every, &stopping).await;
    } else {
        let abandoned = sweeper.sweep().await?;
        output::line(&format!("calls that had run for too long: {abandoned}"));
    }
    Ok(Outcome::Done)
}

/// The task of `serve`; it ends with the token.
pub(super) fn start_sweeping(sweeper: Sweeper, age: Duration, stopping: CancellationToken) {
    tokio::spawn(async move { sweep_until(&sweeper, EVERY.min(age), &stopping).await });
}

/// Sweeps each time the span has passed, until the stop.
async fn sweep_until(sweeper: &Sweeper, every: Duration, stopping: &CancellationToken) {
    let mut failing = None;
    while stopping.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
        let Some(swept) = stopping.run_until_cancelled(sweeper.sweep()).await else { return };
        match swept {
            Ok(abandoned) => {
                if failing.take().is_some() {
                    tracing::info!("calls that run for too long are looked for again");
                }
                if abandoned > 0 {
                    tracing::info!(calls.abandoned = abandoned, "calls that had run for too long were abandoned");
                }
            }
            Err(error) => {
                let kind = std::mem::discriminant(&error);
                if failing.replace(kind) != Some(kind) {
                    let error = format!("{:#}", anyhow::Error::new(error));
                    tracing::warn!(error, "calls that run for too long can't be looked for; trying again");
                }
            }
        }
    }
}
