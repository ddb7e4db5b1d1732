//! A request body whose start is read before the decision.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::timeout;
use tollgate_core::__private::CsrfForm;
use tollgate_core::{BoxFuture, UnreadContent};

/// Shorter frames are joined, in bytes.
const SHORT: usize = 1024;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request body from which [`JwtAuth`](crate::JwtAuth) can read the field `csrf_token` of a form.
/// The service gets the whole content, unchanged, as it arrives.
///
/// A layer does not change the type of a request body, and cannot return the start of a form into
/// any type. Without this type around the body, a form needs the header field `x-csrf-token`. The
/// layer of `tollgate-axum` reads axum's own body instead.
///
/// ```
/// use http::Request;
/// use http_body_util::{BodyExt, Full};
/// use tollgate::tower::{FormBody, JwtAuth};
/// # use std::convert::Infallible;
/// # use tollgate::{Key, Verifier};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let service = ServiceBuilder::new()
///     .map_request(|request: Request<Full<bytes::Bytes>>| request.map(FormBody::new))
///     .layer(JwtAuth::new(verifier))
///     .service_fn(async |request: Request<FormBody>| {
///         let form = request.into_body().collect().await.map(|form| form.to_bytes());
///         Ok::<_, Infallible>(http::Response::new(Full::new(form.unwrap_or_default())))
///     });
/// assert_eq!(service.oneshot(Request::default()).await?.status(), 401);
/// # Ok(()) }
/// ```
pub struct FormBody {
    /// The frames that were read before the decision.
    read: VecDeque<Frame<Bytes>>,
    /// The content of short frames after them, while the form is read.
    short: BytesMut,
    /// `None` after its end.
    rest: Option<Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>>,
}

impl FormBody {
    /// Wraps a body.
    pub fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self {
            read: VecDeque::new(),
            short: BytesMut::new(),
            rest: Some(Box::pin(Rest { body })),
        }
    }

    fn poll_rest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let frame = ready!(rest.as_mut().poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.rest = None;
        }
        Poll::Ready(frame)
    }

    /// Keeps a frame. Short ones become one, as each of them needs more memory than its content.
    fn keep(&mut self, frame: Frame<Bytes>) {
        match frame.data_ref() {
            Some(data) if data.len() < SHORT => self.short.extend_from_slice(data),
            _ => {
                self.join_short();
                self.read.push_back(frame);
            }
        }
    }

    fn join_short(&mut self) {
        if !self.short.is_empty() {
            let joined = self.short.split().freeze();
            self.read.push_back(Frame::data(joined));
        }
    }

    /// Reads what the form needs. Returns whether the content ended.
    async fn read_start(&mut self, form: &mut CsrfForm) -> Result<bool, UnreadContent> {
        while let Some(frame) = poll_fn(|context| self.poll_rest(context)).await {
            let frame = frame.map_err(|_| UnreadContent::Broken)?;
            let is_enough = frame.data_ref().is_some_and(|data| form.push(data));
            self.keep(frame);
            if is_enough {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Body for FormBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.read.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => self.poll_rest(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let data = self.read.iter().filter_map(Frame::data_ref);
        let read = data.map(|data| data.len() as u64).sum::<u64>();
        let rest = self.rest.as_ref();
        let rest = rest.map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(read.saturating_add(upper));
        }
        hint.set_lower(read.saturating_add(rest.lower()));
        hint
    }
}

impl fmt::Debug for FormBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormBody").finish_non_exhaustive()
    }
}

pin_project! {
    struct Rest<B> {
        #[pin]
        body: B,
    }
}

impl<B: Body> Body for Rest<B>
where
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let frame = self.project().body.poll_frame(context);
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The token of a form, and the body with the whole content.
pub type ReadForm<B> = BoxFuture<(Result<Option<Vec<u8>>, UnreadContent>, B)>;

/// Reads the start of a form from a body `B` if it is a `T`.
///
/// # Errors
/// The unchanged body if it is not a `T`.
pub fn read_form<T, B>(
    mut form: CsrfForm,
    body: B,
    wrap: fn(T) -> FormBody,
    unwrap: fn(FormBody) -> T,
) -> Result<ReadForm<B>, B>
where
    T: 'static,
    B: 'static,
{
    let mut body = wrap(cast::<B, T>(body)?);
    Ok(Box::pin(async move {
        let read = timeout(CsrfForm::TIMEOUT, body.read_start(&mut form)).await;
        body.join_short();
        let ended = read.unwrap_or(Err(UnreadContent::TooSlow));
        let Ok(body) = cast::<T, B>(unwrap(body)) else {
            unreachable!("both are one type")
        };
        (ended.map(|ended| form.token(ended)), body)
    }))
}

fn cast<T: 'static, U: 'static>(value: T) -> Result<U, T> {
    let mut slot = Some(value);
    let cast = (&mut slot as &mut dyn Any).downcast_mut::<Option<U>>();
    match cast.and_then(Option::take) {
        Some(value) => Ok(value),
        None => Err(slot.expect("it was not taken")),
    }
}
