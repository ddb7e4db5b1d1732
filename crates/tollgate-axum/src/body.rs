//! The response body of the layers: axum's body.

use axum_core::BoxError;
use axum_core::body::Body;
use bytes::Bytes;
use tollgate_core::__private::CsrfForm;
use tollgate_tower::{BodyMode, FormBody, ReadForm, read_form};

/// A mode that converts every body to axum's [`Body`].
///
/// The conversion is free if the body already has this type. Otherwise it costs as much as in axum
/// itself.
///
/// ```
/// use axum::body::{Body, HttpBody};
/// use tollgate::axum::AxumBody;
/// use tollgate::tower::BodyMode;
///
/// let body = AxumBody::of_service(Body::from("hello"));
/// assert_eq!(body.size_hint().exact(), Some(5));
/// let refusal = <AxumBody as BodyMode<Body>>::of_refusal(b"{}".to_vec());
/// assert_eq!(refusal.size_hint().exact(), Some(2));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AxumBody;

impl<B> BodyMode<B> for AxumBody
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Body = Body;

    fn of_service(body: B) -> Body {
        Body::new(body)
    }

    fn of_refusal(content: Vec<u8>) -> Body {
        content.into()
    }

    fn read_form<Q: 'static>(form: CsrfForm, body: Q) -> Result<ReadForm<Q>, Q> {
        read_form::<Body, Q>(form, body, FormBody::new, Body::new)
    }
}
