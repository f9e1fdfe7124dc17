//! The router's function: environment -> settings -> configuration of AWS -> handler.

use std::process::ExitCode;
use std::time::Duration;

use cellstack_aws as aws;
use cellstack_core::limits::pipeline::ROUTER_TIMEOUT;
use cellstack_core::{Clock, SystemClock, config, deadline, telemetry};
use cellstack_router::{Invocation, Router, Settings};
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    telemetry::start();
    let (settings, aws) = match Settings::from_env().and_then(|settings| Ok((settings, aws::function_config()?))) {
        Ok(configured) => configured,
        Err(error) => return Ok(config::exit(&error)),
    };
    let clock = SystemClock::new();
    let router = &Router::new(&aws, settings, clock);
    tokio::spawn(hold_earliest_timer());
    router.warm_up(&aws).await;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Invocation>| async move {
        let LambdaEvent { payload, context } = event;
        Ok::<_, Error>(router.invoke(payload, &context.request_id, remaining(&context, &clock)).await)
    }))
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// Keeps a timer that always rings before the others. Setting an earliest timer wakes the runtime's driver by a system
/// call, and each call to AWS sets two or three and cancels them. Behind this timer they cost nothing.
async fn hold_earliest_timer() {
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Returns the invocation's remaining time.
fn remaining(context: &Context, clock: &impl Clock) -> Duration {
    deadline::remaining(context.deadline, clock.wall_ms(), ROUTER_TIMEOUT)
}
