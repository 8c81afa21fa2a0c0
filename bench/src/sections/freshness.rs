//! From acknowledged to visible: while calls arrive on the base, and through Kafka's inbox.

mod inbox;
mod watch;

pub(crate) use watch::{Asks, Watch};

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::args::Section;
use crate::lab::{Lab, NO_LIMITS, Running};
use crate::latency::Latency;
use crate::live::{BATCH, Live, Texts, arriving};
use crate::load::{Tally, drive};
use crate::metrics::{Sampling, greatest, later_thirds};
use crate::output::progress;
use crate::report::{Row, Unit};

const SECTION: Section = Section::Freshness;
/// What does not count at the start of a phase.
const WARM_UP: f64 = 0.2;

/// How long calls took to be seen, by a list and by full text.
struct Seen {
    list: Latency,
    text: Latency,
    appended: Tally,
}

pub(crate) async fn measure(lab: &mut Lab) -> Result<()> {
    let base = lab.base().await?;
    let running = Running::spawn(&base.data, &NO_LIMITS)?.ready().await?;
    for (rate, p50_most, p99_most) in [(1000, Some(100.0), 250.0), (4000, None, 500.0)] {
        progress(&format!("looking for calls that arrive at {rate} a second"));
        let sampling = Sampling::start(&running);
        let seen = see(&running, &lab.texts()?, rate, lab.seconds(1.0)).await?;
        let segments = sampling.end().await?.segments;
        let append = seen.appended.answered.p50_ms();
        let achieved = seen.appended.per_second() * f64::from(BATCH);
        for (how, latency) in [("list", &seen.list), ("full text", &seen.text)] {
            let name = |share| format!("{rate} calls/s, seen by {how}, {share}");
            let row = Row::new(SECTION, name("p50"), latency.p50_ms(), Unit::Milliseconds)
                .against("acknowledging (p50)", append);
            lab.rows.push(match p50_most {
                Some(most) => row.at_most(most),
                None => row,
            });
            let row = Row::new(SECTION, name("p99"), latency.p99_ms(), Unit::Milliseconds)
                .against("acknowledging (p99)", seen.appended.answered.p99_ms())
                .at_most(p99_most);
            lab.rows.push(row.note(format!("{}; {achieved:.0} calls/s acknowledged", latency.told())));
        }
        let (before, after) = later_thirds(&segments);
        let name = format!("{rate} calls/s, segments, mean of the last third");
        let row = Row::new(SECTION, name, after, Unit::Number).against("the third before", before).ratio_at_most(1.25);
        let hour = "with --seconds 3600 it is an hour's worth of calls";
        lab.rows.push(row.note(format!("at most {}; {hour}", greatest(&segments))));
    }
    running.stop().await?;
    inbox::measure(lab).await
}

/// Appends at a rate and watches what becomes visible.
async fn see(running: &Running, texts: &Arc<Texts>, rate: u32, duration: Duration) -> Result<Seen> {
    let from = Instant::now() + duration.mul_f64(WARM_UP);
    let (told_list, list) = mpsc::unbounded_channel();
    let (told_text, text) = mpsc::unbounded_channel();
    let list = tokio::spawn(Watch::new(running.address, Asks::List, from).until_all_are_seen(list));
    let text = tokio::spawn(Watch::new(running.address, Asks::FullText, from).until_all_are_seen(text));
    let live = Live::new(texts, BATCH).telling(told_list).telling(told_text);
    let plan = arriving(rate, duration.mul_f64(1.0 + WARM_UP));
    // The watches end when nobody tells of calls any more.
    let appended = drive(Arc::new(live), running.address, plan).await?.clean("appends")?;
    Ok(Seen { list: list.await??, text: text.await??, appended })
}
