//! Wires the consumer: environment -> settings -> client -> handler.

use std::process::ExitCode;

use aws_lambda_events::event::sqs::SqsEvent;
use aws_sdk_dynamodb::Client;
use cellstack_consumer::{Consumer, Settings, processor};
use cellstack_core::{SystemAmbient, aws, config, telemetry};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    telemetry::start();
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => return Ok(config::exit(&error)),
    };
    let consumer = Consumer::new(Client::new(&aws::config().await), settings, processor(), SystemAmbient::new());
    let consumer = &consumer;
    let handler = |event: LambdaEvent<SqsEvent>| async move { Ok::<_, Error>(consumer.handle(event.payload).await) };
    lambda_runtime::run(service_fn(handler)).await?;
    Ok(ExitCode::SUCCESS)
}
