//! The body type of the responses of a layer.

use tollgate_core::__private::CsrfForm;

use crate::body::ResponseBody;
use crate::form_body::{FormBody, ReadForm, read_form};

/// A strategy that unifies the content of a refusal and the body `B` of the service in one type.
///
/// [`JwtAuth`](crate::JwtAuth) and [`require`](crate::require()) use [`WrappedBody`], which works
/// for every service. When all bodies become one type anyway, as in axum, another mode avoids the
/// wrapper: `tollgate-axum` has its own.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tollgate::{Gate, Key, Verifier};
/// use tollgate::tower::{BodyMode, JwtAuthLayer};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// /// For services whose body can be made of bytes.
/// #[derive(Clone, Debug)]
/// struct OwnBody;
///
/// impl<B: From<Vec<u8>>> BodyMode<B> for OwnBody {
///     type Body = B;
///
///     fn of_service(body: B) -> B {
///         body
///     }
///     fn of_refusal(content: Vec<u8>) -> B {
///         content.into()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let service = ServiceBuilder::new().layer(JwtAuthLayer::<OwnBody>::new(verifier)).service_fn(
///     async |_: Request<()>| Ok::<_,
///         std::convert::Infallible>(Response::new(Full::new(Bytes::from("open")))),
/// );
/// let refused: Response<Full<Bytes>> = service.oneshot(Request::new(())).await?;
/// assert_eq!(refused.status(), 401);
/// # Ok(()) }
/// ```
pub trait BodyMode<B> {
    /// The body type of the responses.
    type Body;

    /// Converts the body of the service.
    ///
    /// ```
    /// use tollgate::tower::{BodyMode, ResponseBody, WrappedBody};
    ///
    /// let body: ResponseBody<String> = WrappedBody::of_service("hello".to_owned());
    /// assert!(format!("{body:?}").contains("hello"));
    /// ```
    fn of_service(body: B) -> Self::Body;

    /// Creates the body of a refusal with this content.
    ///
    /// ```
    /// use http_body::Body;
    /// use tollgate::tower::{BodyMode, WrappedBody};
    ///
    /// let body = <WrappedBody as BodyMode<String>>::of_refusal(b"{}".to_vec());
    /// assert_eq!(body.size_hint().exact(), Some(2));
    /// ```
    fn of_refusal(content: Vec<u8>) -> Self::Body;

    /// Reads the start of a form from a request body, if the mode knows its type.
    #[doc(hidden)]
    fn read_form<Q: 'static>(form: CsrfForm, body: Q) -> Result<ReadForm<Q>, Q> {
        read_form::<FormBody, Q>(form, body, |body| body, |body| body)
    }
}

/// A mode that wraps any service body in a [`ResponseBody`].
///
/// ```
/// use tollgate::tower::{JwtAuth, JwtAuthLayer, WrappedBody};
///
/// fn same(layer: JwtAuth) -> JwtAuthLayer<WrappedBody> {
///     layer
/// }
/// # let _ = same;
/// # assert_eq!(size_of::<WrappedBody>(), 0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WrappedBody;

impl<B> BodyMode<B> for WrappedBody {
    type Body = ResponseBody<B>;

    fn of_service(body: B) -> ResponseBody<B> {
        ResponseBody::of_service(body)
    }

    fn of_refusal(content: Vec<u8>) -> ResponseBody<B> {
        content.into()
    }
}
