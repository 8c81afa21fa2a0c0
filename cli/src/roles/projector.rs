//! A projector, alone.

use std::sync::Arc;

use ::projector::{Projector, ProjectorOptions, internal_router};
use schemas::time::Clock;

use super::stop::stop;
use super::verify_page::VerifyPage;
use crate::args::ProjectorArgs;
use crate::http::{HttpServer, Parts, Readiness, describe_projector, no_page};
use crate::log_access::{open_folder, open_kafka};
use crate::{Outcome, output, shutdown};

pub(crate) async fn projector(args: ProjectorArgs) -> anyhow::Result<Outcome> {
    let (secret, master_key) = (args.secret.read()?, args.master_key.read()?);
    let options = args.kafka.settings.options(&args.kafka.kafka)?;
    let stopping = shutdown::on_signal()?;
    let readiness = Arc::new(Readiness::default());
    let http = HttpServer::start(args.internal_listen, None, Arc::clone(&readiness), &describe_projector()).await?;
    let folder = open_folder(&args.data.data).await?;
    let opening = open_kafka(options, |what| readiness.wait_for(what));
    let Some(open) = stopping.run_until_cancelled(opening).await else {
        stop(http, None, folder).await;
        return Ok(Outcome::Done);
    };
    let open = open?;
    let partitions = args.partitions.map(|list| list.0);
    let options = ProjectorOptions { folder: folder.index(), partitions, clock: Clock::system() };
    let projector = Arc::new(Projector::start(options, Arc::clone(&open.log), open.id)?);
    readiness.watch(Parts {
        reader: Some(projector.reader()),
        projector: Some(projector.failure()),
        status: Some(projector.status()),
        ..Parts::default()
    });
    let verify = VerifyPage { projector: Arc::downgrade(&projector), log: Arc::clone(&open.log), master_key };
    http.open(internal_router(projector.reader(), secret.reveal()).merge(verify.router()).fallback(no_page));
    let data = folder.path().display();
    output::line(&format!("llm-log projector serves {} (data in {data}, log on {})", http.url(), args.kafka.kafka));
    stopping.cancelled().await;
    stop(http, Some(projector), (open, folder)).await;
    Ok(Outcome::Done)
}
