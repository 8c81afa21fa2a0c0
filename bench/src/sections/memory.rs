//! Memory while calls arrive and questions are asked, and what is on disk.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::queries::{Asking, SHAPES};
use crate::args::Section;
use crate::lab::{Lab, NO_LIMITS, Running};
use crate::live::{BATCH, Live, arriving};
use crate::load::{Driving, Plan, Rhythm};
use crate::metrics::{Sampling, greatest, later_thirds};
use crate::output::progress;
use crate::process::megabytes;
use crate::report::{Row, Unit};

const SECTION: Section = Section::Memory;
/// Calls a second.
const ARRIVING: u32 = 1000;
/// Questions a second, of all shapes that are quick.
const ASKED: f64 = 20.0;

pub(crate) async fn measure(lab: &mut Lab) -> Result<()> {
    let base = lab.base().await?;
    let about = &base.about;
    for (name, bytes, of, most) in [
        ("index / JSON of the calls", about.index_bytes, about.call_bytes, 0.7),
        ("embedded log / JSON of the events, 1000 records at a time", about.log_bytes, about.event_bytes, 0.5),
    ] {
        let share = megabytes(bytes) / megabytes(of);
        let note = format!("{:.1} MB of {:.1} MB", megabytes(bytes), megabytes(of));
        lab.rows.push(Row::new(SECTION, name, share, Unit::Share).at_most(most).note(note));
    }
    progress("watching memory while calls arrive and questions are asked");
    let running = Running::spawn(&base.data, &NO_LIMITS)?.ready().await?;
    let at_start = running.process.anonymous_megabytes()?;
    let sampling = Sampling::start(&running);
    let live = Arc::new(Live::new(&lab.texts()?, BATCH));
    let arriving = Driving::start(live, running.address, arriving(ARRIVING, Duration::MAX));
    let quick: Vec<_> = SHAPES.iter().filter(|shape| !shape.class.is_heavy()).collect();
    // All the while of every shape, so that what grows does not grow by what is asked.
    let rhythm = Rhythm::Open { per_second: ASKED / f64::from(u32::try_from(quick.len())?) };
    let plan = Plan { clients: 1, rhythm, duration: lab.seconds(2.0) };
    let asking: Vec<_> = quick
        .into_iter()
        .map(|shape| Driving::start(Arc::new(Asking::new(shape, about)), running.address, plan))
        .collect();
    let mut asked = 0;
    for shape in asking {
        asked += shape.end().await?.answered.len();
    }
    let samples = sampling.end().await?;
    let arrived = arriving.stop().await?.clean("calls that arrived")?;
    let told = format!(
        "{at_start:.0} MB at the start; {:.0} calls/s arrived, {asked} questions were answered",
        f64::from(BATCH) * arrived.per_second()
    );
    let memory = &samples.anonymous_megabytes;
    let row = Row::new(SECTION, "anonymous memory of projector and API, at most", greatest(memory), Unit::Megabytes);
    lab.rows.push(row.at_most(500.0).note(told));
    let (before, after) = later_thirds(memory);
    let row = Row::new(SECTION, "anonymous memory, mean of the last third", after, Unit::Megabytes);
    lab.rows.push(row.against("the third before", before).ratio_at_most(1.1));
    running.stop().await
}
