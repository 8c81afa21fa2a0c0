//! What the documentation says of each field.

/// What a field shows when nobody claims it, or its claim is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    Null,
    False,
    Zero,
    NoCents,
}

/// Fields that events claim, each with what it shows when it is empty. Fields of a group are claimed together: an event
/// with one of them claims all.
pub(super) const CLAIMS: [(&[&str], Empty); 20] = [
    (&["llmProviderId"], Empty::Null),
    (&["llmProviderName"], Empty::Null),
    (&["llmType"], Empty::Null),
    (&["modelName"], Empty::Null),
    (&["isGlobalProvider"], Empty::False),
    (&["totalTokens", "completionTokens", "cachedInputTokens", "cacheCreationTokens"], Empty::Zero),
    (&["costInUSDCents"], Empty::NoCents),
    (&["wasBilled"], Empty::False),
    (&["status", "statusMessage"], Empty::Null),
    (&["feature"], Empty::Null),
    (&["requestPrompt"], Empty::Null),
    (&["responsePreview"], Empty::Null),
    (&["incidentId"], Empty::Null),
    (&["alertId"], Empty::Null),
    (&["aiRunId"], Empty::Null),
    (&["scheduledMaintenanceId"], Empty::Null),
    (&["userId"], Empty::Null),
    (&["requestStartedAt"], Empty::Null),
    (&["requestCompletedAt"], Empty::Null),
    (&["durationMs"], Empty::Null),
];

/// What an annotation may claim.
pub(super) const ANNOTATED: [&str; 8] =
    ["incidentId", "alertId", "scheduledMaintenanceId", "aiRunId", "userId", "feature", "costInUSDCents", "wasBilled"];

/// Fields with rules of their own.
pub(super) const OTHERS: [&str; 6] = ["_id", "createdAt", "updatedAt", "deletedAt", "version", "projectId"];

/// Every field that a row is compared by.
pub fn fields() -> impl Iterator<Item = &'static str> {
    OTHERS.into_iter().chain(CLAIMS.into_iter().flat_map(|(group, _)| group.iter().copied()))
}
