//! The producer as a Lambda function: environment, settings, clients, handler.

use std::process::ExitCode;

use cellstack_aws as aws;
use cellstack_core::limits::pipeline::PRODUCER_TIMEOUT;
use cellstack_core::{Clock as _, SystemClock, config, deadline, telemetry};
use cellstack_producer::{Clients, Producer, Settings, StreamEvent};
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    telemetry::start();
    let (settings, aws) = match Settings::from_env().and_then(|settings| Ok((settings, aws::function_config()?))) {
        Ok(configured) => configured,
        Err(error) => return Ok(config::exit(&error)),
    };
    let clients = Clients { sns: aws_sdk_sns::Client::new(&aws), sqs: aws_sdk_sqs::Client::new(&aws) };
    let clock = SystemClock::new();
    let producer = Producer::new(clients, settings, clock);
    let producer = &producer;
    let handler = |event: LambdaEvent<StreamEvent>| async move {
        let time = deadline::remaining(event.context.deadline, clock.wall_ms(), PRODUCER_TIMEOUT);
        Ok::<_, Error>(producer.handle(event.payload, time).await)
    };
    lambda_runtime::run(service_fn(handler)).await?;
    Ok(ExitCode::SUCCESS)
}
