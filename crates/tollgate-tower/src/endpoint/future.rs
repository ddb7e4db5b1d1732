use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut};
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tollgate_core::__private::response::of_answer;
use tollgate_core::{Answer, BoxFuture, Endpoint, EndpointRequest, UnreadContent};

use crate::body::ResponseBody;

pin_project! {
    /// The future of [`EndpointService`](super::EndpointService).
    ///
    /// ```
    /// # use tollgate::extend::{Answer, BoxFuture, Endpoint, EndpointRequest};
    /// # struct Ping;
    /// # impl Endpoint for Ping {
    /// #     fn respond(&self, _: EndpointRequest) -> BoxFuture<Answer> {
    /// #         Box::pin(async { Answer::new(204) }) }
    /// # }
    /// use tollgate::tower::{EndpointFuture, EndpointService};
    /// use tower::Service;
    ///
    /// let mut service = EndpointService::new(Ping);
    /// let future: EndpointFuture<String> = service.call(http::Request::default());
    /// assert_eq!(format!("{future:?}"), "EndpointFuture");
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct EndpointFuture<B> {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<B> {
        // `None` after the endpoint has been called.
        Reading { #[pin] body: B, reading: Option<Box<Reading>> },
        Answering { answer: BoxFuture<Answer> },
    }
}

/// A request whose content is not complete yet.
struct Reading {
    endpoint: Arc<dyn Endpoint>,
    request: EndpointRequest,
    limit: usize,
    /// Created when the content has to be awaited.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<B: Body> EndpointFuture<B> {
    pub(super) fn new(endpoint: Arc<dyn Endpoint>, request: EndpointRequest, body: B) -> Self {
        let limit = endpoint.content_limit();
        let reading = Box::new(Reading {
            endpoint,
            request,
            limit,
            deadline: None,
        });
        Self {
            state: State::Reading {
                body,
                reading: Some(reading),
            },
        }
    }
}

impl<B: Body> Future for EndpointFuture<B> {
    type Output = Result<Response<ResponseBody<String>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let answer = loop {
            match state.as_mut().project() {
                StateProjection::Reading { body, reading } => {
                    let so_far = reading.as_mut().expect("polled after it was ready");
                    match ready!(so_far.poll(body, context)) {
                        Ok(true) => {}
                        Ok(false) => continue,
                        Err(unread) => {
                            let Reading {
                                endpoint, request, ..
                            } = *reading.take().expect("it was there a moment ago");
                            break endpoint.respond_unread(&request.into_head(), unread);
                        }
                    }
                    let whole = reading.take().expect("it was there a moment ago");
                    let answer = whole.endpoint.respond(whole.request);
                    state.set(State::Answering { answer });
                }
                StateProjection::Answering { answer } => {
                    break ready!(answer.as_mut().poll(context));
                }
            }
        };
        Poll::Ready(Ok(of_answer(answer, ResponseBody::from)))
    }
}

impl Reading {
    /// Reads one frame. Returns whether the content is complete.
    fn poll<B: Body>(
        &mut self,
        body: Pin<&mut B>,
        context: &mut Context<'_>,
    ) -> Poll<Result<bool, UnreadContent>> {
        let room = self.limit - self.request.content.len();
        let announced = usize::try_from(body.size_hint().lower());
        if announced.map_or(true, |announced| announced > room) {
            return Poll::Ready(Err(UnreadContent::TooLarge));
        }
        let Poll::Ready(frame) = body.poll_frame(context) else {
            return self.wait(context).map(|()| Err(UnreadContent::TooSlow));
        };
        let data = match frame {
            None => return Poll::Ready(Ok(true)),
            Some(Ok(frame)) => frame.into_data(),
            Some(Err(_)) => return Poll::Ready(Err(UnreadContent::Broken)),
        };
        if let Ok(data) = data {
            if data.remaining() > room {
                return Poll::Ready(Err(UnreadContent::TooLarge));
            }
            self.request.content.put(data);
        }
        Poll::Ready(Ok(false))
    }

    /// Is ready when the time for the content is over.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let endpoint = &self.endpoint;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(sleep(endpoint.content_timeout())));
        deadline.as_mut().poll(context)
    }
}

impl<B> fmt::Debug for EndpointFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointFuture")
    }
}
