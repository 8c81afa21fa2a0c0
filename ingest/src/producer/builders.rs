//! A builder for each type of event, with the claims that the type may make.

use schemas::event::CallEventType;
use schemas::id::{CallId, ProjectId};
use schemas::model::Column;
use schemas::money::NanoUsd;
use schemas::problem::Problems;
use schemas::time::{Date, Timestamp};
use schemas::value::Value;
use uuid::Uuid;

use super::draft::{CallEventDraft, Draft};

/// Setters that claim a column, each documented with the column's name.
macro_rules! claims {
    (text; $($method:ident $column:ident,)*) => {
        $(
            #[doc = concat!("Claims [`Column::", stringify!($column), "`].")]
            pub fn $method(mut self, text: impl Into<Box<str>>) -> Self {
                self.0.claim(Column::$column, Value::text(text));
                self
            }
        )*
    };
    ($type:ty as $value:expr; $($method:ident $column:ident,)*) => {
        $(
            #[doc = concat!("Claims [`Column::", stringify!($column), "`].")]
            pub fn $method(mut self, value: $type) -> Self {
                self.0.claim(Column::$column, $value(value));
                self
            }
        )*
    };
}

macro_rules! annotation_claims {
    () => {
        claims! { Uuid as Value::Id;
            incident_id IncidentId, alert_id AlertId, scheduled_maintenance_id ScheduledMaintenanceId,
            ai_run_id AiRunId, user_id UserId,
        }
        claims! { text; feature Feature, }
        claims! { bool as Value::Boolean; was_billed WasBilled, }
        claims! { NanoUsd as Value::Cents; cost CostInUsdCents, }
    };
}

macro_rules! all_claims {
    () => {
        annotation_claims!();
        claims! { text;
            llm_provider_name LlmProviderName, llm_type LlmType, model_name ModelName, status Status,
            status_message StatusMessage, request_prompt RequestPrompt, response_preview ResponsePreview,
        }
        claims! { Uuid as Value::Id; llm_provider_id LlmProviderId, }
        claims! { bool as Value::Boolean; is_global_provider IsGlobalProvider, }
        claims! { u64 as number;
            total_tokens TotalTokens, completion_tokens CompletionTokens, cached_input_tokens CachedInputTokens,
            cache_creation_tokens CacheCreationTokens, duration_ms DurationMs,
        }
        claims! { Date as Value::Date;
            request_started_at RequestStartedAt, request_completed_at RequestCompletedAt,
        }
    };
}

macro_rules! builder {
    ($(#[$doc:meta])* $name:ident $event_type:ident { $($claims:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        #[must_use = "a builder does nothing until it is built and appended"]
        pub struct $name(Draft);

        impl $name {
            /// An event of this call, or of a new one.
            pub fn new(project: ProjectId, call: impl Into<Option<CallId>>) -> Self {
                Self(Draft::new(CallEventType::$event_type, project, call.into()))
            }

            /// The event's id, unique within its source; a new one if not given.
            pub fn id(mut self, id: impl Into<Box<str>>) -> Self {
                self.0.event.id = Some(id.into());
                self
            }

            /// When it happened; the time of appending if not given.
            pub fn time(mut self, time: Timestamp) -> Self {
                self.0.event.time = Some(time);
                self
            }

            /// When the call was created, if that is not the time of its first event.
            pub fn created_at(mut self, date: Date) -> Self {
                self.0.event.data.created_at = Some(date);
                self
            }

            /// When the call last changed, if that is not the time of this event.
            pub fn updated_at(mut self, date: Date) -> Self {
                self.0.event.data.updated_at = Some(date);
                self
            }

            $($claims)*

            /// The event, if it is one: what it needs is there, and every value is in its range.
            pub fn build(self) -> Result<CallEventDraft, Problems> {
                self.0.build()
            }
        }
    };
}

builder! {
    /// The call was sent to its provider. It shows as `Running`.
    CallStarted Started { all_claims!(); }
}
builder! {
    /// The provider answered. The status is `Success` unless another is claimed.
    CallCompleted Completed { all_claims!(); }
}
builder! {
    /// The call failed. The status is `Error` unless another is claimed; `Success` is none.
    CallFailed Failed { all_claims!(); }
}
builder! {
    /// The whole call in one event, once it is over. A status is needed.
    CallRecorded Recorded { all_claims!(); }
}
builder! {
    /// Adds links, feature, cost or billing to a call; at least one.
    CallAnnotated Annotated { annotation_claims!(); }
}
builder! {
    /// The call was given up: it has run for too long without an outcome.
    CallAbandoned Abandoned {}
}
builder! {
    /// Removes the call, whatever came before or comes after. Its id is needed.
    CallErased Erased {}
}

/// Numbers beyond the greatest of an event are refused when the event is built.
fn number(number: u64) -> Value {
    Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> ProjectId {
        ProjectId(Uuid::from_u128(1))
    }

    fn problems(built: Result<CallEventDraft, Problems>) -> String {
        built.expect_err("invalid").to_string()
    }

    #[test]
    fn a_record_needs_a_status() {
        assert!(CallRecorded::new(project(), None).status("Success").build().is_ok());
        assert!(problems(CallRecorded::new(project(), None).build()).contains("/data/status"));
    }

    #[test]
    fn a_failure_is_no_success() {
        assert!(CallFailed::new(project(), None).build().is_ok());
        assert!(problems(CallFailed::new(project(), None).status("Success").build()).contains("/data/status"));
    }

    #[test]
    fn an_annotation_says_something() {
        assert!(CallAnnotated::new(project(), None).user_id(Uuid::from_u128(3)).build().is_ok());
        assert!(problems(CallAnnotated::new(project(), None).build()).contains("at least one of"));
    }

    #[test]
    fn a_number_or_date_out_of_range_is_refused() {
        assert!(
            problems(CallStarted::new(project(), None).total_tokens(u64::MAX).build()).contains("/data/totalTokens")
        );
        assert!(problems(CallErased::new(project(), None).build()).contains("/subject"));
        let far = CallStarted::new(project(), None).request_started_at(Date(i64::MAX)).build();
        assert!(problems(far).contains("/data/requestStartedAt"));
        assert!(problems(CallErased::new(project(), None).time(Timestamp(i64::MIN)).build()).contains("/time"));
    }
}
