//! A corpus as a file of LLM Log objects, for whatever else is measured with the same calls.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use schemas::event::PlainJson;
use schemas::model::Column;
use serde_json::{Map, Value, json};

use super::{Call, Corpus};

/// Writes every call, one a line.
pub(crate) fn export(corpus: &Corpus, path: &Path) -> Result<()> {
    let file = File::create(path).with_context(|| format!("{} can't be written", path.display()))?;
    let mut file = BufWriter::new(file);
    for call in corpus.all()? {
        serde_json::to_writer(&mut file, &object(&call?)?)?;
        file.write_all(b"\n")?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(())
}

fn object(call: &Call) -> Result<Map<String, Value>> {
    let mut object = Map::new();
    object.insert(Column::Id.name().to_owned(), json!(call.key.call));
    object.insert(Column::ProjectId.name().to_owned(), json!(call.key.project));
    object.insert(Column::CreatedAt.name().to_owned(), json!(call.created.to_string()));
    for (column, value) in call.data.claims() {
        object.insert(column.name().to_owned(), serde_json::to_value(PlainJson(value))?);
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use schemas::time::Date;

    use super::*;

    #[test]
    fn an_exported_corpus_is_a_file_of_the_same_texts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calls.jsonl");
        let corpus = Corpus::new(None, 20, Date(1_760_000_000_000));
        export(&corpus, &path).expect("writable");
        let again = Corpus::new(Some(&path), 20, Date(1_760_000_000_000));
        let text = |call: Result<Call>| {
            let call = call.expect("readable");
            let answer = call.data.claimed(Column::ResponsePreview).cloned();
            (call.key, call.created, answer)
        };
        let texts = |corpus: &Corpus| corpus.all().expect("readable").map(text).collect::<Vec<_>>();
        assert_eq!(texts(&corpus), texts(&again));
        assert_eq!(std::fs::read_to_string(&path).expect("readable").lines().count(), 20);
    }
}
