//! The consumer as a Lambda function: environment, settings, clients, handler.

use std::process::ExitCode;

use aws_lambda_events::event::sqs::SqsEvent;
use cellstack_core::limits::pipeline::CONSUMER_TIMEOUT;
use cellstack_core::{Clock as _, SystemClock, config, deadline, telemetry};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::{Clients, Consumer, Processor, Settings};

/// Serves a cell's queue with a processor, until Lambda ends the environment. The whole of a consumer's `main`.
///
/// Returns a failure where the environment lacks a setting, which is named in the log.
pub fn run(processor: impl Processor) -> ExitCode {
    telemetry::start();
    let served = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(serve(processor)),
        Err(error) => Err(error.into()),
    };
    served.unwrap_or_else(|error| {
        tracing::error!(error, "the runtime's interface failed");
        ExitCode::FAILURE
    })
}

async fn serve(processor: impl Processor) -> Result<ExitCode, Error> {
    let configured = Settings::from_env().and_then(|settings| Ok((settings, cellstack_aws::function_config()?)));
    let (settings, aws) = match configured {
        Ok(configured) => configured,
        Err(error) => return Ok(config::exit(&error)),
    };
    let clients = Clients { dynamodb: aws_sdk_dynamodb::Client::new(&aws), sqs: aws_sdk_sqs::Client::new(&aws) };
    let clock = SystemClock::new();
    let consumer = &Consumer::new(clients, settings, processor, clock);
    let handler = |event: LambdaEvent<SqsEvent>| async move {
        let time = deadline::remaining(event.context.deadline, clock.wall_ms(), CONSUMER_TIMEOUT);
        Ok::<_, Error>(consumer.handle(event.payload, time).await)
    };
    lambda_runtime::run(service_fn(handler)).await?;
    Ok(ExitCode::SUCCESS)
}
