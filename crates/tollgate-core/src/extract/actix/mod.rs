//! Extraction from an actix-web request.

mod decide;
mod response;
mod view;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub use actix_web::dev::Payload;
pub use actix_web::{FromRequest, HttpRequest};

pub use self::decide::{begin, keep};
pub use self::response::of_answer;
pub use self::view::View;
use super::Gated;
use crate::gate::{Authentication, FromAuthentication, Refusal, refusing};
use crate::step::{BoxFuture, Step};

impl<E: FromAuthentication> FromAuthentication for Gated<E> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        E::from_authentication(authentication).map(Self)
    }
}

crate::__impl_actix_extractor! { [E,] [Gated<E>] [E: FromAuthentication,] }

/// Extracts a value from the decision on the request.
#[doc(hidden)]
pub fn extract<T: FromAuthentication>(request: &HttpRequest) -> Extraction<T> {
    Extraction(match decide::begin(request) {
        Step::Ready(decided) => State::Decided(Some(draw(request, decided))),
        Step::Pending(decision) => State::Waiting(decision, request.clone()),
    })
}

fn draw<T: FromAuthentication>(
    request: &HttpRequest,
    decided: Result<Authentication, Refusal>,
) -> Result<T, Refusal> {
    let decided = decided?;
    decide::keep(request, &decided);
    refusing(&View(request), || T::from_authentication(&decided))
}

/// The future of every extractor. It is ready at once, unless the gate waits for a store or a key
/// source.
///
/// ```
/// use actix_web::{FromRequest, dev::Payload, test::TestRequest};
/// use tollgate::Principal;
/// use tollgate::actix::Extraction;
///
/// # #[actix_web::main]
/// # async fn main() {
/// let request = TestRequest::default().to_http_request();
/// let future: Extraction<Principal> = Principal::from_request(&request, &mut Payload::None);
/// assert_eq!(future.await.unwrap_err().rejection().status(), 500); // no layer, no gate
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Extraction<T>(State<T>);

enum State<T> {
    /// `None` after the value is returned.
    Decided(Option<Result<T, Refusal>>),
    Waiting(BoxFuture<Result<Authentication, Refusal>>, HttpRequest),
}

/// No field is pinned.
impl<T> Unpin for Extraction<T> {}

impl<T: FromAuthentication> Future for Extraction<T> {
    type Output = Result<T, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let drawn = match &mut self.0 {
            State::Decided(drawn) => drawn.take().expect("polled after it was ready"),
            State::Waiting(decision, request) => {
                let decided = ready!(decision.as_mut().poll(cx));
                draw(request, decided)
            }
        };
        self.0 = State::Decided(None);
        Poll::Ready(drawn)
    }
}

impl<T> fmt::Debug for Extraction<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extraction")
    }
}

/// Implements the extractor trait of actix-web.
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_actix_extractor {
    ([$($generics:tt)*] [$type:ty] [$($predicates:tt)*]) => {
        impl<$($generics)*> $crate::__private::actix::FromRequest for $type
        where
            $($predicates)*
        {
            type Error = $crate::Refusal;
            type Future = $crate::__private::actix::Extraction<Self>;

            fn from_request(
                request: &$crate::__private::actix::HttpRequest,
                _: &mut $crate::__private::actix::Payload,
            ) -> Self::Future {
                $crate::__private::actix::extract::<Self>(request)
            }
        }
    };
}
