//! What an error of the group's member means.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::super::connection::may_pass;
use super::InboxError;

/// Where the errors come from.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) topic: String,
    pub(super) group: String,
}

/// The trouble that only somebody else can end; none when librdkafka copes by itself.
pub(super) fn lasting(error: &KafkaError, names: &Names, reason: impl FnOnce() -> String) -> Option<InboxError> {
    use RDKafkaErrorCode as Code;
    let is_fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
    match error.rdkafka_error_code()? {
        Code::GroupAuthorizationFailed => Some(InboxError::GroupRefused { group: names.group.clone() }),
        Code::TopicAuthorizationFailed => Some(InboxError::TopicRefused { topic: names.topic.clone() }),
        code if !is_fatal && (may_pass(error) || is_of_the_group(code) || is_of_a_fetch(code)) => None,
        _ => Some(InboxError::Failed { reason: reason() }),
    }
}

/// What becomes of a question to the broker: what does not last means that it is away.
pub(super) fn of_answer(error: &KafkaError, names: &Names, reason: impl Fn() -> String) -> InboxError {
    lasting(error, names, &reason).unwrap_or_else(|| InboxError::Away { reason: reason() })
}

/// Whether the group went on without us.
pub(super) fn is_lost(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::IllegalGeneration | Code::UnknownMemberId | Code::RebalanceInProgress | Code::AssignmentLost)
    )
}

/// Whether the same bytes will fail again however often they are fetched.
pub(super) fn is_unreadable(error: &KafkaError) -> bool {
    error.rdkafka_error_code().is_some_and(is_of_bytes)
}

fn is_of_bytes(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BadCompression
            | Code::BadMessage
            | Code::InvalidMessage
            | Code::MessageSizeTooLarge
            | Code::NotImplemented
    )
}

/// Whether the member joins again, or its coordinator moves.
fn is_of_the_group(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::RebalanceInProgress
            | Code::AssignmentLost
            | Code::MemberIdRequired
            | Code::PollExceeded
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::WaitingForCoordinator
            | Code::UnstableOffsetCommit
    )
}

/// Whether the same is fetched again, from this broker or another, or from another offset.
fn is_of_a_fetch(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    is_of_bytes(code)
        || matches!(
            code,
            Code::UnknownTopic
                | Code::UnknownPartition
                | Code::OffsetOutOfRange
                | Code::OffsetNotAvailable
                | Code::ReplicaNotAvailable
                | Code::KafkaStorageError
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
                | Code::FetchSessionIdNotFound
                | Code::InvalidFetchSessionEpoch
                | Code::ListenerNotFound
                | Code::InProgress
                | Code::Outdated
                | Code::Retry
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasting(error: &KafkaError) -> Option<InboxError> {
        let names = Names { topic: "llm-log.inbox".into(), group: "llm-log.ingest".into() };
        super::lasting(error, &names, || "what the broker said".into())
    }

    #[test]
    fn a_right_that_is_missing_is_named_with_what_it_is_on() {
        for of in [KafkaError::MessageConsumption, KafkaError::ConsumerCommit, KafkaError::OffsetFetch] {
            let group = lasting(&of(RDKafkaErrorCode::GroupAuthorizationFailed)).expect("it lasts").to_string();
            assert_eq!(group, "Kafka refuses: grant the operation Read on the group llm-log.ingest");
            let topic = lasting(&of(RDKafkaErrorCode::TopicAuthorizationFailed)).expect("it lasts").to_string();
            assert_eq!(topic, "Kafka refuses: grant the operation Read on the topic llm-log.inbox");
        }
    }

    #[test]
    fn what_librdkafka_copes_with_is_no_trouble() {
        use RDKafkaErrorCode as Code;
        let codes = [
            Code::BrokerTransportFailure,
            Code::AllBrokersDown,
            Code::NotLeaderForPartition,
            Code::NotCoordinator,
            Code::RebalanceInProgress,
            Code::UnknownTopicOrPartition,
            Code::PollExceeded,
            Code::OffsetOutOfRange,
            Code::BadCompression,
        ];
        for code in codes {
            assert_eq!(lasting(&KafkaError::MessageConsumption(code)), None, "{code:?}");
        }
        assert_eq!(lasting(&KafkaError::PartitionEOF(3)), None);
    }

    #[test]
    fn any_other_error_lasts_and_so_does_one_that_ends_the_client() {
        use RDKafkaErrorCode as Code;
        let failed = Some(InboxError::Failed { reason: "what the broker said".into() });
        for code in [Code::GroupMaxSizeReached, Code::InconsistentGroupProtocol, Code::InvalidGroupId, Code::Unknown] {
            assert_eq!(lasting(&KafkaError::MessageConsumption(code)), failed, "{code:?}");
        }
        assert_eq!(lasting(&KafkaError::MessageConsumptionFatal(Code::UnknownMemberId)), failed);
    }
}
