//! Brings folded batches into the index.

pub(crate) mod batch;
#[cfg(test)]
pub(crate) mod failing_directory;
mod fence;
pub(crate) mod folder;
mod known_calls;
mod merges;
mod sealed_list;
pub(crate) mod stored;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use schemas::fold::{CallState, UnreadableState};
use schemas::id::{CallKey, Partition};
use schemas::positions::Offset;
use tantivy::index::SegmentId;
use tantivy::indexer::IndexWriterOptions;
use tantivy::{Directory, Index, IndexReader, IndexWriter, Searcher, SegmentReader, TantivyError};

use self::batch::{FoldedBatch, FoldedCall};
use self::fence::Fence;
use self::folder::{IndexFiles, OpenIndexError, OpenedIndex, reopen_in};
use self::known_calls::KnownCalls;
use self::merges::Merges;
use self::stored::{StoredStateError, stored_state};
use crate::checkpoint::Checkpoint;
use crate::index::document::{CallDocument, key_term};
use crate::index::schema::CallFields;
use crate::step::Step;

/// Memory of a writer thread. A commit comes after 64 MiB of events at the latest, so that it holds what each of two
/// threads gets between two commits; one alone may make two segments of it.
const THREAD_MEMORY_BYTES: usize = 100_000_000;
/// Merges that run at once: small ones go on beside a large one, which takes minutes.
const MERGE_THREADS: usize = 2;
/// Commits between two that forget the files that are no more.
const FORGET_FILES_EVERY: u32 = 256;
/// Bytes of events and of rewritten calls after which a commit comes within a batch.
const UNCOMMITTED_BYTES: usize = 128 * 1024 * 1024;

