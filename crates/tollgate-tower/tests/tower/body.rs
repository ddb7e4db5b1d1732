//! Tests of the response body, frame by frame.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tollgate_tower::ResponseBody;

/// One frame of data, then trailers, of unknown length.
struct Trailing(u8);

impl Body for Trailing {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0 += 1;
        Poll::Ready(match self.0 {
            1 => Some(Ok(Frame::data(Bytes::from_static(b"data")))),
            2 => Some(Ok(Frame::trailers(HeaderMap::from_iter([(
                http::header::ETAG,
                http::HeaderValue::from_static("x"),
            )])))),
            3 => Some(Err("cut off")),
            _ => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0 > 3
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(4);
        hint
    }
}

fn next<B: Body + Unpin>(body: &mut B) -> Option<Result<Frame<B::Data>, B::Error>> {
    match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(frame) => frame,
        Poll::Pending => panic!("never pending"),
    }
}

#[test]
fn the_body_of_the_service_is_passed_on_unchanged() {
    let mut body = ResponseBody::of_service(Trailing(0));
    assert_eq!(
        (body.size_hint().lower(), body.size_hint().upper()),
        (4, None)
    );
    assert!(!body.is_end_stream());
    let data = next(&mut body)
        .and_then(Result::ok)
        .and_then(|frame| frame.into_data().ok());
    assert_eq!(data.as_deref(), Some(&b"data"[..]));
    let trailers = next(&mut body)
        .and_then(Result::ok)
        .and_then(|frame| frame.into_trailers().ok());
    assert_eq!(trailers.map(|trailers| trailers.len()), Some(1));
    assert!(matches!(next(&mut body), Some(Err("cut off"))));
    assert!(next(&mut body).is_none());
    assert!(body.is_end_stream());
}

#[test]
fn the_content_of_a_refusal_is_one_frame() {
    let mut body = ResponseBody::<Trailing>::from(b"{}".to_vec());
    assert_eq!(body.size_hint().exact(), Some(2));
    assert!(!body.is_end_stream());
    let data = next(&mut body)
        .and_then(Result::ok)
        .and_then(|frame| frame.into_data().ok());
    assert_eq!(data.as_deref(), Some(&b"{}"[..]));
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(next(&mut body).is_none());
}

#[test]
fn an_empty_refusal_has_no_frame() {
    let mut body = ResponseBody::<Trailing>::default();
    assert!(body.is_end_stream());
    assert!(next(&mut body).is_none());
}
