//! The body of a response: the service's own, or the content of a refusal.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a response that has passed a layer of this crate: that of the service behind it, unchanged, or the
    /// content of a refusal.
    ///
    /// A type of its own, and not a bound such as `From<Bytes>` on the service's body, so that every body will do: axum's
    /// and [`Full`](https://docs.rs/http-body-util/latest/http_body_util/struct.Full.html) can be made from bytes, but
    /// tonic's and hyper's `Incoming` cannot.
    ///
    /// ```
    /// use http_body::Body;
    /// use http_body_util::Full;
    /// use tollgate::tower::ResponseBody;
    ///
    /// # use bytes::Bytes;
    /// let refusal = ResponseBody::<Full<Bytes>>::from(b"{}".to_vec());
    /// assert_eq!(refusal.size_hint().exact(), Some(2));
    ///
    /// let service = ResponseBody::of_service(Full::new(Bytes::from_static(b"hello")));
    /// assert_eq!(service.size_hint().exact(), Some(5));
    /// ```
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        origin: Origin<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = OriginProjection]
    enum Origin<B> {
        Service { #[pin] body: B },
        // Empty once it has been read.
        Refusal { content: Bytes },
    }
}

impl<B> ResponseBody<B> {
    /// The body of the service, to be passed on.
    ///
    /// ```
    /// # use http_body_util::Empty;
    /// # use tollgate::tower::ResponseBody;
    /// use http_body::Body;
    ///
    /// let body = ResponseBody::of_service(Empty::<bytes::Bytes>::new());
    /// assert!(body.is_end_stream());
    /// ```
    pub const fn of_service(body: B) -> Self {
        Self {
            origin: Origin::Service { body },
        }
    }
}

impl<B> From<Vec<u8>> for ResponseBody<B> {
    fn from(content: Vec<u8>) -> Self {
        Self {
            origin: Origin::Refusal {
                content: content.into(),
            },
        }
    }
}

/// An empty body, which some layers (tower-http's CORS among them) need to answer on their own.
impl<B> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().origin.project() {
            OriginProjection::Service { body } => body.poll_frame(context),
            OriginProjection::Refusal { content } if content.is_empty() => Poll::Ready(None),
            OriginProjection::Refusal { content } => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(content)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.origin {
            Origin::Service { body } => body.is_end_stream(),
            Origin::Refusal { content } => content.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.origin {
            Origin::Service { body } => body.size_hint(),
            Origin::Refusal { content } => SizeHint::with_exact(content.len() as u64),
        }
    }
}
