//! What was sent and what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::Event;

/// The place of a record: its partition, and its offset there.
pub type Places = BTreeMap<u32, u64>;

/// A call, as its project knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallName {
    pub project: String,
    pub call: String,
}

/// One sending of an event.
#[derive(Debug, Clone)]
#[must_use = "an attempt has an outcome"]
pub struct Attempt {
    call: CallName,
    at: usize,
}

/// All that was sent, by call.
#[derive(Debug, Default)]
pub struct Ledger {
    calls: BTreeMap<CallName, Vec<Entry>>,
}

/// An event with what is known of all its sendings together.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) event: Arc<Event>,
    /// Sendings without an outcome so far.
    open: u32,
    /// Some sending has an outcome that nobody knows.
    is_unknown: bool,
    is_acknowledged: bool,
    /// Where it was acknowledged first, if the acknowledgement said so.
    place: Option<(u32, u64)>,
    /// An answer showed its effect.
    is_seen: bool,
}

/// Which answer is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) enum AsOf<'a> {
    /// One that covers the log up to these positions.
    Positions(&'a Places),
    /// One that covers all that is acknowledged.
    Now,
}

/// How many events there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LedgerCounts {
    pub calls: usize,
    pub acknowledged: usize,
    pub unknown: usize,
}

impl LedgerCounts {
    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            acknowledged: self.acknowledged + other.acknowledged,
            unknown: self.unknown + other.unknown,
        }
    }
}

impl Entry {
    /// Whether the answer has to show its effect.
    pub(super) fn must(&self, as_of: AsOf<'_>) -> bool {
        match (as_of, self.place) {
            _ if self.is_seen => true,
            (AsOf::Positions(positions), Some((partition, offset))) => {
                positions.get(&partition).is_some_and(|next| offset < *next)
            }
            (AsOf::Positions(_), None) => false,
            (AsOf::Now, _) => self.is_acknowledged,
        }
    }

    /// Whether the answer may show its effect.
    pub(super) fn may(&self, as_of: AsOf<'_>) -> bool {
        self.is_acknowledged || self.is_unknown || self.open > 0 || self.must(as_of)
    }

    pub(super) fn saw(&mut self) {
        self.is_seen = true;
    }
}

impl Ledger {
    /// Notes that an event is about to be sent. From here on it may be in effect.
    pub fn sending(&mut self, event: &Arc<Event>) -> Attempt {
        let entries = self.calls.entry(event.call.clone()).or_default();
        let at = entries.iter().position(|entry| entry.event == *event).unwrap_or(entries.len());
        if at == entries.len() {
            entries.push(Entry {
                event: Arc::clone(event),
                open: 0,
                is_unknown: false,
                is_acknowledged: false,
                place: None,
                is_seen: false,
            });
        }
        if let Some(entry) = entries.get_mut(at) {
            entry.open += 1;
        }
        Attempt { call: event.call.clone(), at }
    }

    /// The event is durable, at this place if it was told.
    pub fn acknowledged(&mut self, attempt: Attempt, place: Option<(u32, u64)>) {
        self.end(attempt, |entry| {
            entry.is_acknowledged = true;
            entry.place = entry.place.or(place);
        });
    }

    /// The answer says that nothing was appended.
    pub fn refused(&mut self, attempt: Attempt) {
        self.end(attempt, |_| {});
    }

    /// Nobody knows whether the event was appended.
    pub fn unknown(&mut self, attempt: Attempt) {
        self.end(attempt, |entry| entry.is_unknown = true);
    }

    fn end(&mut self, Attempt { call, at }: Attempt, outcome: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.calls.get_mut(&call).and_then(|entries| entries.get_mut(at)) {
            entry.open -= 1;
            outcome(entry);
        }
    }

    /// The calls of a project, in the order of their ids.
    pub fn calls_of<'a>(&'a self, project: &'a str) -> impl Iterator<Item = &'a CallName> {
        self.calls.keys().filter(move |call| call.project == project)
    }

    /// The first call of its project with this id or a greater one.
    pub fn call_from(&self, from: &CallName) -> Option<CallName> {
        let (call, _) = self.calls.range(from..).next()?;
        (call.project == from.project).then(|| call.clone())
    }

    /// The word that only this call's texts have.
    pub(super) fn word(&self, call: &CallName) -> Option<&str> {
        self.entries(call).first().map(|entry| entry.event.word.as_str())
    }

    pub(super) fn entries(&self, call: &CallName) -> &[Entry] {
        self.calls.get(call).map_or(&[], Vec::as_slice)
    }

    pub(super) fn entries_mut(&mut self, call: &CallName) -> &mut [Entry] {
        self.calls.get_mut(call).map_or(&mut [], Vec::as_mut_slice)
    }

    /// The next position after every acknowledged event, of each partition.
    pub fn acknowledged_positions(&self) -> Places {
        let mut positions = Places::new();
        for (partition, offset) in self.calls.values().flatten().filter_map(|entry| entry.place) {
            let next = positions.entry(partition).or_default();
            *next = (*next).max(offset + 1);
        }
        positions
    }

    pub fn counts(&self) -> LedgerCounts {
        let entries = || self.calls.values().flatten();
        LedgerCounts {
            calls: self.calls.len(),
            acknowledged: entries().filter(|entry| entry.is_acknowledged).count(),
            unknown: entries().filter(|entry| !entry.is_acknowledged && entry.is_unknown).count(),
        }
    }
}
