//! Reads over HTTP: idle, and while calls arrive.

mod shape;
mod shapes;

pub(crate) use shape::{Asking, Shape};
pub(crate) use shapes::SHAPES;

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::args::Section;
use crate::base::Base;
use crate::http::get;
use crate::lab::{Lab, NO_LIMITS, Running};
use crate::limits::{Web, bare};
use crate::live::{BATCH, Live, arriving};
use crate::load::{Driving, Plan, Rhythm, Tally, drive};
use crate::output::progress;
use crate::report::{Row, Unit};

const SECTION: Section = Section::Queries;
/// What a request costs without llm-log.
const AXUM: &str = "bare axum's median";
/// Requests of a shape while nothing else happens, at most.
const IDLE_REQUESTS: u64 = 2000;
/// Requests of a shape before those that count.
const WARM_UP: u64 = 10;
/// Calls a second that arrive while queries are measured.
const ARRIVING: u32 = 1000;

pub(crate) async fn measure(lab: &mut Lab) -> Result<()> {
    let base = lab.base().await?;
    let postgres = postgres(lab)?;
    let running = Running::spawn(&base.data, &NO_LIMITS)?.ready().await?;
    let axum = bare_axum(lab.seconds(0.2)).await?;
    let least = axum.answered.p50_ms();
    let row = Row::new(SECTION, "bare axum, p99", axum.answered.p99_ms(), Unit::Milliseconds);
    lab.rows.push(row.note(axum.answered.told()));
    progress("asking while nothing else happens");
    let mut idle: Vec<Option<f64>> = Vec::new();
    for shape in SHAPES {
        let (found, tally) = ask(shape, &base, running.address, idle_plan(lab.seconds(0.2))).await?;
        let name = format!("{}, idle p99", shape.name);
        idle.push(tally.as_ref().ok().map(|tally| tally.answered.p99_ms()));
        let row = match tally {
            Err(why) => Row::skipped(SECTION, name, why),
            Ok(tally) => {
                let row = Row::new(SECTION, name, tally.answered.p99_ms(), Unit::Milliseconds).against(AXUM, least);
                let row = match postgres.get(shape.name) {
                    Some(median) => row.against("PostgreSQL's median", *median),
                    None => row,
                };
                targeted(row, shape.class.idle_ms(lab.args.calls)).note(format!("{}{found}", tally.answered.told()))
            }
        };
        lab.rows.push(row);
    }
    progress("asking while calls arrive");
    let live = Arc::new(Live::new(&lab.texts()?, BATCH));
    let arriving = Driving::start(live, running.address, arriving(ARRIVING, Duration::MAX));
    for (shape, idle) in SHAPES.iter().zip(idle) {
        let Some(idle) = idle else { continue };
        let (_, tally) = ask(shape, &base, running.address, busy_plan(shape, lab.seconds(0.3))).await?;
        let name = format!("{}, p99 while calls arrive", shape.name);
        let row = match tally {
            Err(why) => Row::skipped(SECTION, name, why),
            Ok(tally) => {
                let row = Row::new(SECTION, name, tally.answered.p99_ms(), Unit::Milliseconds)
                    .against(AXUM, least)
                    .against("idle", idle);
                targeted(row, shape.class.busy_ms(lab.args.calls)).note(tally.answered.told())
            }
        };
        lab.rows.push(row);
    }
    let arrived = arriving.stop().await?.clean("calls that arrived")?;
    let calls = arrived.per_second() * f64::from(BATCH);
    let row = Row::new(SECTION, "calls that arrived meanwhile", calls, Unit::PerSecond);
    lab.rows.push(row.note(format!("acknowledged after {}", arrived.answered.told())));
    running.stop().await
}

fn targeted(row: Row, most: Option<f64>) -> Row {
    match most {
        Some(most) => row.at_most(most),
        None => row,
    }
}

/// One client after the other.
fn idle_plan(duration: Duration) -> Plan {
    Plan { clients: 1, rhythm: Rhythm::Closed { requests: IDLE_REQUESTS }, duration }
}

/// At a rate that leaves room for everything else.
fn busy_plan(shape: &Shape, duration: Duration) -> Plan {
    let (per_second, times) = if shape.class.is_heavy() { (4.0, 3) } else { (50.0, 1) };
    Plan { clients: 4, rhythm: Rhythm::Open { per_second }, duration: duration * times }
}

/// How many a shape finds, and how long it takes; or why it can't be asked.
async fn ask(
    shape: &'static Shape,
    base: &Base,
    address: SocketAddr,
    plan: Plan,
) -> Result<(String, std::result::Result<Tally, String>)> {
    let asking = Arc::new(Asking::new(shape, &base.about));
    let warm_up = Plan { clients: 1, rhythm: Rhythm::Closed { requests: WARM_UP }, duration: plan.duration };
    let warm = drive(Arc::clone(&asking), address, warm_up).await?;
    if let Err(why) = warm.clean("it") {
        return Ok((String::new(), Err(format!("{why:#}"))));
    }
    asking.forget();
    let tally = drive(Arc::clone(&asking), address, plan).await?;
    Ok((asking.found(), tally.clean("it").map_err(|why| format!("{why:#}"))))
}

/// What the client and axum cost without llm-log.
async fn bare_axum(duration: Duration) -> Result<Tally> {
    let web = Web::start(bare())?;
    let page = |_: &mut rand::rngs::StdRng| get("/page");
    drive(Arc::new(page), web.address(), idle_plan(duration)).await?.clean("bare axum")
}

/// Medians of the reference's way, by the name of the shape.
fn postgres(lab: &Lab) -> Result<HashMap<String, f64>> {
    let Some(path) = &lab.args.postgres else { return Ok(HashMap::new()) };
    let text = fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no figures by name", path.display()))
}
