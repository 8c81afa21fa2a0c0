//! The fields of the index. A document is one call, as the fold left it.

use schemas::model::{Column, ColumnType};
use tantivy::schema::{
    BytesOptions, FAST, Field, INDEXED, IndexRecordOption, NumericOptions, STORED, Schema, SchemaBuilder,
    TextFieldIndexing, TextOptions,
};

/// The tokenizer of the long texts, registered on every index that is opened.
pub const WORDS: &str = "llm-log-words";
/// The tokenizer that keeps a text whole.
const WHOLE: &str = "raw";

/// The long texts: indexed by word.
pub const LONG_TEXTS: [Column; 3] = [Column::StatusMessage, Column::RequestPrompt, Column::ResponsePreview];

/// The fields of the index.
#[derive(Debug, Clone)]
pub struct CallFields {
    pub schema: Schema,
    /// The 32 bytes of project and call id, indexed: the term that finds and deletes a call.
    pub key: Field,
    /// The stored state, as `schemas::fold::CallState::encode` writes it.
    pub state: Field,
    /// The call's home partition.
    pub partition: Field,
    /// Indexed `1` on calls that queries show; tombstones and calls known by annotations only lack it, and
    /// every field below.
    pub visible: Field,
    /// The call id's two halves, fast: every order ends in them, and `_id` is compared by them.
    pub id_high: Field,
    pub id_low: Field,
    /// Indexed `1` on calls with a run of letters too long for a word, which the index holds cut.
    pub cut_words: Field,
    /// By [`Column`], for every column that is kept exactly: [`ColumnField::Exact`] or [`ColumnField::Long`].
    columns: Vec<(Column, ColumnField)>,
}

/// How a column is indexed.
#[derive(Debug, Clone, Copy)]
pub enum ColumnField {
    /// Texts and ids (hyphenated, lower case): a whole term and a fast column, absent when null.
    Whole(Field),
    /// Whole numbers, dates (milliseconds) and amounts (nano-dollars): a fast i64, absent when null.
    Number(Field),
    /// A fast bool.
    Boolean(Field),
    /// A long text.
    Long(LongTextFields),
}

#[derive(Debug, Clone, Copy)]
pub struct LongTextFields {
    /// The words with their positions.
    pub words: Field,
    /// Fast u64: xxh3-64 of the text; absent when the text is null.
    pub hash: Field,
    /// Fast bytes: the first [`HEAD_BYTES`] bytes of the text, for sorting; absent when the text is null.
    pub head: Field,
}

/// How many bytes of a long text its order goes by.
pub const HEAD_BYTES: usize = 64;

impl CallFields {
    pub fn new() -> Self {
        let mut builder = Schema::builder();
        let key = builder.add_bytes_field("key", BytesOptions::from(INDEXED));
        let state = builder.add_bytes_field("state", BytesOptions::from(STORED));
        let partition = builder.add_u64_field("partition", FAST);
        let visible = builder.add_u64_field("visible", INDEXED);
        let id_high = builder.add_u64_field("id_high", FAST);
        let id_low = builder.add_u64_field("id_low", FAST);
        let cut_words = builder.add_u64_field("cut_words", INDEXED);
        let columns = Column::ALL
            .into_iter()
            .filter(|column| column.is_claimable() || is_folded(*column))
            .map(|column| (column, column_field(&mut builder, column)))
            .collect();
        let schema = builder.build();
        Self { schema, key, state, partition, visible, id_high, id_low, cut_words, columns }
    }

    /// The column's field; none for relations and for columns that are the same in every call.
    pub fn column(&self, column: Column) -> Option<ColumnField> {
        self.columns.iter().find(|(known, _)| *known == column).map(|(_, field)| *field)
    }

    pub fn columns(&self) -> &[(Column, ColumnField)] {
        &self.columns
    }
}

impl Default for CallFields {
    fn default() -> Self {
        Self::new()
    }
}

fn is_folded(column: Column) -> bool {
    matches!(column, Column::ProjectId | Column::CreatedAt | Column::UpdatedAt | Column::Version)
}

fn column_field(builder: &mut SchemaBuilder, column: Column) -> ColumnField {
    let name = column.name();
    match column.column_type() {
        ColumnType::ObjectId | ColumnType::Text | ColumnType::Relation(_) => {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(WHOLE)
                .set_index_option(IndexRecordOption::Basic)
                .set_fieldnorms(false);
            let options = TextOptions::default().set_indexing_options(indexing).set_fast(WHOLE);
            ColumnField::Whole(builder.add_text_field(name, options))
        }
        ColumnType::Date | ColumnType::Number | ColumnType::Cents => {
            ColumnField::Number(builder.add_i64_field(name, NumericOptions::from(FAST)))
        }
        ColumnType::Boolean => ColumnField::Boolean(builder.add_bool_field(name, NumericOptions::from(FAST))),
        ColumnType::LongText | ColumnType::VeryLongText => {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(WORDS)
                .set_index_option(IndexRecordOption::WithFreqsAndPositions)
                .set_fieldnorms(true);
            ColumnField::Long(LongTextFields {
                words: builder.add_text_field(name, TextOptions::default().set_indexing_options(indexing)),
                hash: builder.add_u64_field(&format!("{name}_hash"), FAST),
                head: builder.add_bytes_field(&format!("{name}_head"), BytesOptions::from(FAST)),
            })
        }
    }
}
