//! Wires the router: environment -> settings -> client -> handler.

use std::process::ExitCode;

use aws_sdk_dynamodb::Client;
use cellstack_core::{SystemAmbient, aws, config, telemetry};
use cellstack_router::{Router, Settings};
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Error> {
    telemetry::start();
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => return Ok(config::exit(&error)),
    };
    let client = Client::new(&aws::config().await);
    let router = Router::new(client, settings, SystemAmbient::new());
    let router = &router;
    lambda_http::run(service_fn(|request: Request| async move { Ok::<_, Error>(router.handle(request).await) }))
        .await?;
    Ok(ExitCode::SUCCESS)
}
