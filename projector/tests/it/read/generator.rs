//! Calls, filters and orders made from a seed, with values that meet each other often.

use schemas::access::ReadScope;
use schemas::event::{CallEvent, CallEventType};
use schemas::like::{LikePattern, Place};
use schemas::model::{Column, ColumnType, Relation};
use schemas::money::NanoUsd;
use schemas::query::{Bound, Bounds, Filter, RelatedField, SortBy, SortKey, TextQuery};
use schemas::reference::Viewers;
use schemas::time::Date;
use schemas::value::Value;
use uuid::Uuid;

use super::world::{FIRST, SECOND, event};

const DAY: i64 = 86_400_000;
/// Texts with accents, several scripts, empty ones, and some that differ only after the head.
const TEXTS: [&str; 16] = [
    "",
    "The quick brown fox jumps over the lazy dog",
    "Crème brûlée, please: the recipe for two",
    "creme brulee recipe",
    "Größe und Straße in München",
    "请用中文回答这个问题",
    "東京タワーはどこですか",
    "한국어로 대답해 주세요",
    "emoji 🎉 party 👩‍👩‍👧 time",
    "rate limit exceeded: retry-after 30s",
    "a text whose first sixty-four bytes are the same as those of one more: A",
    "a text whose first sixty-four bytes are the same as those of one more: B",
    "a text whose first sixty-four bytes are the same as those of one mor",
    "日本日本日本日本日本日本日本日本日本日本日本: one",
    "日本日本日本日本日本日本日本日本日本日本日本: two",
    "the fox and the FOX and the föx",
];
const WORDS: [&str; 16] = [
    "the",
    "fox",
    "FÖX",
    "creme",
    "crème",
    "brulee",
    "recipe",
    "中文",
    "回答这",
    "東京",
    "タワー",
    "한국어",
    "limit",
    "retry-after",
    "🎉",
    "straße",
];
const SHORT: [&str; 7] = ["", "gpt-4o", "gpt-4o-mini", "claude", "Ä", "ä", "日本"];
const STATUSES: [&str; 4] = ["Success", "Error", "Budget Exceeded", "Running"];

