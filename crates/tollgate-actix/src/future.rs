//! The future of both middlewares.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::HttpMessage;
use actix_web::body::EitherBody;
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse};
use pin_project_lite::pin_project;
use tollgate_core::__private::actix::{View, keep};
use tollgate_core::__private::refusing;
use tollgate_core::{Authentication, BoxFuture, HeaderEdits, Policy, Refusal, Step};

use crate::{answer, form, renewal};

const SPENT: &str = "polled after it was ready";

pin_project! {
    /// The future of [`JwtAuthService`](crate::JwtAuthService) and
    /// [`RequireService`](crate::RequireService): the response of the inner service, perhaps with a
    /// renewed token, or a refusal.
    ///
    /// It allocates only to wait for a store or a key source, and to renew a token. The body is an
    /// [`EitherBody`]: the left one is the body of the inner service, the right one the content of
    /// the refusal.
    ///
    /// ```
    /// use actix_web::body::MessageBody;
    /// use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
    /// use actix_web::test::{TestRequest, ok_service};
    /// use tollgate::actix::{JwtAuthService, ResponseFuture};
    ///
    /// fn named<S, B>(service: &JwtAuthService<S>, request: ServiceRequest) -> ResponseFuture<S>
    /// where
    ///     S: Service<ServiceRequest, Response = ServiceResponse<B>>,
    ///     B: MessageBody,
    /// {
    ///     service.call(request)
    /// }
    /// # use actix_web::dev::Transform;
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = tollgate::Key::hs256([7; 32])?;
    /// # let verifier = tollgate::Verifier::builder().dangerous_any_issuer()
    /// #     .dangerous_any_audience().key(key).build()?;
    /// # let service = tollgate::actix::JwtAuth::new(verifier)
    /// #     .new_transform(ok_service()).await.unwrap();
    /// let response = named(&service, TestRequest::default().to_srv_request()).await?;
    /// assert_eq!(response.status(), 401);
    /// # Ok(()) }
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S>
    where
        S: Service<ServiceRequest>,
    {
        #[pin]
        state: State<S, S::Future, S::Response>,
    }
}

pin_project! {
    /// The options are `None` after the future has completed.
    #[project = StateProjection]
    enum State<S, F, R> {
        Waiting { waiting: Option<Box<Waiting<S>>> },
        Accepted { #[pin] response: F, renewal: Option<Box<Authentication>> },
        Renewing { renewing: Option<Box<Renewing<R>>> },
        Reading { reading: Option<Box<Reading<S>>> },
        Refused { response: Option<ServiceResponse> },
    }
}

/// A request that waits for a decision of a store or a key source.
struct Waiting<S> {
    decision: BoxFuture<Result<Authentication, Refusal>>,
    service: Rc<S>,
    duty: Duty,
    request: ServiceRequest,
}

/// A request whose form is read before the decision.
struct Reading<S> {
    decision: Decision,
    service: Rc<S>,
    duty: Duty,
}

/// The content of a refused request that is not read to its end comes with the decision.
type Decision = Pin<
    Box<
        dyn Future<
            Output = (
                Result<Authentication, Refusal>,
                ServiceRequest,
                Option<Payload>,
            ),
        >,
    >,
>;

/// A response that waits for its renewed token.
struct Renewing<R> {
    edits: BoxFuture<HeaderEdits>,
    response: R,
}

/// The task of a middleware after a decision that accepts a request.
#[derive(Clone, Debug)]
pub(crate) enum Duty {
    /// Store the decision for the inner service, and renew the token.
    Authenticate,
    /// Check the policy. Renewal is the task of `JwtAuth`.
    Authorise(Policy),
}

impl<S> ResponseFuture<S>
where
    S: Service<ServiceRequest>,
{
    pub(crate) fn of(
        service: &Rc<S>,
        duty: &Duty,
        request: ServiceRequest,
        decision: Step<Result<Authentication, Refusal>>,
    ) -> Self {
        let state = match decision {
            Step::Ready(decided) => go_on(service, duty, request, decided),
            Step::Pending(decision) => State::Waiting {
                waiting: Some(Box::new(Waiting {
                    decision,
                    service: Rc::clone(service),
                    duty: duty.clone(),
                    request,
                })),
            },
        };
        Self { state }
    }
}

fn go_on<S, R>(
    service: &Rc<S>,
    duty: &Duty,
    request: ServiceRequest,
    mut decided: Result<Authentication, Refusal>,
) -> State<S, S::Future, R>
where
    S: Service<ServiceRequest>,
{
    if let Some(form) = decided.as_mut().err().and_then(Refusal::take_form) {
        return State::Reading {
            reading: Some(Box::new(Reading {
                decision: Box::pin(form::decide(form, request)),
                service: Rc::clone(service),
                duty: duty.clone(),
            })),
        };
    }
    let permitted = decided.and_then(|authentication| match duty {
        Duty::Authenticate => Ok(authentication),
        Duty::Authorise(policy) => refusing(&View(request.request()), || {
            authentication.require_unless_preflight(policy)?;
            Ok(authentication)
        }),
    });
    match permitted {
        Ok(authentication) => {
            let renews = matches!(duty, Duty::Authenticate) && authentication.renewal_due();
            let renewal = renews.then(|| Box::new(authentication.clone()));
            match duty {
                Duty::Authenticate => drop(request.extensions_mut().insert(authentication)),
                Duty::Authorise(_) => keep(request.request(), &authentication),
            }
            State::Accepted {
                response: service.call(request),
                renewal,
            }
        }
        // Unlike `into_response`, this keeps the error beside the response, for outer layers.
        Err(refusal) => State::Refused {
            response: Some(request.error_response(refusal)),
        },
    }
}

impl<S, B> Future for ResponseFuture<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Waiting { waiting } => {
                    let asked = waiting.as_mut().expect(SPENT);
                    let decided = ready!(asked.decision.as_mut().poll(cx));
                    let Waiting {
                        service,
                        duty,
                        request,
                        ..
                    } = *waiting.take().expect(SPENT);
                    go_on(&service, &duty, request, decided)
                }
                StateProjection::Reading { reading } => {
                    let asked = reading.as_mut().expect(SPENT);
                    let (decided, request, unread) = ready!(asked.decision.as_mut().poll(cx));
                    let Reading { service, duty, .. } = *reading.take().expect(SPENT);
                    match (go_on(&service, &duty, request, decided), unread) {
                        (State::Refused { response }, Some(unread)) => State::Refused {
                            response: response.map(|response| {
                                response.map_body(|_, body| answer::keeping(body, unread))
                            }),
                        },
                        (next, _) => next,
                    }
                }
                StateProjection::Accepted { response, renewal } => {
                    let response = ready!(response.poll(cx))?;
                    let edits = renewal
                        .take()
                        .and_then(|authentication| renewal::of(&authentication, &response));
                    let Some(edits) = edits else {
                        return Poll::Ready(Ok(response.map_into_left_body()));
                    };
                    State::Renewing {
                        renewing: Some(Box::new(Renewing { edits, response })),
                    }
                }
                StateProjection::Renewing { renewing } => {
                    let edits = ready!(renewing.as_mut().expect(SPENT).edits.as_mut().poll(cx));
                    let mut response = renewing.take().expect(SPENT).response;
                    renewal::apply(&edits, response.headers_mut());
                    return Poll::Ready(Ok(response.map_into_left_body()));
                }
                StateProjection::Refused { response } => {
                    let response = response.take().expect(SPENT);
                    return Poll::Ready(Ok(response.map_into_right_body()));
                }
            };
            state.set(next);
        }
    }
}
