//! The index's side: every document of a bucket, compared with the log's call.

use std::collections::HashMap;
use std::num::NonZeroU32;

use schemas::id::{CallKey, Partition, home_partition};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocId, DocSet as _, SegmentReader, TERMINATED, TantivyError};

use super::bucket::Bucket;
use super::log_side::LoggedCall;
use super::{Difference, VerifyError, VerifyReport};
use crate::index::schema::CallFields;
use crate::snapshot::Snapshot;
use crate::writer::stored::stored_bytes;

/// Compares the documents of one partition's bucket, out of so many partitions, with the log's calls. Says how
/// many there are.
pub(super) fn compare_with_index(
    snapshot: &Snapshot,
    (partition, total): (Partition, u32),
    bucket: Bucket,
    calls: &mut HashMap<CallKey, LoggedCall>,
    report: &mut VerifyReport,
) -> Result<u64, VerifyError> {
    let total = NonZeroU32::new(total).unwrap_or(NonZeroU32::MIN);
    let is_wanted = |key: CallKey| home_partition(key.call, total) == partition && bucket.contains(key);
    let mut documents = 0;
    for (ordinal, segment) in (0u32..).zip(snapshot.searcher().segment_readers()) {
        let mut wanted = wanted_documents(segment, snapshot.fields(), is_wanted)?;
        // In the order of the store, so that each of its blocks is decompressed once.
        wanted.sort_unstable_by_key(|(doc, _)| *doc);
        documents += wanted.len() as u64;
        for (doc, key) in wanted {
            let Some(call) = calls.get_mut(&key) else {
                report.differs(Difference::NotInLog(key));
                continue;
            };
            if call.found {
                report.differs(Difference::Twice(key));
                continue;
            }
            call.found = true;
            let address = DocAddress::new(ordinal, doc);
            if *stored_bytes(snapshot.searcher(), snapshot.fields(), address)? != *call.state {
                report.differs(Difference::OtherState(key));
            }
        }
    }
    let mut missing: Vec<CallKey> = calls.iter().filter(|(_, call)| !call.found).map(|(key, _)| *key).collect();
    missing.sort_unstable();
    for key in missing {
        report.differs(Difference::NotInIndex(key));
    }
    Ok(documents)
}

/// The living documents whose keys are wanted.
fn wanted_documents(
    segment: &SegmentReader,
    fields: &CallFields,
    is_wanted: impl Fn(CallKey) -> bool,
) -> Result<Vec<(DocId, CallKey)>, TantivyError> {
    let inverted = segment.inverted_index(fields.key)?;
    let mut wanted = Vec::new();
    let mut terms = inverted.terms().stream()?;
    while terms.advance() {
        let Some(key) = CallKey::from_bytes(terms.key()).filter(|key| is_wanted(*key)) else { continue };
        let mut postings = inverted.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
        let mut doc = postings.doc();
        while doc != TERMINATED {
            if segment.alive_bitset().is_none_or(|alive| alive.is_alive(doc)) {
                wanted.push((doc, key));
            }
            doc = postings.advance();
        }
    }
    Ok(wanted)
}
