//! The key that a new log gets, so that somebody can use it.

use std::time::Duration;

use event_log::{ReferenceFollower, append_reference};
use schemas::access::{ApiKey, Permission};
use schemas::id::ProjectId;
use schemas::time::Timestamp;

use crate::log_access::OpenLog;
use crate::new_key::{NewKey, project_record};

/// The project that a new log gets.
const PROJECT_NAME: &str = "default";
/// How often to look whether the reference data are there.
const LOOK: Duration = Duration::from_millis(20);
/// How long to wait before the key is written again.
const RETRY: Duration = Duration::from_secs(1);

/// Waits until the reference data are read to the end seen at the start. Before that a good key may seem unknown, and
/// a revoked one good: nobody is asked for a key until then.
pub(super) async fn reference_ready(reference: &ReferenceFollower) {
    while !reference.is_ready() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes a project and a key when the log has no keys at all. Tries until the log has them: a key that was written and
/// not told would be nobody's. The key is told to nobody else.
pub(super) async fn first_key(open: &OpenLog, reference: &ReferenceFollower, now: Timestamp) -> Option<ApiKey> {
    reference_ready(reference).await;
    if reference.data().load().keys().next().is_some() {
        return None;
    }
    let project = ProjectId::of_name(PROJECT_NAME);
    let permissions = vec![Permission::project_owner()];
    let name = Some("first key".to_owned());
    let (key, record) = NewKey { project, permissions, name, created: now, expires: None }.make();
    let records = [project_record(project, PROJECT_NAME), record];
    let mut told = false;
    while let Err(error) = append_reference(&*open.log, &records).await {
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(error = %error, "the first key is not written; trying again");
        }
        tokio::time::sleep(RETRY).await;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use event_log::{
        AppendError, Bounds, EmbeddedLog, EmbeddedOptions, EventLog, LogReader, NewRecord, Position, ReadLogError,
        Topic,
    };
    use schemas::id::{LogId, Partition};
    use schemas::positions::Offset;
    use schemas::time::Clock;
    use testkit::wait_until_async;
    use uuid::Uuid;

    use super::*;

    /// A log that takes what it is given and says of the first that it does not know.
    #[derive(Debug)]
    struct UnsureLog {
        log: EmbeddedLog,
        was_asked: AtomicBool,
    }

    #[async_trait]
    impl EventLog for UnsureLog {
        fn partitions(&self, topic: Topic) -> u32 {
            self.log.partitions(topic)
        }

        async fn append(&self, topic: Topic, records: Vec<NewRecord>) -> Result<Vec<Position>, AppendError> {
            let appended = self.log.append(topic, records).await?;
            if self.was_asked.swap(true, Ordering::SeqCst) {
                return Ok(appended);
            }
            Err(AppendError::Unknown { reason: "the broker did not answer".to_owned() })
        }

        async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, ReadLogError> {
            self.log.bounds(topic, partition).await
        }

        fn reader(&self, topic: Topic, from: &BTreeMap<Partition, Offset>) -> Result<Box<dyn LogReader>, ReadLogError> {
            self.log.reader(topic, from)
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_key_that_may_have_been_written_is_written_again_and_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Clock::system();
        let options = EmbeddedOptions { partitions: 1, clock: clock.clone() };
        let log = EmbeddedLog::open(folder.path(), options).expect("a new log");
        let log: Arc<dyn EventLog> = Arc::new(UnsureLog { log, was_asked: AtomicBool::new(false) });
        let runtime = tokio::runtime::Handle::current();
        let reference = ReferenceFollower::start(Arc::clone(&log), runtime).expect("a thread");
        let open = OpenLog { log, id: LogId(Uuid::nil()) };
        let key = first_key(&open, &reference, clock.now()).await.expect("the log had none");
        let is_good = || reference.data().load().authenticate(key, clock.now().date()).is_ok();
        wait_until_async("the key is good", Duration::from_secs(30), async || is_good()).await;
        assert_eq!(reference.data().load().keys().count(), 1);
        assert!(first_key(&open, &reference, clock.now()).await.is_none(), "there is one");
    }
}
