//! Whether what is shown of a call follows from what was sent.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use serde_json::value::RawValue;

use super::amount;
use super::columns::fields;
use super::event::Event;
use super::fold::{Row, Shown, row};
use super::ledger::{AsOf, CallName, Entry, Ledger, Places};

/// Events of one call that may be in effect or not, at most: every choice of them is looked at.
const OPEN_EVENTS: usize = 12;

/// A row as an answer shows it: texts of JSON by field.
pub type ShownRow = BTreeMap<String, Box<RawValue>>;

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceKind {
    /// An acknowledged event is not in effect.
    Lost,
    /// Something took effect twice.
    Doubled,
    /// The answer follows from no choice of events.
    Wrong,
}

/// An answer that does not follow from what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub kind: DifferenceKind,
    pub text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DifferenceKind::Lost => "lost",
            DifferenceKind::Doubled => "doubled",
            DifferenceKind::Wrong => "wrong",
        };
        write!(f, "{kind}: {}", self.text)
    }
}

impl Ledger {
    /// Checks what an answer shows of a call, when it covers the log up to these positions.
    pub fn check(&self, call: &CallName, shown: Option<&ShownRow>, positions: &Places) -> Result<(), Difference> {
        self.explain(call, shown, AsOf::Positions(positions)).map(drop)
    }

    /// The row of the call by some choice of events that explains what is shown, with all that has to be in it.
    /// What every such choice has is seen, and has to stay.
    pub(super) fn settle(&mut self, call: &CallName, shown: Option<&ShownRow>) -> Result<Option<Row>, Difference> {
        let Explained { row, always } = self.explain(call, shown, AsOf::Now)?;
        let entries = self.entries_mut(call).iter_mut();
        entries.zip(always).filter(|(_, always)| *always).for_each(|(entry, _)| entry.saw());
        Ok(row)
    }

    fn explain(&self, call: &CallName, shown: Option<&ShownRow>, as_of: AsOf<'_>) -> Result<Explained, Difference> {
        let entries = self.entries(call);
        let may: Vec<(usize, &Entry)> = entries.iter().enumerate().filter(|(_, entry)| entry.may(as_of)).collect();
        let mut explained: Option<Explained> = None;
        for choice in choices(&may, |entry| entry.must(as_of)) {
            let row = row(&choice.iter().map(|at| may_event(entries, *at)).collect::<Vec<_>>());
            if is_shown(row.as_ref(), shown) {
                let has = |at: usize| choice.contains(&at);
                match &mut explained {
                    None => explained = Some(Explained { row, always: (0..entries.len()).map(has).collect() }),
                    Some(explained) => {
                        explained.always.iter_mut().enumerate().for_each(|(at, always)| *always &= has(at));
                    }
                }
            }
        }
        explained.ok_or_else(|| self.difference(call, shown, as_of))
    }

    /// Names what is wrong: without some of what has to be there, is it explained?
    fn difference(&self, call: &CallName, shown: Option<&ShownRow>, as_of: AsOf<'_>) -> Difference {
        let entries = self.entries(call);
        let may: Vec<(usize, &Entry)> = entries.iter().enumerate().filter(|(_, entry)| entry.may(as_of)).collect();
        let lacks = choices(&may, |_| false).into_iter().find(|choice| {
            let events: Vec<&Event> = choice.iter().map(|at| may_event(entries, *at)).collect();
            is_shown(row(&events).as_ref(), shown)
        });
        let name = |at: usize| entries.get(at).map(|entry| entry.event.id()).unwrap_or_default();
        let told: Vec<String> = (0..entries.len())
            .map(|at| {
                let entry = entries.get(at);
                let is = |is: fn(&Entry, AsOf<'_>) -> bool| entry.is_some_and(|entry| is(entry, as_of));
                let known = if is(Entry::must) { "must be there" } else { "may be there" };
                let known = if is(Entry::may) { known } else { "was refused" };
                format!("{} ({known})", name(at))
            })
            .collect();
        let told = told.join("; ");
        let CallName { project, call } = call;
        if let Some(choice) = lacks {
            let there: Vec<String> = choice.into_iter().map(name).collect();
            let there = if there.is_empty() { "nothing".to_owned() } else { there.join("; ") };
            let text = format!("call {call} of {project} shows just {there} of {told}");
            return Difference { kind: DifferenceKind::Lost, text };
        }
        let must: Vec<&Event> = entries.iter().filter(|entry| entry.must(as_of)).map(|entry| &*entry.event).collect();
        let fields = differing(row(&must).as_ref(), shown).join("; ");
        let text =
            format!("call {call} of {project} is explained by no choice of {told}; with all that must be: {fields}");
        Difference { kind: DifferenceKind::Wrong, text }
    }
}

struct Explained {
    row: Option<Row>,
    /// For every event of the call, whether all choices that explain the answer have it.
    always: Vec<bool>,
}

fn may_event(entries: &[Entry], at: usize) -> &Event {
    &entries.get(at).expect("the choice is one of entries").event
}

/// Every choice of events that has what it must, as places among the entries.
fn choices(may: &[(usize, &Entry)], must: impl Fn(&Entry) -> bool) -> Vec<Vec<usize>> {
    let (fixed, open): (Vec<_>, Vec<_>) = may.iter().partition(|(_, entry)| must(entry));
    assert!(open.len() <= OPEN_EVENTS, "a call has {} events that may be there or not", open.len());
    let choice = |bits: usize| {
        let open = open.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, open)| open);
        fixed.iter().chain(open).map(|(at, _)| *at).collect()
    };
    (0..1 << open.len()).map(choice).collect()
}

