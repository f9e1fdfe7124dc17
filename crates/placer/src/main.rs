//! The placer as a Lambda function: environment, settings, client, handler.

use std::process::ExitCode;
use std::sync::Arc;

use cellstack_aws as aws;
use cellstack_core::limits::pipeline::PLACER_TIMEOUT;
use cellstack_core::{Clock as _, SystemClock, config, deadline, telemetry};
use cellstack_placer::{Placer, Settings, StreamEvent};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    telemetry::start();
    let (settings, aws) = match Settings::from_env().and_then(|settings| Ok((settings, aws::function_config()?))) {
        Ok(configured) => configured,
        Err(error) => return Ok(config::exit(&error)),
    };
    let clock = SystemClock::new();
    let placer = &Placer::new(aws_sdk_dynamodb::Client::new(&aws), settings, Arc::new(clock));
    let handler = |event: LambdaEvent<StreamEvent>| async move {
        let time = deadline::remaining(event.context.deadline, clock.wall_ms(), PLACER_TIMEOUT);
        Ok::<_, Error>(placer.handle(event.payload, time).await)
    };
    lambda_runtime::run(service_fn(handler)).await?;
    Ok(ExitCode::SUCCESS)
}
