//! Endpoints as services, and requests that never reach them.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::time::{Instant, Sleep, sleep};
use tollgate_core::{Answer, BoxFuture, Endpoint, EndpointRequest, PeerAddress};
use tollgate_tower::EndpointService;
use tower::ServiceExt;

use crate::fixture::text;

/// An endpoint that echoes the request.
struct Mirror;

impl Endpoint for Mirror {
    fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
        Box::pin(async move {
            let mut answer = Answer::new(201);
            answer.append("set-cookie", "a=1");
            answer.append("set-cookie", "b=2");
            answer.append("x-broken", "a\r\nb");
            answer.body = format!(
                "{} {} {:?} {:?} {:?} {:?} {:?}",
                request.method,
                request.path,
                request.query,
                request.authority,
                request.headers,
                request.remote_address,
                String::from_utf8_lossy(&request.content),
            )
            .into_bytes();
            answer
        })
    }

    fn content_limit(&self) -> usize {
        8
    }
}

/// A body of these frames, of unknown length. The last may be trailers or an error.
struct Pieces(Vec<Result<Frame<Bytes>, &'static str>>);

impl Pieces {
    fn of(pieces: impl IntoIterator<Item = &'static str>) -> Self {
        let pieces = pieces
            .into_iter()
            .map(|piece| Ok(Frame::data(Bytes::from(piece))));
        Self(pieces.collect())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let next = (!self.0.is_empty()).then(|| self.0.remove(0));
        Poll::Ready(next)
    }
}

async fn status(body: Pieces) -> u16 {
    let Ok(response) = EndpointService::new(Mirror)
        .oneshot(Request::new(body))
        .await;
    response.status().as_u16()
}

#[tokio::test]
async fn the_address_of_the_peer_is_in_the_extensions() {
    let peer = PeerAddress([192, 0, 2, 7].into());
    let request = Request::get("/").extension(peer);
    let request = request.body(Full::<Bytes>::default()).expect("a request");
    let Ok(response) = EndpointService::new(Mirror).oneshot(request.clone()).await;
    assert!(text(response).await.contains("Some(192.0.2.7)"));
    let other = EndpointService::new(Mirror).remote_address(|_| None);
    let Ok(response) = other.oneshot(request).await;
    assert!(!text(response).await.contains("192.0.2.7"));
}

#[tokio::test]
async fn the_endpoint_sees_the_whole_request() {
    let service =
        EndpointService::new(Mirror).remote_address(|extensions| extensions.get().copied());
    let request = Request::post("https://api.example.com/a%2Fb/c?x=1")
        .header("X-A", "1")
        .extension(IpAddr::from([192, 0, 2, 7]))
        .body(Full::<Bytes>::from("content"))
        .expect("a request");
    let Ok(response) = service.oneshot(request).await;
    assert_eq!(response.status(), 201);
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert!(!response.headers().contains_key("x-broken"));
    assert_eq!(
        text(response).await,
        concat!(
            r#"POST /a%2Fb/c Some("x=1") Some("api.example.com") "#,
            r#"[("x-a", [49])] Some(192.0.2.7) "content""#
        )
    );
}

#[tokio::test]
async fn content_is_collected_up_to_the_limit() {
    assert_eq!(status(Pieces::of([])).await, 201);
    assert_eq!(status(Pieces::of(["1234", "", "5678"])).await, 201);
    assert_eq!(status(Pieces::of(["1234", "56789"])).await, 413);
    assert_eq!(status(Pieces::of(["1234", "5678", "9"])).await, 413);
    let mut trailing = Pieces::of(["1234"]);
    trailing.0.push(Ok(Frame::trailers(HeaderMap::new())));
    assert_eq!(status(trailing).await, 201);
}

#[tokio::test]
async fn content_with_too_large_a_length_is_not_read() {
    struct Unread;
    impl Body for Unread {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("read all the same")
        }
        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(9)
        }
    }
    let Ok(response) = EndpointService::new(Mirror)
        .oneshot(Request::new(Unread))
        .await;
    assert_eq!(response.status(), 413);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
}

#[tokio::test]
async fn interrupted_content_does_not_reach_the_endpoint() {
    let mut broken = Pieces::of(["1234"]);
    broken.0.push(Err("connection reset"));
    assert_eq!(status(broken).await, 400);
}

/// A body of one byte each second, with this many bytes.
struct Drip {
    left: usize,
    pause: Pin<Box<Sleep>>,
}

impl Drip {
    fn of(left: usize) -> Self {
        let pause = Box::pin(sleep(Duration::from_secs(1)));
        Self { left, pause }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.pause.as_mut().poll(context));
        if self.left == 0 {
            return Poll::Ready(None);
        }
        *self = Self::of(self.left - 1);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"1")))))
    }
}

/// An endpoint for content of any size within three seconds.
struct Hurried;

impl Endpoint for Hurried {
    fn respond(&self, _: EndpointRequest) -> BoxFuture<Answer> {
        Box::pin(async { Answer::new(204) })
    }

    fn content_timeout(&self) -> Duration {
        Duration::from_secs(3)
    }
}

#[tokio::test(start_paused = true)]
async fn slow_content_does_not_reach_the_endpoint() {
    for (bytes, status, seconds) in [(2, 204, 3), (3, 408, 3), (usize::MAX, 408, 3)] {
        let begun = Instant::now();
        // In an `Arc`, as a service may share its endpoint.
        let service = EndpointService::new(Arc::new(Hurried));
        let Ok(response) = service.oneshot(Request::new(Drip::of(bytes))).await;
        assert_eq!(response.status(), status, "{bytes}");
        assert_eq!(begun.elapsed().as_secs(), seconds, "{bytes}");
        if status == 408 {
            assert_eq!(response.headers()["connection"], "close");
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert_eq!(
                response.headers()["content-type"],
                "application/problem+json"
            );
        }
    }
    assert_eq!(Mirror.content_timeout(), Duration::from_secs(10));
}

#[test]
fn content_in_memory_needs_no_runtime() {
    let mut context = Context::from_waker(Waker::noop());
    let answer = pin!(status(Pieces::of(["1234"]))).poll(&mut context);
    assert_eq!(answer, Poll::Ready(201));
}
