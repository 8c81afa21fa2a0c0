//! What the loop says of itself.

use testkit::wait_until;

use super::*;

const DEADLINE: Duration = Duration::from_secs(30);

/// An idle inbox whose polls fail as they are told to.
#[derive(Debug, Clone, Default)]
struct Idle(Arc<Mutex<Poll>>);

#[derive(Debug, Clone, Default)]
enum Poll {
    #[default]
    Nothing,
    Fails(InboxError),
    Panics,
}

impl Idle {
    fn now(&self, poll: Poll) {
        *self.0.lock().expect("not poisoned") = poll;
    }
}

impl Inbox for Idle {
    fn poll(&mut self, _: usize, _: Duration) -> Result<Vec<InboxItem>, InboxError> {
        let poll = self.0.lock().expect("not poisoned").clone();
        match poll {
            Poll::Nothing => Ok(Vec::new()),
            Poll::Fails(error) => Err(error),
            Poll::Panics => panic!("as told"),
        }
    }

    fn acknowledge(&mut self, _: &BTreeMap<Partition, Offset>) -> Result<(), InboxError> {
        Ok(())
    }
}

/// Runs the loop over an idle inbox.
fn while_idle(test: impl FnOnce(&Idle, &InboxStatus)) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = EmbeddedOptions { partitions: 2, clock: Clock::system() };
    let log = Arc::new(EmbeddedLog::open(folder.path(), options).expect("the log opens"));
    let ingest = Ingest::new(log, LogId(Uuid::nil()), Clock::system(), IngestLimits::default());
    let (inbox, status) = (Idle::default(), InboxStatus::default());
    let taking = InboxLoop::run(ingest, inbox.clone(), runtime.handle().clone(), status.clone());
    let taking = taking.expect("a thread starts");
    test(&inbox, &status);
    drop(taking);
    assert_eq!(status.state(), InboxState::Ended);
}

fn away() -> Poll {
    Poll::Fails(InboxError::Away { reason: "no broker".into() })
}

/// Since when the inbox is away, once it is.
fn away_since(status: &InboxStatus) -> Instant {
    let since = || if let InboxState::Away { since, .. } = status.state() { Some(since) } else { None };
    wait_until("it is away", DEADLINE, || since().is_some());
    since().expect("it stays away")
}

#[test]
fn an_inbox_that_is_refused_says_what_to_grant_until_it_may_be_read() {
    while_idle(|inbox, status| {
        for error in [
            InboxError::GroupRefused { group: "llm-log.ingest".into() },
            InboxError::TopicRefused { topic: "llm-log.inbox".into() },
        ] {
            let reason = format!("the inbox can't be read: {error}");
            inbox.now(Poll::Fails(error));
            let refused = InboxState::Refused { reason };
            wait_until("it is refused", DEADLINE, || status.state() == refused);
        }
        inbox.now(Poll::Nothing);
        wait_until("it works", DEADLINE, || status.state() == InboxState::Working);
    });
}

#[test]
fn a_second_outage_of_an_idle_inbox_is_one_of_its_own() {
    while_idle(|inbox, status| {
        inbox.now(away());
        let first = away_since(status);
        inbox.now(Poll::Nothing);
        wait_until("it works", DEADLINE, || status.state() == InboxState::Working);
        inbox.now(away());
        assert!(away_since(status) > first);
    });
}

#[test]
fn a_refusal_amid_an_outage_is_not_taken_for_the_outage() {
    while_idle(|inbox, status| {
        inbox.now(away());
        let since = away_since(status);
        inbox.now(Poll::Fails(InboxError::Failed { reason: "the group is full".into() }));
        wait_until("it is refused", DEADLINE, || matches!(status.state(), InboxState::Refused { .. }));
        inbox.now(away());
        assert!(away_since(status) > since);
    });
}

#[test]
fn a_panic_of_the_loop_is_seen_while_the_role_goes_on() {
    while_idle(|inbox, status| {
        inbox.now(Poll::Panics);
        wait_until("it has ended", DEADLINE, || status.state() == InboxState::Ended);
    });
}
