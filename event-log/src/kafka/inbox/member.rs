//! A member of the group that reads the inbox.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, TopicPartitionList};
use schemas::id::Partition;
use schemas::positions::Offset;

use super::super::connection::{Connection, refusal};
use super::super::options::KafkaOptions;
use super::errors::{self, Names};
use super::group_offsets::{self, Gap};
use super::polled::Polled;
use super::{InboxError, InboxItem, read};

/// How long the group's own events may wait while no partition has records.
const GROUP_EVENTS: Duration = Duration::from_millis(100);
/// Events of the group's queue that one look serves.
const EVENTS: usize = 100;
/// How long nothing may be heard before the group's broker is asked.
const QUIET: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Changes {
    assigned: Vec<Partition>,
    revoked: Vec<Partition>,
    /// Whether the last word of the group was what is ours, be it nothing.
    is_assigned: bool,
    /// Whether there was a word since the last look.
    is_new: bool,
}

/// The member's context: notes what the group assigns to us and takes away.
#[derive(Debug, Default)]
pub(super) struct Membership {
    pub(super) connection: Connection,
    changes: Mutex<Changes>,
}

impl ClientContext for Membership {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.connection.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.error(error, reason);
    }
}

impl ConsumerContext for Membership {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let partitions = |list: &TopicPartitionList| -> Vec<Partition> {
            list.elements().iter().filter_map(|element| Partition::try_from(element.partition()).ok()).collect()
        };
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        match rebalance {
            Rebalance::Assign(list) => {
                changes.assigned.extend(partitions(list));
                changes.is_assigned = true;
                changes.is_new = true;
            }
            Rebalance::Revoke(list) => {
                let revoked = partitions(list);
                changes.assigned.retain(|partition| !revoked.contains(partition));
                changes.revoked.extend(revoked);
                changes.is_assigned = false;
            }
            Rebalance::Error(error) => tracing::debug!(error = %error, "the group could not be balanced"),
        }
    }
}

/// Wakes whoever waits for records of any partition.
#[derive(Debug, Default)]
struct Signal {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    fn set(&self) {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait(&self, timeout: Duration) {
        let is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_set, timeout, |is_set| !*is_set);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

pub(super) struct Assigned {
    queue: PartitionQueue<Membership>,
    /// The next offset to come, once one is known.
    pub(super) next: Option<Offset>,
    pub(super) gap: Gap,
}

impl Assigned {
    pub(super) fn poll(&self) -> Option<Result<super::InboxRecord, KafkaError>> {
        self.queue.poll(Duration::ZERO).map(|message| message.map(|message| read(&message)))
    }
}

/// Each partition has a queue of its own, so that one that can't be read does not hold up the others.
pub(super) struct Member {
    // Before the consumer, which they need while they are dropped.
    partitions: BTreeMap<Partition, Assigned>,
    consumer: Arc<BaseConsumer<Membership>>,
    names: Names,
    signal: Arc<Signal>,
    /// Whether the group has said what is ours.
    is_assigned: bool,
    /// Whether any fetch was answered.
    has_fetched: bool,
    /// When the broker last showed that it lets us in.
    heard: Instant,
    /// Came beside items, which are handed out first.
    trouble: Option<InboxError>,
}

impl Member {
    /// Joins the group.
    pub(super) fn join(options: &KafkaOptions, names: Names) -> Result<Self, InboxError> {
        let failed = |reason| InboxError::Failed { reason };
        let consumer = BaseConsumer::from_config_and_context(&options.member(&names.group), Membership::default());
        let mut consumer: BaseConsumer<Membership> = consumer.map_err(|error| failed(refusal(error)))?;
        let signal = Arc::new(Signal::default());
        let wake = Arc::clone(&signal);
        consumer.set_nonempty_callback(move || wake.set());
        consumer.subscribe(&[&names.topic]).map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            partitions: BTreeMap::new(),
            consumer: Arc::new(consumer),
            names,
            signal,
            is_assigned: false,
            has_fetched: false,
            heard: Instant::now(),
            trouble: None,
        })
    }