/// Why the index can't be written. The writer has to be dropped and the log read again from the last commit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteIndexError {
    #[error("the index can't be written")]
    Index(#[from] TantivyError),
    #[error("the index can't be opened again")]
    Reopen(#[from] OpenIndexError),
    #[error("the index holds a call that can't be read")]
    State(#[source] UnreadableState),
    #[error("the index holds a call without its state")]
    NoState,
}

impl From<StoredStateError> for WriteIndexError {
    fn from(error: StoredStateError) -> Self {
        match error {
            StoredStateError::Index(error) => Self::Index(error),
            StoredStateError::Unreadable(error) => Self::State(error),
            StoredStateError::Missing => Self::NoState,
        }
    }
}

/// The one writer of an index.
pub(crate) struct CallWriter {
    // Before tantivy's writer, so that nothing of it changes the index once it is given up.
    fence: Fence,
    directory: Box<dyn Directory>,
    files: Option<IndexFiles>,
    index: Index,
    fields: Arc<CallFields>,
    writer: IndexWriter<CallDocument>,
    reader: IndexReader,
    /// The last commit.
    committed: Searcher,
    known: KnownCalls,
    /// States written since the last commit.
    uncommitted: HashMap<CallKey, Arc<CallState>>,
    uncommitted_bytes: usize,
    checkpoint: Checkpoint,
    moved: bool,
    commits: u32,
}

impl CallWriter {
    /// Writes on from the last commit with this many threads.
    pub(crate) fn new(opened: OpenedIndex, fields: Arc<CallFields>, threads: usize) -> Result<Self, WriteIndexError> {
        let OpenedIndex { fence, directory, files, index, reader, checkpoint } = opened;
        reader.reload()?;
        let committed = reader.searcher();
        Step::LearnCalls.begins();
        let known = known_calls(&committed, &fields)?;
        fence.set_indexing(threads);
        let writer = index_writer(&index, threads, folder_of(files.as_ref()))?;
        // tantivy gives a file of deletes the number of its commit. One that a commit left which failed or died would be in
        // the way of the same commit, each time anew.
        if let Err(error) = writer.garbage_collect_files().wait() {
            tracing::warn!(error = &error as &dyn std::error::Error, "files that no commit has could not be deleted");
        }
        Ok(Self {
            fence,
            directory,
            files,
            index,
            fields,
            writer,
            reader,
            committed,
            known,
            uncommitted: HashMap::new(),
            uncommitted_bytes: 0,
            checkpoint,
            moved: false,
            commits: 0,
        })
    }

    pub(crate) fn fields(&self) -> &CallFields {
        &self.fields
    }

    /// How far the batches applied reach. Committed only after [`CallWriter::commit`].
    pub(crate) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Bytes of events applied since the last commit, and of the texts of calls that were rewritten.
    pub(crate) fn uncommitted_bytes(&self) -> usize {
        self.uncommitted_bytes
    }

    /// Whether there is anything to commit.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved
    }

    /// Whether a merge runs. Asked right after a commit, since what was applied since is written as well.
    pub(crate) fn is_merging(&self) -> bool {
        self.fence.is_being_written()
    }

    /// Whether segments are to be merged, or were and readers don't see it yet: a commit begins the one and shows the other.
    pub(crate) fn wants_merges(&self) -> Result<bool, WriteIndexError> {
        let segments = self.index.searchable_segment_metas()?;
        let seen: HashSet<SegmentId> = self.committed.segment_readers().iter().map(SegmentReader::segment_id).collect();
        let is_seen = segments.len() == seen.len() && segments.iter().all(|segment| seen.contains(&segment.id()));
        Ok(!is_seen || !self.writer.get_merge_policy().compute_merge_candidates(&segments).is_empty())
    }

    /// The documents and segments of the last commit.
    pub(crate) fn committed(&self) -> &Searcher {
        &self.committed
    }

    /// The positions that the index has to pass before it answers.
    pub(crate) fn set_building_to(&mut self, positions: BTreeMap<Partition, Offset>) {
        self.moved |= self.checkpoint.building_to != positions;
        self.checkpoint.building_to = positions;
    }

    /// Brings a batch into the index. Says whose prompts it replaced.
    pub(crate) fn apply(&mut self, batch: FoldedBatch) -> Result<Vec<CallKey>, WriteIndexError> {
        self.apply_within(UNCOMMITTED_BYTES, batch)
    }

    /// A few bytes of events may rewrite calls of megabytes. What is committed before its positions are is read again after a
    /// crash, and changes nothing then.
    fn apply_within(&mut self, bytes_max: usize, mut batch: FoldedBatch) -> Result<Vec<CallKey>, WriteIndexError> {
        let mut replaced = std::mem::take(&mut batch.prompts_replaced);
        for call in std::mem::take(&mut batch.calls) {
            self.apply_call(call, &mut replaced)?;
            if self.uncommitted_bytes >= bytes_max {
                self.commit()?;
            }
        }
        batch.advance(&mut self.checkpoint);
        self.uncommitted_bytes += batch.bytes;
        self.moved |= !batch.partitions.is_empty();
        Ok(replaced)
    }

    fn apply_call(&mut self, call: FoldedCall, replaced: &mut Vec<CallKey>) -> Result<(), WriteIndexError> {
        let FoldedCall { key, partition, state } = call;
        let state = match self.state(key)? {
            None => {
                self.known.insert(&key.to_bytes());
                state
            }
            Some(mut before) => {
                let merged = before.merge(state);
                if merged.prompt_replaced {
                    replaced.push(key);
                }
                if !merged.changed {
                    return Ok(());
                }
                self.writer.delete_term(key_term(&self.fields, key));
                self.uncommitted_bytes += before.text_bytes();
                before
            }
        };
        let state = Arc::new(state);
        self.writer.add_document(CallDocument::new(&self.fields, key, partition, Arc::clone(&state)))?;
        self.uncommitted.insert(key, state);
        Ok(())
    }

    /// The call's state by all batches applied so far.
    fn state(&self, key: CallKey) -> Result<Option<CallState>, WriteIndexError> {
        if let Some(state) = self.uncommitted.get(&key) {
            return Ok(Some(CallState::clone(state)));
        }
        if !self.known.may_contain(&key.to_bytes()) {
            return Ok(None);
        }
        Ok(stored_state(&self.committed, &self.fields, key)?)
    }

    /// Makes all that was applied durable and visible, together with the positions reached.
    pub(crate) fn commit(&mut self) -> Result<(), WriteIndexError> {
        let begun = Instant::now();
        Step::WriteSegments.begins();
        let mut prepared = self.writer.prepare_commit()?;
        prepared.set_payload(&self.checkpoint.payload());
        Step::SwapList.begins();
        prepared.commit()?;
        // tantivy renames the new list of segments into place without making the rename durable.
        Step::SyncFolder.begins();
        self.index.directory().sync_directory().map_err(TantivyError::from)?;
        Step::Reload.begins();
        self.reader.reload()?;
        self.committed = self.reader.searcher();
        self.uncommitted.clear();
        self.uncommitted_bytes = 0;
        self.moved = false;
        self.commits = self.commits.wrapping_add(1);
        if self.commits.is_multiple_of(FORGET_FILES_EVERY)
            && let Some(files) = &self.files
        {
            // tantivy 0.27 remembers every file that was ever mapped, until it is asked which are.
            files.directory.get_cache_info();
        }
        metrics::counter!("llm_log_index_commits_total").increment(1);
        metrics::histogram!("llm_log_index_commit_seconds").record(begun.elapsed());
        Ok(())
    }

    /// Makes one segment of those that are committed.
    #[cfg(test)]
    pub(crate) fn merge_all(&mut self) {
        let segments = self.index.searchable_segment_ids().expect("readable");
        if segments.len() > 1 {
            // A merge of tantivy's own may have taken some of them meanwhile.
            drop(self.writer.merge(&segments).wait());
        }
    }

    /// Goes on with another number of threads. Only right after a commit.
    pub(crate) fn with_threads(self, threads: usize) -> Result<Self, WriteIndexError> {
        let Self { fence, directory, files, fields, writer, committed, known, checkpoint, moved, commits, .. } = self;
        drop(fence);
        // Holds the index's lock, so it has to go before the next.
        drop(writer);
        let OpenedIndex { fence, directory, index, reader, .. } = reopen_in(directory, &fields)?;
        fence.set_indexing(threads);
        let writer = index_writer(&index, threads, folder_of(files.as_ref()))?;
        Ok(Self {
            fence,
            directory,
            files,
            index,
            fields,
            writer,
            reader,
            committed,
            known,
            uncommitted: HashMap::new(),
            uncommitted_bytes: 0,
            checkpoint,
            moved,
            commits,
        })
    }
}

impl fmt::Debug for CallWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallWriter").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

fn folder_of(files: Option<&IndexFiles>) -> Option<PathBuf> {
    files.map(|files| files.folder.clone())
}

/// tantivy's writer with the memory, the threads and the merges that a projector gives it. The folder is that of the
/// index, if it is one of files.
pub fn index_writer(
    index: &Index,
    threads: usize,
    folder: Option<PathBuf>,
) -> Result<IndexWriter<CallDocument>, TantivyError> {
    let options = IndexWriterOptions::builder()
        .num_worker_threads(threads)
        .memory_budget_per_thread(THREAD_MEMORY_BYTES)
        .num_merge_threads(MERGE_THREADS)
        .build();
    let writer = index.writer_with_options(options)?;
    writer.set_merge_policy(Box::new(Merges::new(folder)));
    // tantivy 0.27 would give the first operation of a new writer the number of the last commit. Were it a delete, a merge
    // that begins before the next commit would apply it to some of its segments and forget it for the others: a call
    // would be there twice. An empty operation takes that number.
    writer.run([])?;
    Ok(writer)
}

/// Reads the keys of every segment. Those of deleted documents count too, which does no harm.
fn known_calls(searcher: &Searcher, fields: &CallFields) -> Result<KnownCalls, TantivyError> {
    let documents: usize = searcher.segment_readers().iter().map(|segment| segment.max_doc() as usize).sum();
    let mut known = KnownCalls::for_calls(documents);
    for segment in searcher.segment_readers() {
        let inverted = segment.inverted_index(fields.key)?;
        let mut terms = inverted.terms().stream()?;
        while terms.advance() {
            known.insert(terms.key());
        }
    }
    Ok(known)
}
