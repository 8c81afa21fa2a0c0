//! A read's segments, looked through by several threads while no other read needs the cores.

use std::cmp::Reverse;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tantivy::SegmentReader;

use super::{Search, SearchError, Slots};
use crate::snapshot::Segment;

impl Search {
    /// What `each` makes of all segments together: a part for each thread that looked through some, each begun by
    /// `new`. Segments come with their place in the snapshot.
    pub(crate) fn fold_segments<'s, A: Send>(
        &'s self,
        new: impl Fn() -> A + Sync,
        each: impl Fn(&mut A, usize, &'s SegmentReader, &'s Arc<Segment>) -> Result<(), SearchError> + Sync,
    ) -> Result<Vec<A>, SearchError> {
        let mut segments: Vec<_> = self.snapshot.segments().enumerate().collect();
        // The last to end should be a small one.
        segments.sort_unstable_by_key(|(_, (reader, _))| Reverse(reader.max_doc()));
        fold_with_help(&self.slots, &segments, new, |part, (at, (reader, segment))| each(part, at, reader, segment))
    }
}

/// Folds all items: on this thread, and on those of helpers as long as there may be some.
fn fold_with_help<I: Copy + Sync, A: Send>(
    slots: &Slots,
    items: &[I],
    new: impl Fn() -> A + Sync,
    each: impl Fn(&mut A, I) -> Result<(), SearchError> + Sync,
) -> Result<Vec<A>, SearchError> {
    let next = AtomicUsize::new(0);
    let work = |goes_on: &dyn Fn() -> bool| {
        let mut part = new();
        while goes_on()
            && let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed))
        {
            each(&mut part, *item).inspect_err(|_| next.store(items.len(), Ordering::Relaxed))?;
        }
        Ok(part)
    };
    thread::scope(|scope| {
        let mut helpers = Vec::new();
        while helpers.len() + 1 < items.len()
            && let Some(help) = slots.help()
        {
            let work = &work;
            helpers.push(scope.spawn(move || work(&|| !help.is_in_the_way())));
        }
        let mut parts = vec![work(&|| true)];
        parts.extend(helpers.into_iter().map(|helper| helper.join().unwrap_or_else(|panic| resume_unwind(panic))));
        // Of several errors one that says more than that the time is up.
        parts.sort_by_key(|part| matches!(part, Err(SearchError::Timeout(_))));
        parts.into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_helper_takes_items_off_the_hands_of_a_read_and_none_is_lost() {
        let slots = Slots::new(2);
        let items: Vec<u32> = (0..100).collect();
        let both = Barrier::new(2);
        let parts = fold_with_help(&slots, &items, Vec::new, |part, item| {
            // The first two can only be taken at the same time.
            if item < 2 {
                both.wait();
            }
            part.push(item);
            Ok(())
        });
        let mut taken: Vec<u32> = parts.expect("nothing fails").into_iter().flatten().collect();
        taken.sort_unstable();
        assert_eq!(taken, items, "each once");
        assert!(slots.help().is_some(), "the helper has left");
    }

    #[test]
    fn what_went_wrong_is_told_whichever_thread_it_happened_on() {
        let both = Barrier::new(2);
        let parts = fold_with_help(
            &Slots::new(2),
            &[0, 1],
            || (),
            |(), item| {
                both.wait();
                Err(if item == 0 { SearchError::Timeout("a test") } else { SearchError::Incomplete })
            },
        );
        assert!(matches!(parts, Err(SearchError::Incomplete)), "{parts:?}");
    }
}
