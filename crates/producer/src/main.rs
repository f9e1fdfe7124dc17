//! Wires the producer: environment -> settings -> client -> handler.

use std::process::ExitCode;

use aws_lambda_events::event::dynamodb::Event;
use aws_sdk_sns::Client;
use cellstack_core::{aws, config, telemetry};
use cellstack_producer::{Producer, Settings};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    telemetry::start();
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => return Ok(config::exit(&error)),
    };
    let producer = Producer::new(Client::new(&aws::config().await), settings);
    let producer = &producer;
    let handler = |event: LambdaEvent<Event>| async move { Ok::<_, Error>(producer.handle(event.payload).await) };
    lambda_runtime::run(service_fn(handler)).await?;
    Ok(ExitCode::SUCCESS)
}
