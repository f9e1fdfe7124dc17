//! Wires the consumer: environment -> settings -> clients -> handler.

use std::process::ExitCode;

use aws_lambda_events::event::sqs::SqsEvent;
use cellstack_aws as aws;
use cellstack_consumer::{Clients, Consumer, Settings, processor};
use cellstack_core::limits::pipeline::CONSUMER_TIMEOUT;
use cellstack_core::{Clock as _, SystemClock, config, deadline, telemetry};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    telemetry::start();
    let (settings, aws) = match Settings::from_env().and_then(|settings| Ok((settings, aws::function_config()?))) {
        Ok(configured) => configured,
        Err(error) => return Ok(config::exit(&error)),
    };
    let clients = Clients { dynamodb: aws_sdk_dynamodb::Client::new(&aws), sqs: aws_sdk_sqs::Client::new(&aws) };
    let clock = SystemClock::new();
    let consumer = Consumer::new(clients, settings, processor(), clock);
    let consumer = &consumer;
    let handler = |event: LambdaEvent<SqsEvent>| async move {
        let time = deadline::remaining(event.context.deadline, clock.wall_ms(), CONSUMER_TIMEOUT);
        Ok::<_, Error>(consumer.handle(event.payload, time).await)
    };
    lambda_runtime::run(service_fn(handler)).await?;
    Ok(ExitCode::SUCCESS)
}
