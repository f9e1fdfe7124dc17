//! The gateway over HTTP, against a scripted server.

use std::net::SocketAddr;

use cellstack_consumer::EventId;
use cellstack_orders::{Gateway as _, GatewayError, HttpGateway, Payment};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rust_decimal::Decimal;
use tokio::net::TcpListener;

/// Responds to one request after the other, each time with `status` and a body that repeats key and payload.
async fn serve(status: u16) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let respond = move |request: Request<Incoming>| async move {
        let key = request.headers()["idempotency-key"].to_str().unwrap().to_owned();
        let payload: serde_json::Value =
            serde_json::from_slice(&request.into_body().collect().await.unwrap().to_bytes()).unwrap();
        let body = serde_json::json!({ "id": format!("{key} {}", payload["amount"]) }).to_string();
        Response::builder().status(status).body(Full::new(Bytes::from(body)))
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(respond))
                .await;
        }
    });
    address
}

async fn authorise(address: SocketAddr) -> Result<String, GatewayError> {
    let gateway = HttpGateway::new(format!("http://{address}/authorisations").parse().unwrap()).unwrap();
    let order = EventId::named("test", "order");
    let payment = Payment { tenant: "acme".parse().unwrap(), order, amount: Decimal::new(1_020, 2) };
    gateway.authorise("key-7", &payment).await
}

#[tokio::test]
async fn a_call_carries_its_key_and_an_exact_amount() {
    assert_eq!(authorise(serve(201).await).await, Ok(r#"key-7 "10.20""#.to_owned()));
}

#[tokio::test]
async fn a_refusal_is_final_and_anything_else_is_not() {
    assert!(matches!(authorise(serve(402).await).await, Err(GatewayError::Declined(_))));
    for status in [404, 409, 429, 500, 503] {
        let error = authorise(serve(status).await).await.unwrap_err();
        assert!(matches!(&error, GatewayError::Unavailable(why) if why.contains(&status.to_string())), "{error:?}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(matches!(authorise(nobody).await, Err(GatewayError::Unavailable(_))));
}
