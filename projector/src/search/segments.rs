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
    /// What `each` makes of every segment, in no order.
    pub(crate) fn each_segment<T: Send>(
        &self,
        each: impl Fn(&SegmentReader, &Arc<Segment>) -> Result<T, SearchError> + Sync,
    ) -> Result<Vec<T>, SearchError> {
        let mut segments: Vec<_> = self.snapshot.segments().collect();
        // The last to end should be a small one.
        segments.sort_unstable_by_key(|(reader, _)| Reverse(reader.max_doc()));
        with_help(&self.slots, &segments, |(reader, segment)| each(reader, segment))
    }
}

/// What `each` makes of every item: on this thread, and on those of helpers as long as there may be some.
fn with_help<I: Sync, T: Send>(
    slots: &Slots,
    items: &[I],
    each: impl Fn(&I) -> Result<T, SearchError> + Sync,
) -> Result<Vec<T>, SearchError> {
    let next = AtomicUsize::new(0);
    let work = |goes_on: &dyn Fn() -> bool| {
        let mut made = Vec::new();
        while goes_on()
            && let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed))
        {
            made.push(each(item).inspect_err(|_| next.store(items.len(), Ordering::Relaxed))?);
        }
        Ok(made)
    };
    thread::scope(|scope| {
        let mut helpers = Vec::new();
        while helpers.len() + 1 < items.len()
            && let Some(help) = slots.help()
        {
            let work = &work;
            helpers.push(scope.spawn(move || work(&|| !help.is_in_the_way())));
        }
        let mut made = vec![work(&|| true)];
        made.extend(helpers.into_iter().map(|helper| helper.join().unwrap_or_else(|panic| resume_unwind(panic))));
        all(made)
    })
}

/// What all threads made, or why not: of several errors one that says more than that the time is up.
fn all<T>(made: Vec<Result<Vec<T>, SearchError>>) -> Result<Vec<T>, SearchError> {
    let (made, mut errors): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    errors.sort_by_key(|error| matches!(error, Err(SearchError::Timeout(_))));
    Ok(errors.into_iter().chain(made).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_helper_takes_items_off_the_hands_of_a_read_and_none_is_lost() {
        let slots = Slots::new(2);
        let items: Vec<u32> = (0..100).collect();
        let both = Barrier::new(2);
        let made = with_help(&slots, &items, |item| {
            // The first two can only be made at the same time.
            if *item < 2 {
                both.wait();
            }
            Ok(*item)
        });
        let made = made.expect("nothing fails");
        assert_eq!(made.len(), items.len(), "each once");
        assert_eq!(made.into_iter().collect::<BTreeSet<_>>(), items.into_iter().collect());
        assert!(slots.help().is_some(), "the helper has left");
    }

    #[test]
    fn what_went_wrong_is_told_whichever_thread_it_happened_on() {
        let both = Barrier::new(2);
        let made = with_help(&Slots::new(2), &[0, 1], |item| {
            both.wait();
            match item {
                0 => Err::<(), _>(SearchError::Timeout("a test")),
                _ => Err(SearchError::Incomplete),
            }
        });
        assert!(matches!(made, Err(SearchError::Incomplete)), "{made:?}");
    }
}
