//! The best candidates of each segment, and what the best of all segments together leave room for.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use tantivy::DocId;
use uuid::Uuid;

/// A call that may be on the page. Ranks are those of its segment: the least comes first.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The rank in the first key.
    pub(super) first: u128,
    /// Those in the others.
    pub(super) rest: Box<[u128]>,
    pub(super) id: Uuid,
    /// That of its project, which decides between calls of the same id.
    pub(super) project: u128,
    pub(super) doc: DocId,
    pub(super) score: f32,
}

/// The candidates kept.
#[derive(Debug)]
pub(super) struct Top {
    rows: usize,
    /// By segment: the best seen there, the worst on top.
    segments: Vec<BinaryHeap<Candidate>>,
    /// The best first ranks seen anywhere, the worst on top; absent when first ranks of different segments
    /// can't be compared.
    firsts: Option<BinaryHeap<u128>>,
}

impl Top {
    pub(super) fn new(rows: usize, segments: usize, comparable: bool) -> Self {
        let segments = (0..segments).map(|_| BinaryHeap::new()).collect();
        Self { rows, segments, firsts: comparable.then(BinaryHeap::new) }
    }

    /// Whether no call with this first rank can be among the rows any more.
    pub(super) fn rejects(&self, first: u128) -> bool {
        self.firsts
            .as_ref()
            .is_some_and(|firsts| firsts.len() >= self.rows && firsts.peek().is_some_and(|worst| first > *worst))
    }

    /// The same for a call of this segment.
    pub(super) fn rejects_from(&self, segment: usize, first: u128) -> bool {
        let full = self.segments.get(segment).filter(|best| best.len() >= self.rows);
        self.rejects(first) || full.and_then(BinaryHeap::peek).is_some_and(|worst| first > worst.first)
    }

    pub(super) fn offer(&mut self, segment: usize, candidate: Candidate) {
        let Some(best) = self.segments.get_mut(segment) else { return };
        let first = candidate.first;
        if best.len() < self.rows {
            best.push(candidate);
        } else {
            let Some(mut worst) = best.peek_mut() else { return };
            if candidate >= *worst {
                return;
            }
            *worst = candidate;
        }
        self.offer_first(first);
    }

    fn offer_first(&mut self, first: u128) {
        let Some(firsts) = &mut self.firsts else { return };
        if firsts.len() < self.rows {
            firsts.push(first);
        } else if let Some(mut worst) = firsts.peek_mut()
            && first < *worst
        {
            *worst = first;
        }
    }

    /// Takes what another has kept of other segments.
    pub(super) fn merge(&mut self, other: Self) {
        for (mine, others) in self.segments.iter_mut().zip(other.segments) {
            mine.extend(others);
        }
        other.firsts.into_iter().flatten().for_each(|first| self.offer_first(first));
    }

    /// By segment, in no order, those that may be among the rows. Of the first `skip` rows those whose place is certain
    /// are only counted: what they are sorted by need not be read.
    pub(super) fn into_candidates(self, skip: usize) -> (usize, Vec<Vec<Candidate>>) {
        let limit = self.firsts.as_ref().filter(|firsts| firsts.len() >= self.rows).and_then(BinaryHeap::peek).copied();
        let within = |candidate: &Candidate| limit.is_none_or(|limit| candidate.first <= limit);
        let mut kept: Vec<Vec<Candidate>> =
            self.segments.into_iter().map(|best| best.into_iter().filter(within).collect()).collect();
        let mut firsts: Vec<u128> = kept.iter().flatten().map(|candidate| candidate.first).collect();
        if self.firsts.is_none() || skip >= firsts.len() {
            return (0, kept);
        }
        let (_, page, _) = firsts.select_nth_unstable(skip);
        let all = kept.iter().map(Vec::len).sum::<usize>();
        for candidates in &mut kept {
            candidates.retain(|candidate| candidate.first >= *page);
        }
        (all - kept.iter().map(Vec::len).sum::<usize>(), kept)
    }
}

impl Candidate {
    fn key(&self) -> (u128, &[u128], Uuid, u128) {
        (self.first, &self.rest, self.id, self.project)
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(first: u128) -> Candidate {
        let id = Uuid::from_u128(first);
        Candidate { first, rest: Box::default(), id, project: 0, doc: 0, score: 0.0 }
    }

    /// What is kept of two segments, looked through by one thread or by one each.
    fn kept(of: [&[u128]; 2], comparable: bool, by_two: bool) -> Vec<Vec<u128>> {
        let mut one = Top::new(2, 2, comparable);
        let mut two = Top::new(2, 2, comparable);
        for (segment, firsts) in of.into_iter().enumerate() {
            let top = if by_two && segment == 1 { &mut two } else { &mut one };
            for first in firsts.iter().filter(|first| !top.rejects_from(segment, **first)).collect::<Vec<_>>() {
                top.offer(segment, candidate(*first));
            }
        }
        one.merge(two);
        let kept = one.into_candidates(0).1.into_iter().map(|candidates| {
            let mut firsts: Vec<_> = candidates.into_iter().map(|candidate| candidate.first).collect();
            firsts.sort_unstable();
            firsts
        });
        kept.collect()
    }

    #[test]
    fn what_is_certainly_skipped_is_only_counted() {
        let kept = |skip, comparable| {
            let mut top = Top::new(4, 2, comparable);
            for (segment, first) in [(0, 5), (0, 5), (1, 4), (1, 7), (0, 9), (1, 8)] {
                top.offer(segment, candidate(first));
            }
            let (passed, candidates) = top.into_candidates(skip);
            let mut firsts: Vec<_> = candidates.into_iter().flatten().map(|candidate| candidate.first).collect();
            firsts.sort_unstable();
            (passed, firsts)
        };
        assert_eq!(kept(0, true), (0, vec![4, 5, 5, 7]));
        assert_eq!(kept(2, true), (1, vec![5, 5, 7]), "either of two that are equal may be on the page");
        assert_eq!(kept(3, true), (3, vec![7]));
        assert_eq!(kept(3, false).0, 0);
    }

    #[test]
    fn two_threads_keep_together_what_one_would_keep() {
        for by_two in [false, true] {
            assert_eq!(kept([&[9, 4, 7, 5], &[8, 6, 3]], true, by_two), [vec![4], vec![3]]);
            assert_eq!(kept([&[9, 4, 7, 5], &[8, 6, 3]], false, by_two), [vec![4, 5], vec![3, 6]]);
            assert_eq!(kept([&[], &[8]], true, by_two), [vec![], vec![8]]);
        }
    }
}
