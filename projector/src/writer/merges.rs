//! Which segments are merged: tantivy's choice by their sizes, where the disk has room for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tantivy::SegmentMeta;
use tantivy::indexer::{LogMergePolicy, MergeCandidate, MergePolicy};

/// Segments of about the same size that are merged into one.
const MERGED_SEGMENTS: usize = 8;
/// Calls up to which all segments count as of the same size: each merge writes all that is so small again. With tantivy's
/// 10 000 a call of a hundred a commit is written eight times on its way up, with this six, one of fifteen sixty times and
/// nine, by a simulation of the choice.
const SMALL_CALLS: u32 = 1000;
/// How much smaller than the largest a segment may be to count as of the same size, in doublings. With tantivy's 0.75 there
/// are more sizes, and so more segments of each.
const SAME_SIZE_DOUBLINGS: f64 = 1.5;
/// Calls above which a segment is merged with no other.
const MERGED_CALLS: usize = 10_000_000;
/// The share of deleted documents above which a segment is merged for that alone.
const DELETED_SHARE: f32 = 0.2;
/// Room that a merge leaves to commits, and to a log on the same disk, in bytes.
const LEFT_BYTES: u64 = 1024 * 1024 * 1024;

/// The merges of one writer.
#[derive(Debug)]
pub(super) struct Merges {
    by_size: LogMergePolicy,
    largest: usize,
    folder: Option<PathBuf>,
    room: fn(&Path) -> io::Result<u64>,
    lacks_room: AtomicBool,
}

impl Merges {
    /// Of an index in this folder; of one in memory when there is none.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self::up_to(MERGED_CALLS, folder, room)
    }

    fn up_to(largest: usize, folder: Option<PathBuf>, room: fn(&Path) -> io::Result<u64>) -> Self {
        let mut by_size = LogMergePolicy::default();
        by_size.set_min_num_segments(MERGED_SEGMENTS);
        by_size.set_min_layer_size(SMALL_CALLS);
        by_size.set_level_log_size(SAME_SIZE_DOUBLINGS);
        by_size.set_max_docs_before_merge(largest);
        by_size.set_del_docs_ratio_before_merge(DELETED_SHARE);
        Self { by_size, largest, folder, room, lacks_room: AtomicBool::new(false) }
    }

    /// A merge reads nothing but what it replaces, so that its files are at most as large as those together.
    fn keep_what_fits(&self, folder: &Path, segments: &[SegmentMeta], candidates: &mut Vec<MergeCandidate>) {
        let Ok(room) = (self.room)(folder) else { return };
        let mut left = room.saturating_sub(LEFT_BYTES);
        let before = candidates.len();
        candidates.retain(|candidate| {
            let merged = segments.iter().filter(|segment| candidate.0.contains(&segment.id()));
            let bytes = merged.map(|segment| bytes_of(folder, segment)).sum();
            let fits = bytes <= left;
            left = left.saturating_sub(if fits { bytes } else { 0 });
            fits
        });
        let lacks_room = candidates.len() < before;
        if lacks_room && !self.lacks_room.swap(true, Ordering::Relaxed) {
            let (folder, room_bytes) = (folder.display(), room);
            tracing::warn!(%folder, room_bytes, "the disk has no room to merge segments; reads become slower until it has");
        }
        if !lacks_room {
            self.lacks_room.store(false, Ordering::Relaxed);
        }
    }
}

impl MergePolicy for Merges {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let mut candidates = self.by_size.compute_merge_candidates(segments);
        // tantivy passes over these, whatever of them is deleted.
        let large = segments.iter().filter(|segment| segment.num_docs() as usize > self.largest);
        candidates.extend(large.filter(|segment| is_much_deleted(segment)).map(alone));
        if let Some(folder) = &self.folder
            && !candidates.is_empty()
        {
            self.keep_what_fits(folder, segments, &mut candidates);
        }
        candidates
    }
}

fn alone(segment: &SegmentMeta) -> MergeCandidate {
    MergeCandidate(vec![segment.id()])
}

#[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
fn is_much_deleted(segment: &SegmentMeta) -> bool {
    segment.num_deleted_docs() as f32 > DELETED_SHARE * segment.max_doc() as f32
}

/// Of all files that bear the segment's name.
fn bytes_of(folder: &Path, segment: &SegmentMeta) -> u64 {
    let name = segment.id().uuid_string();
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let own = files.filter(|file| file.file_name().as_encoded_bytes().starts_with(name.as_bytes()));
    own.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

fn room(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use tantivy::schema::{INDEXED, Schema};
    use tantivy::{Index, IndexWriter, TantivyDocument, Term};

    use super::*;

    /// Segments of so many documents, of which so many are deleted.
    fn segments(folder: &Path, sizes: &[(u64, u64)]) -> Vec<SegmentMeta> {
        let mut schema = Schema::builder();
        let number = schema.add_u64_field("number", INDEXED);
        let index = Index::create_in_dir(folder, schema.build()).expect("an index");
        let mut writer: IndexWriter<TantivyDocument> = index.writer_with_num_threads(1, 15_000_000).expect("a writer");
        writer.set_merge_policy(Box::new(tantivy::indexer::NoMergePolicy));
        for (documents, deleted) in sizes {
            for value in 0..*documents {
                let mut document = TantivyDocument::new();
                document.add_u64(number, u64::from(value >= *deleted));
                writer.add_document(document).expect("added");
            }
            writer.commit().expect("committed");
        }
        writer.delete_term(Term::from_field_u64(number, 0));
        writer.commit().expect("committed");
        index.searchable_segment_metas().expect("readable")
    }

    #[test]
    fn a_segment_too_large_to_be_merged_with_others_still_gets_rid_of_what_is_deleted() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let segments = segments(folder.path(), &[(100, 10), (100, 30), (5, 0)]);
        let merges = Merges::up_to(50, None, room);
        let much = segments.iter().find(|segment| segment.num_deleted_docs() == 30).expect("it is there");
        let candidates = merges.compute_merge_candidates(&segments);
        assert_eq!(candidates.iter().map(|candidate| candidate.0.as_slice()).collect::<Vec<_>>(), [[much.id()]]);
    }

    #[test]
    fn small_segments_are_merged_with_each_other_and_not_with_much_larger_ones() {
        for (small, merged) in [(MERGED_SEGMENTS - 1, None), (MERGED_SEGMENTS, Some(MERGED_SEGMENTS))] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let sizes: Vec<_> =
                std::iter::once(3000).chain(std::iter::repeat_n(10, small)).map(|size| (size, 0)).collect();
            let candidates = Merges::new(None).compute_merge_candidates(&segments(folder.path(), &sizes));
            assert_eq!(candidates.first().map(|candidate| candidate.0.len()), merged);
        }
    }

    #[test]
    fn what_the_disk_has_no_room_for_is_not_merged() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let segments = segments(folder.path(), &[(10, 0); 8]);
        let merged = |room| Merges::up_to(50, Some(folder.path().to_owned()), room).compute_merge_candidates(&segments);
        assert_eq!(merged(|_| Ok(LEFT_BYTES + 1_000_000)).len(), 1);
        assert_eq!(merged(|_| Ok(LEFT_BYTES + 100)).len(), 0);
        assert_eq!(merged(|_| Err(io::ErrorKind::Unsupported.into())).len(), 1, "what is not known holds nothing up");
        assert!(super::room(folder.path()).expect("a disk has room") > 0);
    }
}
