//! The documents whose value in a fast column is within a range.

use std::ops::RangeInclusive;

use tantivy::columnar::Column;
use tantivy::query::Scorer;
use tantivy::{DocId, DocSet, Score, SeekDangerResult, TERMINATED};

use crate::search::Tick;

/// Documents looked at in one go, at first and at most.
const WINDOW: RangeInclusive<u32> = 128..=8192;

/// Scans a column window by window. Ends early when the time is up.
pub(crate) struct ColumnRange {
    column: Column<u64>,
    range: RangeInclusive<u64>,
    /// The matches of the windows looked at, and which one is the current document.
    found: Vec<DocId>,
    at: usize,
    /// Where the next window begins, and how many documents it has.
    next: DocId,
    window: u32,
    tick: Tick,
}

impl ColumnRange {
    pub(crate) fn new(column: Column<u64>, range: RangeInclusive<u64>, tick: Tick) -> Self {
        let none = *range.start() > column.max_value() || *range.end() < column.min_value();
        let next = if none { column.num_docs() } else { 0 };
        let mut set = Self { column, range, found: Vec::new(), at: 0, next, window: *WINDOW.start(), tick };
        set.look();
        set
    }

    /// Looks at windows until one has a match.
    fn look(&mut self) -> DocId {
        let docs = self.column.num_docs();
        self.found.clear();
        self.at = 0;
        while self.found.is_empty() && self.next < docs {
            if self.tick.is_over() {
                self.next = docs;
                break;
            }
            let end = self.next.saturating_add(self.window).min(docs);
            self.column.get_docids_for_value_range(self.range.clone(), self.next..end, &mut self.found);
            self.next = end;
            self.window = (self.window * 2).min(*WINDOW.end());
        }
        self.doc()
    }
}

impl DocSet for ColumnRange {
    fn advance(&mut self) -> DocId {
        self.at += 1;
        if self.at < self.found.len() { self.doc() } else { self.look() }
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if self.doc() >= target {
            return self.doc();
        }
        if target >= self.next {
            self.next = target.min(self.column.num_docs());
            self.window = *WINDOW.start();
            return self.look();
        }
        let rest = self.found.get(self.at..).unwrap_or_default();
        self.at += rest.partition_point(|doc| *doc < target);
        if self.at < self.found.len() { self.doc() } else { self.look() }
    }

    /// Looks at the one document, which leaves the set where it is unless that matches.
    fn seek_danger(&mut self, target: DocId) -> SeekDangerResult {
        if target >= self.column.num_docs() {
            return SeekDangerResult::SeekLowerBound(TERMINATED);
        }
        if !self.column.first(target).is_some_and(|value| self.range.contains(&value)) {
            return SeekDangerResult::SeekLowerBound(target + 1);
        }
        if self.doc() != target {
            self.found.clear();
            self.found.push(target);
            self.at = 0;
            self.next = target + 1;
            self.window = *WINDOW.start();
        }
        SeekDangerResult::Found
    }

    fn doc(&self) -> DocId {
        self.found.get(self.at).copied().unwrap_or(TERMINATED)
    }

    fn size_hint(&self) -> u32 {
        self.column.num_docs()
    }
}

impl Scorer for ColumnRange {
    fn score(&mut self) -> Score {
        0.0
    }
}
