//! The description of an API in OpenAPI, and whether answers are as it says.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::client::Answer;

/// The header that every answer to a read has.
const POSITIONS: &str = "llm-log-positions";

/// A described answer: method, path with its placeholders, status.
pub type DescribedAnswer = (String, String, String);

/// What a server says of itself at `/openapi.json`.
#[derive(Debug)]
pub struct Description {
    document: Value,
    validators: BTreeMap<(DescribedAnswer, String), Validator>,
    seen: BTreeSet<DescribedAnswer>,
}

impl Description {
    pub fn new(document: Value) -> Self {
        Self { document, validators: BTreeMap::new(), seen: BTreeSet::new() }
    }

    /// Checks documents against a schema, which may name others of the description.
    ///
    /// # Panics
    /// When it is no schema, or names one that is not there.
    pub fn validator(&self, schema: &Value) -> Validator {
        let whole = json!({ "allOf": [schema], "components": self.document.get("components") });
        let options = jsonschema::options().should_validate_formats(true);
        options.build(&whole).expect("a schema, and every schema that is named is there")
    }

    /// Checks documents against the schema of this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn named(&self, name: &str) -> Validator {
        self.validator(&json!({ "$ref": format!("#/components/schemas/{name}") }))
    }

    /// Every answer that is described.
    pub fn described(&self) -> BTreeSet<DescribedAnswer> {
        let mut found = BTreeSet::new();
        for (path, methods) in members(self.document.get("paths")) {
            for (method, operation) in members(Some(methods)) {
                for (status, _) in members(operation.get("responses")) {
                    found.insert((method.to_uppercase(), path.clone(), status.clone()));
                }
            }
        }
        found
    }

    /// The answers that are described and were never seen.
    pub fn unseen(&self) -> BTreeSet<DescribedAnswer> {
        &self.described() - &self.seen
    }

    /// Everything in which the answer is not as described: its status, type, headers and body.
    pub fn check(&mut self, method: &str, path: &str, answer: &Answer) -> Vec<String> {
        let Some(template) = self.template(method, path) else {
            return vec![format!("the page {method} {path} is not described")];
        };
        let status = answer.status.to_string();
        let Some(described) = self.response(&template, method, &status).cloned() else {
            return vec![format!("the status {status} is not described: {}", answer.text())];
        };
        let mut found = Vec::new();
        for (name, header) in members(described.get("headers")) {
            match answer.header(name) {
                None => found.push(format!("the header {name} is missing")),
                Some(value)
                    if header.pointer("/schema/type").is_some_and(|kind| kind == "integer")
                        && value.parse::<u64>().is_err() =>
                {
                    found.push(format!("the header {name} is no whole number: {value}"));
                }
                Some(_) => {}
            }
        }
        if answer.header(POSITIONS).is_some() && described.pointer("/headers/Llm-Log-Positions").is_none() {
            found.push("the positions are not described".to_owned());
        }
        let content_type = answer.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
        match described.get("content").and_then(|content| content.get(&media_type)) {
            None => found.push(format!("the content type {content_type:?} is not described for {status}")),
            Some(content) => {
                let schema = content.get("schema").cloned().unwrap_or_default();
                let body = if media_type == "application/json" {
                    serde_json::from_slice(&answer.body).unwrap_or_else(|error| json!({ "no JSON": error.to_string() }))
                } else {
                    Value::from(answer.text())
                };
                let key = ((method.to_uppercase(), template.clone(), status.clone()), media_type);
                if !self.validators.contains_key(&key) {
                    let validator = self.validator(&schema);
                    self.validators.insert(key.clone(), validator);
                }
                let validator = self.validators.get(&key).expect("it was just put there");
                found.extend(validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())));
            }
        }
        self.seen.insert((method.to_uppercase(), template, status));
        found
    }

    fn response(&self, template: &str, method: &str, status: &str) -> Option<&Value> {
        let operation = self.document.get("paths")?.get(template)?.get(method.to_lowercase())?;
        operation.get("responses")?.get(status)
    }

    /// The described path that this one is of.
    fn template(&self, method: &str, path: &str) -> Option<String> {
        let path = path.split('?').next().unwrap_or_default();
        let fits = |template: &str| {
            let (described, actual): (Vec<&str>, Vec<&str>) =
                (template.split('/').collect(), path.split('/').collect());
            let equal = |(described, actual): (&&str, &&str)| described == actual || described.starts_with('{');
            described.len() == actual.len() && described.iter().zip(&actual).all(equal)
        };
        let of_method = |page: &Value| page.get(method.to_lowercase()).is_some();
        let pages = members(self.document.get("paths")).filter(|(template, page)| fits(template) && of_method(page));
        // A path that stands there as it is comes before one with placeholders.
        pages.map(|(template, _)| template.clone()).min_by_key(|template| template.matches('{').count())
    }
}

fn members(object: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    object.and_then(Value::as_object).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        let number = json!({ "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Count" } } },
            "headers": { "Retry-After": { "schema": { "type": "integer" } } }, "description": "x" });
        Description::new(json!({
            "paths": { "/calls/{id}": { "get": { "responses": { "200": number } } },
                "/calls/count": { "get": { "responses": { "503": number } } } },
            "components": { "schemas": { "Count": { "type": "integer", "minimum": 0 } } },
        }))
    }

    fn found(path: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Vec<String> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        description().check("GET", path, &Answer { status, headers, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        let json = ("content-type", "application/json; charset=utf-8");
        let good = [json, ("retry-after", "1")];
        assert_eq!(found("/calls/7", 200, &good, "7"), [""; 0]);
        assert_eq!(found("/calls/count", 503, &good, "7"), [""; 0]);
        for (path, status, headers, body, difference) in [
            ("/other", 200, &good[..], "7", "the page GET /other is not described"),
            ("/calls/7", 503, &good, "7", "the status 503 is not described: 7"),
            ("/calls/7", 200, &[json], "7", "the header Retry-After is missing"),
            ("/calls/7", 200, &[json, ("retry-after", "soon")], "7", "the header Retry-After is no whole number: soon"),
            ("/calls/7", 200, &good, "-7", ": -7 is less than the minimum of 0"),
            ("/calls/7", 200, &good, "<html>", ": {"),
            ("/calls/7", 200, &[good[1], ("content-type", "text/html")], "7", "the content type \"text/html\" is not"),
            ("/calls/7", 200, &[good[0], good[1], (POSITIONS, "x")], "7", "the positions are not described"),
        ] {
            let found = found(path, status, headers, body);
            assert!(found.iter().any(|found| found.starts_with(difference)), "{difference}: {found:?}");
        }
    }

    #[test]
    fn what_was_never_seen_is_told() {
        let mut description = description();
        assert_eq!(description.unseen().len(), 2);
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        description.check("GET", "/calls/7?a=b", &Answer { status: 200, headers, body: b"7".to_vec() });
        let unseen = ("GET".to_owned(), "/calls/count".to_owned(), "503".to_owned());
        assert_eq!(description.unseen(), BTreeSet::from([unseen]));
    }
}
