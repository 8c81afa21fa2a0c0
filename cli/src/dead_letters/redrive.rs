//! Letters, sent to the inbox again.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use event_log::KafkaLog;
use ingest::DeadLetter;
use schemas::positions::Offset;
use tokio::runtime::Handle;

use super::catalog::{Catalog, read_letters};
use crate::args::RedriveArgs;
use crate::log_access::connect_kafka_now;
use crate::{Outcome, output};

pub(crate) async fn redrive(args: RedriveArgs) -> anyhow::Result<Outcome> {
    let log = connect_kafka_now(&args.kafka.kafka, &args.kafka.settings).await?;
    let catalog = Catalog::read(&log).await?;
    let wanted: BTreeSet<Offset> = if args.all {
        catalog.entries.iter().map(|entry| entry.offset).collect()
    } else {
        let found = args.letters.iter().map(|name| catalog.find(name).map(|entry| entry.offset));
        found.collect::<anyhow::Result<_>>()?
    };
    let runtime = Handle::current();
    let redriving = tokio::task::spawn_blocking(move || {
        let mut redriven = Redriven { log, runtime, sent: 0, refused: 0 };
        let ended = read_letters(&Arc::clone(&redriven.log), &wanted, |letter| redriven.send(&letter));
        (redriven.sent, redriven.refused, ended)
    });
    let (sent, refused, ended) = redriving.await?;
    output::line(&format!("sent to the inbox again: {sent}, refused: {refused}"));
    ended.context("not all letters were sent; sending them again does no harm")?;
    Ok(if refused == 0 { Outcome::Done } else { Outcome::Bad })
}

struct Redriven {
    log: Arc<KafkaLog>,
    runtime: Handle,
    sent: u64,
    refused: u64,
}

impl Redriven {
    /// Tells of each letter what became of it.
    fn send(&mut self, letter: &DeadLetter) -> anyhow::Result<()> {
        let id = letter.id();
        match letter.redrive() {
            Ok(draft) => {
                let sent = self.runtime.block_on(self.log.send_to_inbox(&draft));
                let at = sent.with_context(|| format!("the letter {id} can't be sent"))?;
                self.sent += 1;
                output::line(&format!("{id}  sent: partition {}, offset {}", at.partition, at.offset));
            }
            Err(cut) => {
                self.refused += 1;
                output::line(&format!("{id}  refused: {cut}"));
            }
        }
        Ok(())
    }
}
