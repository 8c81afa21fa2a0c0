//! Three times as much as can be taken, and one project that asks for all there is.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use serde_json::json;

use super::queries::{Asking, SHAPES, Shape};
use crate::args::Section;
use crate::base::About;
use crate::corpus::Words;
use crate::http::{get, post};
use crate::lab::{Lab, NO_LIMITS, PATIENCE, Running};
use crate::limits::{Web, bare};
use crate::live::{BATCH, Live, key};
use crate::load::{Driving, Plan, Rhythm, Tally, drive};
use crate::metrics::{Sampling, greatest, later_thirds};
use crate::output::progress;
use crate::report::{Row, Unit};

const SECTION: Section = Section::Overload;
/// Events of one request of the load.
const EVENTS: u32 = 200;
/// How many times as much as can be taken is sent.
const TIMES: f64 = 3.0;
/// Requests a second of a project that is quiet.
const CALM: f64 = 100.0;
/// The project that is alone with its requests, and the noisy one.
const QUIET: usize = 7;
const NOISY: usize = 0;

pub(crate) async fn measure(lab: &mut Lab) -> Result<()> {
    let base = lab.base().await?;
    let running = Running::spawn(&base.data, &[])?.ready().await?;
    flood(lab, &running, &base.about).await?;
    running.stop().await?;
    let running = Running::spawn(&base.data, &NO_LIMITS)?.ready().await?;
    noise(lab, &running, &base.about).await?;
    running.stop().await
}

async fn flood(lab: &mut Lab, running: &Running, about: &Arc<About>) -> Result<()> {
    let texts = lab.texts()?;
    let (append, ask) = (Arc::new(Live::new(&texts, 1).of_project(QUIET)), Arc::new(quiet(SHAPES.first(), about)?));
    let calm = Plan { clients: 4, rhythm: Rhythm::Open { per_second: CALM }, duration: lab.seconds(0.5) };
    let quietly = async || {
        let appends = Driving::start_apart(Arc::clone(&append), running.address, calm);
        let asks = Driving::start_apart(Arc::clone(&ask), running.address, calm);
        anyhow::Ok((appends.end().await?, asks.end().await?))
    };
    running.process.rest(PATIENCE).await?;
    let before = quietly().await?;

    let load = Arc::new(Live::new(&texts, EVENTS));
    progress("finding out how much can be taken");
    let plan = Plan { clients: 16, rhythm: Rhythm::Closed { requests: u64::MAX }, duration: lab.seconds(0.5) };
    let able = drive(Arc::clone(&load), running.address, plan).await?;
    let capacity = able.per_second();
    let events = f64::from(EVENTS);
    let row = Row::new(SECTION, "events taken by requests of 200, 16 clients", capacity * events, Unit::PerSecond);
    lab.rows.push(row.note(able.answered.told()));

    progress("sending three times as much");
    let sampling = Sampling::start(running);
    let duration = lab.seconds(2.0);
    let asking = Plan { duration, ..calm };
    let asking = Driving::start_apart(Arc::clone(&ask), running.address, asking);
    let plan = Plan { clients: 1024, rhythm: Rhythm::Open { per_second: TIMES * capacity }, duration };
    let flood = Driving::start(load, running.address, plan);
    let during = asking.end().await?;
    let samples = sampling.end().await?;
    let flood = flood.end().await?;
    let after = quietly().await?;

    let statuses: Vec<String> = flood.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    let told = format!("{}; without an answer: {}; taken {}", statuses.join(", "), flood.cut, flood.answered.told());
    #[expect(clippy::cast_precision_loss, reason = "requests of a benchmark are few")]
    let sent = flood.sent() as f64 / duration.as_secs_f64();
    let row =
        Row::new(SECTION, "events sent", sent * events, Unit::PerSecond).against("taken before", capacity * events);
    lab.rows.push(if sent < 0.95 * TIMES * capacity {
        row.note("less than three times as many: the clients waited for answers")
    } else {
        row
    });
    lab.rows.push(
        Row::new(SECTION, "events taken meanwhile", flood.per_second() * events, Unit::PerSecond)
            .against("taken before", capacity * events)
            .note(told),
    );
    let row = |name: &str, value| Row::new(SECTION, name, value, Unit::Milliseconds);
    lab.rows.push(if flood.refused.len() == 0 {
        Row::skipped(
            SECTION,
            "refused with 429 or 503, from sending, p99",
            "nothing was refused: the clients could not send enough",
        )
    } else {
        row("refused with 429 or 503, from sending, p99", flood.refused.p99_ms()).note(flood.refused.told())
    });
    if let Some(wrong) = &flood.wrong {
        lab.rows.push(Row::skipped(SECTION, "answered otherwise", wrong.clone()));
    }
    let (before_it, last) = later_thirds(&samples.anonymous_megabytes);
    lab.rows.push(
        Row::new(SECTION, "anonymous memory meanwhile, mean of the last third", last, Unit::Megabytes)
            .against("the third before", before_it)
            .ratio_at_most(1.25)
            .note(format!("at most {:.0} MB", greatest(&samples.anonymous_megabytes))),
    );
    lab.rows.push(
        row("lists of another project meanwhile, p99", during.answered.p99_ms())
            .against("before", before.1.answered.p99_ms())
            .note(during.answered.told()),
    );
    for (name, before, after) in
        [("appends right after it, p99", &before.0, &after.0), ("lists right after it, p99", &before.1, &after.1)]
    {
        let row = row(name, after.answered.p99_ms()).against("before", before.answered.p99_ms()).ratio_at_most(2.0);
        lab.rows.push(row.note(after.answered.told()));
    }
    Ok(())
}

