//! An AWS-compatible endpoint with nothing in it: `cargo run -p cellstack-emulator --example endpoint -- 4566`.

use cellstack_emulator::Aws;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|p| p.parse().ok()).unwrap_or(0);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    Aws::builder().build().serve(listener, async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await
}
