//! A consumer that reads a topic and does nothing with it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::corpus::LOG_PARTITIONS;
use crate::process::{Cost, Process};

/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);

/// Reads this many records from the start of a topic, with the settings of the projector's reader.
pub(crate) fn consume(bootstrap: &str, topic: &str, records: u64) -> Result<Cost> {
    let (begun, cpu) = (Instant::now(), Process::own().cpu_seconds()?);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .set("isolation.level", "read_committed")
        .set("fetch.message.max.bytes", "4194304")
        .set("fetch.queue.backoff.ms", "20")
        .set("queued.max.messages.kbytes", "65536")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..LOG_PARTITIONS.get() {
        assignment.add_partition_offset(topic, i32::try_from(partition)?, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let (mut read, mut bytes) = (0, 0);
    while read < records {
        match consumer.poll(SILENCE) {
            Some(message) => {
                bytes += message?.payload().map_or(0, <[u8]>::len);
                read += 1;
            }
            None => bail!("the bare consumer got {read} records ({bytes} bytes) of {records} and then nothing more"),
        }
    }
    Ok(Cost { seconds: begun.elapsed().as_secs_f64(), cpu_seconds: Process::own().cpu_seconds()? - cpu })
}
