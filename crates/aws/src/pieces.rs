//! A request's body that is made while it is sent, piece by piece, so that it need not be in memory as a whole.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Returns a body of these pieces, which have `length` bytes together.
pub fn body<I>(length: u64, pieces: I) -> SdkBody
where
    I: Iterator<Item = Vec<u8>> + Send + Sync + Unpin + 'static,
{
    SdkBody::from_body_1_x(Pieces { left: length, pieces })
}

struct Pieces<I> {
    left: u64,
    pieces: I,
}

impl<I: Iterator<Item = Vec<u8>> + Unpin> Body for Pieces<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.next();
        if let Some(piece) = &piece {
            self.left = self.left.saturating_sub(piece.len() as u64);
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn the_pieces_come_in_order_and_the_length_is_known_before() {
        let pieces = [b"ab".to_vec(), b"c".to_vec()];
        let body = body(3, pieces.into_iter());
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
    }
}
