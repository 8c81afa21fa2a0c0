//! Every metric, with what it says.

use ::metrics::Unit;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug)]
pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    pub(super) text: &'static str,
}

const fn counter(name: &'static str, text: &'static str) -> Described {
    Described { name, kind: Kind::Counter, unit: Unit::Count, text }
}

const fn gauge(name: &'static str, unit: Unit, text: &'static str) -> Described {
    Described { name, kind: Kind::Gauge, unit, text }
}

const fn seconds(name: &'static str, text: &'static str) -> Described {
    Described { name, kind: Kind::Histogram, unit: Unit::Seconds, text }
}

pub(super) const METRICS: &[Described] = &[
    gauge("llm_log_build_info", Unit::Count, "Always 1; the label `version` says which llm-log this is."),
    counter("llm_log_ingest_requests_total", "Requests to the door over HTTP, by the status of their answer."),
    seconds(
        "llm_log_ingest_request_seconds",
        "How long a request with events takes from its head to its answer, by the status of that.",
    ),
    counter("llm_log_ingest_events_total", "Events that the log has acknowledged, by type."),
    seconds(
        "llm_log_ingest_append_seconds",
        "How long the log takes to acknowledge the events of one request or batch.",
    ),
    gauge("llm_log_ingest_in_flight_bytes", Unit::Bytes, "Bytes of events that are taken and not answered yet."),
    counter(
        "llm_log_ingest_clocks_ahead_total",
        "Events with a time so far ahead that it was held at the time of receipt.",
    ),
    counter(
        "llm_log_ingest_texts_cut_total",
        "Texts that were longer than their column takes and were cut, by column.",
    ),
    counter("llm_log_inbox_events_total", "Records of the inbox that became events of the log."),
    counter("llm_log_inbox_dead_letters_total", "Records of the inbox that became dead letters."),
    counter("llm_log_abandoned_calls_total", "Calls that ran for too long and were ended."),
    counter("llm_log_events_applied_total", "Events that the projector has read and folded."),
    counter("llm_log_records_passed_over_total", "Records of the log that can't be applied and were passed over."),
    counter(
        "llm_log_prompts_replaced_total",
        "Events that replaced the prompt of another request: a producer uses an id again.",
    ),
    gauge("llm_log_projector_lag_seconds", Unit::Seconds, "How far answers are behind the end of the log."),
    gauge(
        "llm_log_index_records_to_build",
        Unit::Count,
        "Records still to read before a rebuilt index serves; 0 when it does.",
    ),
    gauge("llm_log_index_documents", Unit::Count, "Documents of the index, erased calls among them."),
    gauge("llm_log_index_segments", Unit::Count, "Segments of the index."),
    counter("llm_log_index_commits_total", "Commits of the index."),
    seconds("llm_log_index_commit_seconds", "How long a commit of the index takes."),
    counter("llm_log_index_rebuilds_total", "Indexes that were set aside to be rebuilt from the log."),
    counter("llm_log_index_recoveries_total", "Times that the projector failed and began again from its last commit."),
    counter("llm_log_index_damage_total", "Times that files of the index were found damaged."),
    seconds("llm_log_index_read_seconds", "How long a read of the index takes, by kind."),
    counter("llm_log_index_texts_read_total", "Stored texts that reads of the index have looked at, by kind of read."),
    gauge("llm_log_waiting_reads", Unit::Count, "Reads that wait for the log to be read as far as they need."),
    counter("llm_log_api_requests_total", "Requests to the API, by endpoint and status of their answer."),
    seconds("llm_log_api_request_seconds", "How long a request to the API takes, by endpoint."),
];
