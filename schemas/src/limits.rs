//! The limits of llm-log, in one place.

use std::num::NonZeroU32;
use std::time::Duration;

/// Greatest length of a `Text` column, in characters.
pub const TEXT_CHARS: usize = 500;
/// Greatest size of a `Long Text` column (`statusMessage`), in bytes.
pub const LONG_TEXT_BYTES: usize = 16 * 1024;
/// Greatest size of a `Very Long Text` column (prompt, response), in bytes.
pub const VERY_LONG_TEXT_BYTES: usize = 1024 * 1024;

/// Greatest size of one event, as received and as completed, in bytes.
pub const EVENT_BYTES: usize = 8 * 1024 * 1024;
/// `max.message.bytes` of our topics and `message.max.bytes` of our producers: an event and its envelope.
pub const MESSAGE_BYTES: usize = 9 * 1024 * 1024;
/// Greatest size of an HTTP request body, before and after decompression, in bytes.
pub const BODY_BYTES: usize = 50 * 1024 * 1024;
/// Greatest number of JSON values in the body of a query.
pub const BODY_VALUES: usize = 500_000;
/// Greatest number of bytes that the bodies of queries take in memory, of all requests together: those of one project
/// three quarters of it, and those without a valid key a sixteenth.
pub const BODIES_BYTES: usize = 256 * 1024 * 1024;
/// How long the body of a request may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_mins(1);
/// Greatest number of name-value pairs in a form.
pub const FORM_PAIRS: usize = 1000;
/// Greatest nesting of a name in a form.
pub const FORM_DEPTH: usize = 10;
/// Greatest index of a list's element in a form: a greater one is an object's key.
pub const FORM_INDEX_MAX: usize = 100;
/// Greatest number of events in one HTTP request.
pub const REQUEST_EVENTS: usize = 10_000;
/// Greatest number of problems that an answer to events lists.
pub const LISTED_PROBLEMS: usize = 1000;
/// Events that a project may send per second over time.
pub const PROJECT_EVENTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(20_000).expect("not zero");
/// Events that a project may send at once after a pause.
pub const PROJECT_BURST_EVENTS: NonZeroU32 = NonZeroU32::new(40_000).expect("not zero");
/// How long a request with events waits for the log before it is told that the outcome is unknown.
pub const APPEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Greatest number of bytes that ingest holds between receipt and acknowledgement.
pub const IN_FLIGHT_BYTES: usize = 128 * 1024 * 1024;
/// Greatest number of bytes of bodies that wait until ingest reads what is in them.
pub const UNREAD_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of an oversized record that its dead letter keeps.
pub const DEAD_LETTER_BYTES: usize = 1024 * 1024;
/// Greatest length of the reason that a dead letter names, in bytes.
pub const DEAD_LETTER_REASON_BYTES: usize = 4096;

/// Greatest length of an event's `id` and `source`, in bytes.
pub const ATTRIBUTE_BYTES: usize = 1024;
/// Greatest depth of JSON in an event or a request.
pub const JSON_DEPTH: usize = 100;

/// Greatest number of members of an event, and of its `data`, as received.
pub const MEMBERS: usize = 1000;
/// The same of a record of the log: completing an event adds members.
pub const RECORD_MEMBERS: usize = MEMBERS + 16;

/// How far a producer's clock may run ahead before its times are replaced by the time of receipt.
pub const CLOCK_AHEAD: Duration = Duration::from_mins(5);

/// Greatest whole number in an event: the greatest that a double holds exactly.
pub const NUMBER_MAX: i64 = (1 << 53) - 1;

/// Partitions of a new log. A log never changes its number of partitions.
pub const PARTITIONS: u32 = 16;
/// Greatest number of partitions of a log.
pub const PARTITIONS_MAX: u32 = 1024;

/// Rows of a page when the client names no limit.
pub const PAGE_ROWS: u32 = 10;
/// Greatest limit of a page in the documented form of the API.
pub const PAGE_ROWS_MAX_DOCS: u32 = 100;
/// Greatest limit of a page in the form of the reference server.
pub const PAGE_ROWS_MAX_ONEUPTIME: u32 = 10_000;
/// Greatest number of bytes of texts that the rows of one list have in memory: a page of the documented form always
/// fits.
pub const LIST_BYTES: usize = 256 * 1024 * 1024;
/// Greatest row of an order that a page by `skip` and `limit` ends at; a cursor goes further.
pub const LIST_REACH: u64 = 1_000_000;
/// Groups of a stats answer when the client names no limit.
pub const STATS_GROUPS: u32 = 100;
/// Greatest number of groups of a stats answer.
pub const STATS_GROUPS_MAX: u32 = 10_000;
/// Greatest number of distinct groups that one stats request may visit.
pub const STATS_GROUPS_VISITED: usize = 100_000;
/// Greatest number of conditions of one query.
pub const QUERY_CONDITIONS: usize = 100;
/// Greatest number of values in one `IN` list.
pub const IN_VALUES: usize = 10_000;
/// Greatest number of related rows with a value in a field that calls are sorted by: what an order takes to every
/// reader.
pub const RELATED_ROWS: usize = 100_000;
/// Greatest number of dictionary words that one prefix of a full-text query may stand for in a segment.
pub const PREFIX_WORDS: usize = 10_000;
/// Greatest number of dictionary words that the full-text queries of one request may stand for in a segment, together.
pub const TEXT_QUERY_WORDS: usize = 100_000;
/// Greatest length of the full-text queries of one request, together, in bytes.
pub const TEXT_QUERY_BYTES: usize = 4096;
/// Greatest nesting of a full-text query.
pub const TEXT_QUERY_DEPTH: usize = 32;
/// Greatest length of a LIKE pattern, in bytes.
pub const LIKE_BYTES: usize = 16 * 1024;

/// Time limit of one query.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Greatest number of reads that wait for positions at once, in one process.
pub const WAITING_READS: usize = 1024;
/// Greatest number of reads of one project that wait at once: as many for positions as, later, for their turn.
pub const WAITING_READS_OF_PROJECT: usize = 64;
/// How long a role may be without the log before it says that it is not ready.
pub const LOG_AWAY: Duration = Duration::from_mins(5);