/// The quiet project's lists while another project asks and appends as fast as it can.
async fn noise(lab: &mut Lab, running: &Running, about: &Arc<About>) -> Result<()> {
    progress("listening to one project beside a noisy one");
    let ask = Arc::new(quiet(SHAPES.first(), about)?);
    let calm = Plan { clients: 4, rhythm: Rhythm::Open { per_second: CALM }, duration: lab.seconds(1.0) };
    running.process.rest(PATIENCE).await?;
    // What waits for a core without llm-log.
    let web = Web::start(bare())?;
    let page = Arc::new(|_: &mut StdRng| get("/page"));
    let quietly = async |what: &str| {
        let lists = Driving::start_apart(Arc::clone(&ask), running.address, calm);
        let pages = Driving::start_apart(Arc::clone(&page), web.address(), calm);
        anyhow::Ok((lists.end().await?.clean(what)?, pages.end().await?.clean(what)?))
    };
    let (alone, page_alone) = quietly("the quiet project alone").await?;
    let all = Plan { clients: 16, rhythm: Rhythm::Closed { requests: u64::MAX }, duration: calm.duration };
    let reads = Driving::start(Arc::new(common(about)), running.address, all);
    let appends = Arc::new(Live::new(&lab.texts()?, BATCH).of_project(NOISY));
    let appends = Driving::start(appends, running.address, Plan { clients: 8, ..all });
    let (beside, page_beside) = quietly("the quiet project beside the noisy one").await?;
    let (reads, appends): (Tally, Tally) = (reads.end().await?, appends.end().await?);
    let note = format!(
        "{}; meanwhile the noisy project had {:.0} reads/s and {:.0} events/s",
        beside.answered.told(),
        reads.per_second(),
        f64::from(BATCH) * appends.per_second()
    );
    let row = |name: &str, beside: &Tally, alone: &Tally| {
        Row::new(SECTION, name, beside.answered.p99_ms(), Unit::Milliseconds).against("alone", alone.answered.p99_ms())
    };
    lab.rows.push(
        row("a page of bare axum beside a noisy project, p99", &page_beside, &page_alone)
            .note(page_beside.answered.told()),
    );
    lab.rows.push(
        row("lists of a project beside a noisy one, p99", &beside, &alone)
            .against("a page of bare axum", page_beside.answered.p99_ms())
            .ratio_at_most(2.0)
            .note(note),
    );
    Ok(())
}

/// A shape asked by the quiet project.
fn quiet(shape: Option<&'static Shape>, about: &Arc<About>) -> Result<Asking> {
    Ok(Asking::new(shape.context("there are shapes")?, about).of_project(QUIET))
}

/// Lists of the noisy project by words that most of its calls have.
fn common(about: &Arc<About>) -> impl Fn(&mut StdRng) -> Vec<u8> + use<> {
    let about = Arc::clone(about);
    move |random| {
        let words: &Words = &about.words;
        let query = json!({"_text": {"_type": "FullText", "value": words.common(random)}});
        let body = json!({"query": query, "select": {"requestPrompt": true}}).to_string();
        post("/api/llm-log/get-list?limit=10", &key(NOISY).key, body.as_bytes())
    }
}
