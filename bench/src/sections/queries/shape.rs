//! A kind of question, how quick it has to be, and how it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::base::About;
use crate::http::{Reply, post};
use crate::live::key;
use crate::load::Traffic;

/// From this many calls on, the targets are those of ten million.
const TEN_MILLION: u64 = 5_000_000;

/// A kind of question.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    pub(super) question: fn(&About, &mut StdRng) -> Question,
}

/// How quick it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Newest,
    Quick,
    Middling,
    Stats,
    RareSearch,
    FrequentSearch,
    StopWords,
    /// Reported only.
    Other,
}

impl Class {
    /// The greatest p99 while nothing else happens, in milliseconds.
    pub(crate) fn idle_ms(self, calls: u64) -> Option<f64> {
        if calls >= TEN_MILLION {
            return match self {
                Self::Newest => Some(3.0),
                Self::Quick | Self::Middling => Some(45.0),
                Self::Stats => Some(5.0),
                Self::RareSearch => Some(10.0),
                Self::FrequentSearch => Some(250.0),
                Self::StopWords | Self::Other => None,
            };
        }
        match self {
            Self::Newest | Self::Quick => Some(2.0),
            Self::Middling | Self::Stats => Some(8.0),
            Self::RareSearch => Some(3.0),
            Self::FrequentSearch => Some(60.0),
            Self::StopWords => Some(200.0),
            Self::Other => None,
        }
    }

    /// The same while calls arrive.
    pub(crate) fn busy_ms(self, calls: u64) -> Option<f64> {
        match self {
            _ if calls >= TEN_MILLION => None,
            Self::Newest | Self::Quick => Some(10.0),
            Self::Middling | Self::Stats => Some(25.0),
            Self::RareSearch => Some(12.0),
            Self::FrequentSearch => Some(60.0),
            Self::StopWords => Some(200.0),
            Self::Other => None,
        }
    }

    /// Whether one takes so long that fifty a second would be more than there is time for.
    pub(crate) fn is_heavy(self) -> bool {
        matches!(self, Self::FrequentSearch | Self::StopWords | Self::Other)
    }
}

/// One request.
#[derive(Debug)]
pub(crate) struct Question {
    pub(super) project: usize,
    pub(super) path: String,
    pub(super) body: Value,
}

/// Asks one kind of question.
#[derive(Debug)]
pub(crate) struct Asking {
    shape: &'static Shape,
    about: Arc<About>,
    /// Who asks; any project when absent.
    project: Option<usize>,
    answers: AtomicU64,
    /// The sum of the counts that answers begin with.
    counted: AtomicU64,
}

impl Asking {
    pub(crate) fn new(shape: &'static Shape, about: &Arc<About>) -> Self {
        Self { shape, about: Arc::clone(about), project: None, answers: AtomicU64::new(0), counted: AtomicU64::new(0) }
    }

    /// Asked by one project only.
    pub(crate) fn of_project(mut self, project: usize) -> Self {
        self.project = Some(project);
        self
    }

    /// Counts anew.
    pub(crate) fn forget(&self) {
        self.answers.store(0, Ordering::Relaxed);
        self.counted.store(0, Ordering::Relaxed);
    }

    /// How many calls a question finds.
    pub(crate) fn found(&self) -> String {
        match self.answers.load(Ordering::Relaxed) {
            0 => String::new(),
            answers => format!("; finds {} on average", self.counted.load(Ordering::Relaxed) / answers),
        }
    }
}

impl Traffic for Asking {
    type Sent = ();

    fn request(&self, random: &mut StdRng) -> (Vec<u8>, ()) {
        let Question { project, path, body } = (self.shape.question)(&self.about, random);
        (post(&path, &key(self.project.unwrap_or(project)).key, body.to_string().as_bytes()), ())
    }

    fn answered(&self, (): (), reply: &Reply<'_>) -> Result<()> {
        if let Some(rest) = reply.body.strip_prefix(b"{\"count\":") {
            let digits: Vec<u8> = rest.iter().copied().take_while(u8::is_ascii_digit).collect();
            let count = std::str::from_utf8(&digits)?.parse::<u64>()?;
            self.answers.fetch_add(1, Ordering::Relaxed);
            self.counted.fetch_add(count, Ordering::Relaxed);
        }
        Ok(())
    }
}
