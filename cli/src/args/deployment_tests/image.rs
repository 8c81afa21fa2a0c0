//! `Dockerfile`: its stages, and what the last one makes of the image.

use super::{Variables, read};

#[derive(Debug, Default)]
pub(super) struct Image {
    /// What each stage starts from.
    pub(super) stages: Vec<String>,
    /// What is run, of all stages, blanks made one.
    pub(super) runs: Vec<String>,
    pub(super) copied: Vec<String>,
    pub(super) variables: Variables,
    pub(super) user: String,
    pub(super) exposed: String,
    pub(super) health_check: Vec<String>,
    pub(super) entry_point: Vec<String>,
    pub(super) arguments: Vec<String>,
}

impl Image {
    pub(super) fn read() -> Self {
        let mut image = Self::default();
        for (instruction, rest) in instructions(&read("Dockerfile")) {
            image.apply(&instruction, &rest);
        }
        image
    }

    fn apply(&mut self, instruction: &str, rest: &str) {
        match instruction {
            // A stage inherits nothing of the one before.
            "FROM" => {
                let (stages, runs) = (std::mem::take(&mut self.stages), std::mem::take(&mut self.runs));
                *self = Self { stages, runs, ..Self::default() };
                self.stages.push(rest.to_owned());
            }
            "RUN" => self.runs.push(rest.to_owned()),
            "COPY" => self.copied.extend(rest.split(' ').next_back().map(str::to_owned)),
            "ENV" => self.variables.extend(rest.split(' ').map(|pair| {
                let (name, value) = pair.split_once('=').expect("NAME=VALUE");
                (name.to_owned(), value.to_owned())
            })),
            "USER" => rest.clone_into(&mut self.user),
            "EXPOSE" => rest.clone_into(&mut self.exposed),
            "HEALTHCHECK" => self.health_check = words(rest.split_once("CMD ").expect("HEALTHCHECK … CMD […]").1),
            "ENTRYPOINT" => self.entry_point = words(rest),
            "CMD" => self.arguments = words(rest),
            "WORKDIR" => {}
            other => panic!("what {other} does is not known here"),
        }
    }
}

/// The list of an instruction that runs without a shell.
fn words(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_else(|_| panic!("{json} is no list of words: a shell would get the signals"))
}

/// Each instruction with its text: remarks left out, lines joined, blanks made one.
fn instructions(text: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let single = joined.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let parts = single.filter_map(|line| {
        let (instruction, rest) = line.split_once(' ')?;
        Some((instruction.to_owned(), rest.to_owned()))
    });
    parts.collect()
}
