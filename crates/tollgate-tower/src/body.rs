//! The response body: the body of the service or the content of a refusal.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A response body of a layer of this crate: the unchanged body of the service, or the content
    /// of a refusal.
    ///
    /// It is a separate type so that any service body works. A bound such as `From<Bytes>` holds
    /// for axum's body and
    /// [`Full`](https://docs.rs/http-body-util/latest/http_body_util/struct.Full.html), but not for
    /// tonic's body and hyper's `Incoming`.
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
        // Empty after it has been read.
        Refusal { content: Bytes },
    }
}

impl<B> ResponseBody<B> {
    /// Wraps the body of the service.
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

/// Creates an empty body. Some layers, such as CORS in tower-http, need it for their own responses.
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
