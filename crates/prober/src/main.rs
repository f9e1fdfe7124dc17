//! The prober as a Lambda function: environment, settings, clients, handler.

use std::process::ExitCode;

use cellstack_aws as aws;
use cellstack_cellctl::Deployment;
use cellstack_core::limits::pipeline::PROBER_TIMEOUT;
use cellstack_core::{Clock as _, SystemClock, config, deadline, telemetry};
use cellstack_prober::{Prober, Settings};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    telemetry::start();
    let (settings, aws) = match Settings::from_env().and_then(|settings| Ok((settings, aws::function_config()?))) {
        Ok(configured) => configured,
        Err(error) => return Ok(config::exit(&error)),
    };
    let clock = SystemClock::new();
    let prober = &Prober::new(Deployment::from_config(&settings.stack, &aws), settings);
    // A schedule's event says nothing that the settings don't.
    let handler = |event: LambdaEvent<IgnoredAny>| async move {
        let time = deadline::remaining(event.context.deadline, clock.wall_ms(), PROBER_TIMEOUT);
        prober.handle(time).await.map_err(Error::from)
    };
    lambda_runtime::run(service_fn(handler)).await?;
    Ok(ExitCode::SUCCESS)
}