pub(super) struct Generator(u64);

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn small(&mut self, end: u32) -> i64 {
        i64::try_from(self.below(u64::from(end))).expect("small")
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        *of.get(usize::try_from(self.below(of.len() as u64)).expect("small")).expect("not empty")
    }

    fn often(&mut self, of_ten: u64) -> bool {
        self.below(10) < of_ten
    }

    /// Instants around midnight, some the same, rarely one of another age.
    fn instant(&mut self) -> i64 {
        match self.below(12) {
            0 => -DAY - 1,
            1 => 4_000_000_000_000,
            _ => 20_000 * DAY + self.small(4) * DAY + self.pick(&[0, 1, DAY / 2, DAY - 1]),
        }
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u128(u128::from(self.below(30)) << self.pick(&[0, 64]))
    }

    pub(super) fn value(&mut self, column: Column) -> Value {
        match column.column_type() {
            ColumnType::ObjectId if column == Column::ProjectId => Value::Id(self.pick(&[FIRST, SECOND]).0),
            ColumnType::ObjectId => Value::Id(self.id()),
            ColumnType::Date => Value::Date(Date(self.instant())),
            ColumnType::Number => Value::Number(self.small(5)),
            ColumnType::Cents => Value::Cents(NanoUsd(self.small(5) * 10_000_000 - 10_000_000)),
            ColumnType::Boolean => Value::Boolean(self.often(5)),
            ColumnType::Text if column == Column::Status => Value::text(self.pick(&STATUSES)),
            ColumnType::Text => Value::text(self.pick(&SHORT)),
            ColumnType::LongText | ColumnType::VeryLongText => Value::text(self.pick(&TEXTS)),
            ColumnType::Relation(_) => Value::Null,
        }
    }

    pub(super) fn event(&mut self) -> CallEvent {
        use CallEventType::{Abandoned, Annotated, Completed, Erased, Failed, Recorded, Started};
        let event_type = self
            .pick(&[Started, Started, Completed, Completed, Failed, Recorded, Recorded, Annotated, Abandoned, Erased]);
        let event_type = if event_type == Erased && self.often(7) { Completed } else { event_type };
        let mut claims = Vec::new();
        if event_type == Recorded {
            claims.push((Column::Status, self.value(Column::Status)));
        }
        for column in Column::ALL.into_iter().filter(|column| column.is_claimable()) {
            if event_type.may_claim(column) && column != Column::Status && self.often(5) {
                let value = if self.often(2) { Value::Null } else { self.value(column) };
                claims.push((column, value));
            }
        }
        let (project, call) = (self.pick(&[FIRST, FIRST, SECOND]), self.id());
        event(event_type, project, call.as_u128(), self.instant(), claims)
    }

    pub(super) fn scope(&mut self) -> ReadScope {
        match self.below(4) {
            0 => ReadScope::EveryProject,
            1 => ReadScope::Project(SECOND),
            _ => ReadScope::Project(FIRST),
        }
    }

    pub(super) fn column(&mut self) -> Column {
        let scalars: Vec<Column> = Column::ALL.into_iter().filter(|column| column.relation().is_none()).collect();
        self.pick(&scalars)
    }

    pub(super) fn filter(&mut self, depth: u32) -> Filter {
        let some = |generator: &mut Self| {
            (0..generator.below(4)).map(|_| generator.filter(depth.saturating_sub(1))).collect::<Vec<_>>()
        };
        match self.below(if depth == 0 { 7 } else { 11 }) {
            0 => Filter::Null(self.column()),
            1 => self.condition(|generator, column| Filter::Equal(column, generator.value(column))),
            2 => self.condition(|generator, column| {
                let values = (0..generator.below(4)).map(|_| generator.value(column)).collect();
                Filter::OneOf(column, values)
            }),
            3 | 4 => self.condition(|generator, column| {
                let mut bound = || {
                    let value = generator.value(column);
                    let inclusive = generator.often(5);
                    generator.often(7).then_some(Bound { value, inclusive })
                };
                Filter::Range(column, Bounds { lower: bound(), upper: bound() })
            }),
            5 => {
                let columns = [Column::RequestPrompt, Column::ResponsePreview, Column::StatusMessage];
                let first = self.pick(&columns);
                let columns = if self.often(5) { columns.to_vec() } else { vec![first] };
                Filter::FullText(columns, self.text_query(2))
            }
            6 => {
                let (column, other) = (self.column(), self.column());
                let place = self.pick(&[Place::Anywhere, Place::Start, Place::End]);
                let wanted = self.pick(&["e", "the", "o\u{308}", "本日", "r%e", "s_", "1", "-", "00", "a: "]);
                Filter::Like(vec![column, other], LikePattern::new(wanted, place).expect("a pattern"))
            }
            7 => Filter::Any(some(self)),
            8 => Filter::Not(Box::new(self.filter(depth - 1))),
            _ => Filter::All(some(self)),
        }
    }

    /// A filter that the counters can answer, over whole days.
    pub(super) fn counted_filter(&mut self, depth: u32) -> Filter {
        let some = |generator: &mut Self| {
            (0..generator.below(3)).map(|_| generator.counted_filter(depth.saturating_sub(1))).collect::<Vec<_>>()
        };
        let column = self.pick(&[Column::ProjectId, Column::ModelName, Column::Status]);
        match self.below(if depth == 0 { 4 } else { 7 }) {
            0 => Filter::Null(column),
            1 => Filter::Equal(column, self.value(column)),
            2 => Filter::OneOf(column, (0..self.below(4)).map(|_| self.value(column)).collect()),
            3 => {
                let day = |generator: &mut Self| (20_000 + generator.small(5)) * DAY;
                let lower = Bound { value: Value::Date(Date(day(self) - 1)), inclusive: false };
                let upper = Bound { value: Value::Date(Date(day(self))), inclusive: false };
                let bounds = Bounds { lower: self.often(7).then_some(lower), upper: self.often(7).then_some(upper) };
                Filter::Range(Column::CreatedAt, bounds)
            }
            4 => Filter::Any(some(self)),
            5 => Filter::Not(Box::new(self.counted_filter(depth - 1))),
            _ => Filter::All(some(self)),
        }
    }

    fn condition(&mut self, of: impl FnOnce(&mut Self, Column) -> Filter) -> Filter {
        let column = self.column();
        of(self, column)
    }

    fn text_query(&mut self, depth: u32) -> TextQuery {
        let some = |generator: &mut Self| {
            (0..generator.below(3)).map(|_| generator.text_query(depth.saturating_sub(1))).collect::<Vec<_>>()
        };
        match self.below(if depth == 0 { 4 } else { 7 }) {
            0 | 1 => TextQuery::Term(self.pick(&WORDS).to_owned()),
            2 => TextQuery::Phrase(format!("{} {}", self.pick(&WORDS), self.pick(&WORDS))),
            3 => {
                let word = self.pick(&WORDS);
                let end = usize::try_from(self.below(word.len() as u64 + 1)).expect("small");
                TextQuery::Prefix(word[..word.floor_char_boundary(end)].to_owned())
            }
            4 => TextQuery::Any(some(self)),
            5 => TextQuery::Not(Box::new(self.text_query(depth - 1))),
            _ => TextQuery::All(some(self)),
        }
    }

    pub(super) fn sort(&mut self) -> Vec<SortKey> {
        let keys = self.below(4);
        let key = |generator: &mut Self| {
            let by = match generator.below(10) {
                0..3 => SortBy::Column(Column::CreatedAt),
                3..5 => {
                    let relation = generator.pick(&Relation::ALL);
                    SortBy::Related(generator.related(relation).into())
                }
                _ => SortBy::Column(generator.column()),
            };
            let (descending, nulls_first) = (generator.often(5), generator.often(5));
            SortKey { by, descending, nulls_first }
        };
        (0..keys).map(|_| key(self)).collect()
    }

    /// What the rows of a relation have in some field. Most ids have a row, which all see or some.
    pub(super) fn related(&mut self, relation: Relation) -> RelatedField {
        let row = |generator: &mut Self| {
            let id = if relation == Relation::Project { generator.pick(&[FIRST, SECOND]).0 } else { generator.id() };
            let text = format!("{}{}", generator.pick(&SHORT), generator.below(3));
            let value = if generator.often(2) { Value::Null } else { Value::text(text) };
            (generator.pick(&[Viewers::All, Viewers::Of(FIRST), Viewers::Of(SECOND)]), id, value)
        };
        let rows = self.below(60);
        RelatedField::new(relation, (0..rows).map(|_| row(self)).collect::<Vec<_>>())
    }
}