    pub(super) fn assigned(&self) -> impl Iterator<Item = Partition> + '_ {
        self.partitions.keys().copied()
    }

    /// Whether the broker has let us in since then: the group said that nothing is ours, or what is ours was fetched.
    pub(super) fn was_let_in_after(&self, moment: Instant) -> bool {
        self.is_in() && self.heard > moment
    }

    fn is_in(&self) -> bool {
        self.is_assigned && (self.has_fetched || self.partitions.is_empty())
    }

    pub(super) fn poll(&mut self, max_bytes: usize, wait: Duration) -> Result<Vec<InboxItem>, InboxError> {
        let deadline = Instant::now() + wait;
        loop {
            let mut found = Polled::default();
            let mut left = max_bytes;
            self.serve_group(&mut found, &mut left);
            // A share for each, so that a long partition can't starve the others.
            let share = left / self.partitions.len().max(1);
            for (partition, assigned) in &mut self.partitions {
                found.drain(&self.consumer, &self.names, (*partition, assigned), share);
            }
            if found.has_fetched {
                self.has_fetched = true;
                self.heard = Instant::now();
            }
            self.trouble = self.trouble.take().or(found.trouble);
            if !found.items.is_empty() {
                return Ok(found.items);
            }
            if let Some(trouble) = self.trouble.take() {
                return Err(trouble);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.signal.wait(left.min(GROUP_EVENTS));
        }
        if self.heard.elapsed() >= QUIET {
            self.ask()?;
        }
        Ok(Vec::new())
    }

    /// After a silence: is the group's broker there, and are we in the group?
    fn ask(&mut self) -> Result<(), InboxError> {
        let partition = self.partitions.keys().next().copied().unwrap_or_default();
        let explain = |error: &KafkaError| self.consumer.context().connection.explain(error);
        group_offsets::ask(&self.consumer, &self.names.topic, partition)
            .map_err(|error| errors::of_answer(&error, &self.names, || explain(&error)))?;
        if !self.is_in() {
            let reason = if self.is_assigned {
                format!("nothing of the topic {} could be fetched yet", self.names.topic)
            } else {
                format!("the group {} is not balanced yet", self.names.group)
            };
            return Err(InboxError::Away { reason });
        }
        self.heard = Instant::now();
        Ok(())
    }

    /// Serves rebalances and reads what came before a partition had its own queue. rdkafka does not tell a line of
    /// librdkafka's that it has served from an empty queue: behind many of them the group's word waits.
    fn serve_group(&mut self, found: &mut Polled, left: &mut usize) {
        for _ in 0..EVENTS {
            let polled = self.consumer.poll(Duration::ZERO).map(|message| message.map(|message| read(&message)));
            self.take_changes();
            match polled {
                Some(Ok(record)) => {
                    *left = left.saturating_sub(record.value.len());
                    if let Some(assigned) = self.partitions.get_mut(&record.partition) {
                        found.take(&self.consumer, assigned, record);
                    }
                }
                Some(Err(error)) => found.failed(&self.consumer, &self.names, &error),
                None => {}
            }
        }
    }

    pub(super) fn take_changes(&mut self) {
        let changes = {
            let mut changes = self.consumer.context().changes.lock().unwrap_or_else(PoisonError::into_inner);
            let is_assigned = changes.is_assigned;
            std::mem::replace(&mut *changes, Changes { is_assigned, ..Changes::default() })
        };
        self.is_assigned = changes.is_assigned;
        for partition in changes.revoked {
            self.partitions.remove(&partition);
        }
        for partition in changes.assigned {
            let number = i32::try_from(partition).unwrap_or(i32::MAX);
            let Some(mut queue) = self.consumer.split_partition_queue(&self.names.topic, number) else { continue };
            let wake = Arc::clone(&self.signal);
            queue.set_nonempty_callback(move || wake.set());
            // What came before the callback was set has woken nobody.
            self.signal.set();
            self.partitions.insert(partition, Assigned { queue, next: None, gap: Gap::default() });
        }
        if changes.is_new {
            self.heard = Instant::now();
        }
    }

    /// See [`super::KafkaInbox::acknowledge`].
    pub(super) fn acknowledge(&mut self, next: &BTreeMap<Partition, Offset>) -> Result<(), InboxError> {
        self.take_changes();
        let explain = |error: &KafkaError| self.consumer.context().connection.explain(error);
        let failed = |error: KafkaError| errors::of_answer(&error, &self.names, || explain(&error));
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in next.iter().filter(|(partition, _)| self.partitions.contains_key(partition)) {
            let number = i32::try_from(*partition).unwrap_or(i32::MAX);
            let next = rdkafka::Offset::Offset(i64::try_from(*next).unwrap_or(i64::MAX));
            offsets.add_partition_offset(&self.names.topic, number, next).map_err(failed)?;
        }
        if offsets.count() == 0 {
            return Ok(());
        }
        match self.consumer.commit(&offsets, CommitMode::Sync) {
            Err(error) if errors::is_lost(&error) => {
                tracing::debug!(error = %error, "partitions of the inbox were taken away before their acknowledgement");
                Ok(())
            }
            outcome => outcome.map_err(failed),
        }
    }
}