fn is_shown(row: Option<&Row>, shown: Option<&ShownRow>) -> bool {
    match (row, shown) {
        (None, None) => true,
        (Some(row), Some(shown)) => fields().all(|name| is_field(row.get(name), shown.get(name).map(Box::as_ref))),
        _ => false,
    }
}

fn is_field(expected: Option<&Shown>, shown: Option<&RawValue>) -> bool {
    let Some(shown) = shown else { return false };
    match expected {
        Some(Shown::NanoUsd(amount)) => shown.get() == amount::cents(*amount),
        Some(Shown::Json(value)) => serde_json::from_str::<Value>(shown.get()).is_ok_and(|shown| shown == *value),
        None => false,
    }
}

fn differing(row: Option<&Row>, shown: Option<&ShownRow>) -> Vec<String> {
    let (Some(row), Some(shown)) = (row, shown) else {
        let is = |is_some: bool| if is_some { "shown" } else { "not shown" };
        return vec![format!("it is {} and should be {}", is(shown.is_some()), is(row.is_some()))];
    };
    let fields = fields().filter(|name| !is_field(row.get(name), shown.get(*name).map(Box::as_ref)));
    fields
        .map(|name| {
            let shown = shown.get(name).map_or("nothing", |shown| shown.get());
            format!("{name} is {shown} and should be {:?}", row.get(name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::event::EventKind;
    use super::super::fold::instant;
    use super::super::ledger::Attempt;
    use super::*;

    fn event(kind: EventKind, second: i64, data: &Value) -> Arc<Event> {
        let call = CallName { project: "p".to_owned(), call: "c".to_owned() };
        let data = data.as_object().cloned().unwrap_or_default();
        Arc::new(Event { kind, call, time: instant(second * 1000), data, word: String::new() })
    }

    /// What a faultless product shows when these are in effect.
    fn shown(events: &[&Event]) -> Option<ShownRow> {
        let raw = |text: String| RawValue::from_string(text).expect("JSON");
        let text = |shown| match shown {
            Shown::Json(value) => raw(value.to_string()),
            Shown::NanoUsd(amount) => raw(amount::cents(amount)),
        };
        Some(row(events)?.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect())
    }

    struct World {
        ledger: Ledger,
        started: Arc<Event>,
        completed: Arc<Event>,
        call: CallName,
    }

    /// A start that is acknowledged at the offset 4 and a completion that is only sent.
    fn world() -> (World, Attempt) {
        let started = event(EventKind::Started, 1, &json!({"requestPrompt": "why"}));
        let completed = event(EventKind::Completed, 2, &json!({"totalTokens": 7}));
        let mut ledger = Ledger::default();
        let attempt = ledger.sending(&started);
        ledger.acknowledged(attempt, Some((0, 4)));
        let attempt = ledger.sending(&completed);
        let call = started.call.clone();
        (World { ledger, started, completed, call }, attempt)
    }

    #[test]
    fn an_event_without_an_answer_may_be_there_or_not_but_whole() {
        let (World { mut ledger, started, completed, call }, attempt) = world();
        ledger.unknown(attempt);
        let half = json!({"totalTokens": 7}).as_object().cloned().unwrap_or_default();
        let half = Event { data: half, ..Event::clone(&started) };
        assert!(ledger.settle(&call, shown(&[&half]).as_ref()).is_err());
        assert!(ledger.settle(&call, shown(&[&started]).as_ref()).is_ok());
        assert!(ledger.settle(&call, shown(&[&started, &completed]).as_ref()).is_ok());
        // Once it was seen it has to stay.
        let gone = ledger.settle(&call, shown(&[&started]).as_ref()).expect_err("it was seen");
        assert_eq!(gone.kind, DifferenceKind::Lost, "{gone}");
    }

    #[test]
    fn an_acknowledged_event_that_is_not_shown_is_lost_from_its_position_on() {
        let (World { ledger, started, completed, call }, _) = world();
        let lost = |ledger: &Ledger, positions: &[(u32, u64)], shown: Option<ShownRow>| {
            let positions = positions.iter().copied().collect();
            ledger.check(&call, shown.as_ref(), &positions).err().map(|difference| difference.kind)
        };
        assert_eq!(lost(&ledger, &[(0, 4)], None), None);
        assert_eq!(lost(&ledger, &[(0, 5)], None), Some(DifferenceKind::Lost));
        assert_eq!(lost(&ledger, &[(0, 5)], shown(&[&completed])), Some(DifferenceKind::Lost));
        assert_eq!(lost(&ledger, &[(0, 5)], shown(&[&started, &completed])), None);
    }

    #[test]
    fn a_refused_event_must_not_be_there() {
        let (World { mut ledger, started, completed, call }, attempt) = world();
        ledger.refused(attempt);
        let there = ledger.settle(&call, shown(&[&started, &completed]).as_ref()).expect_err("it was refused");
        assert_eq!(there.kind, DifferenceKind::Wrong, "{there}");
    }
}
