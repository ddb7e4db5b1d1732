//! A refusal as the status of a gRPC call.

use std::sync::Arc;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::response::of_answer;
use crate::gate::Refusal;
use crate::rejection::answer;

/// The status that the gate sends for the refusal: code, message and metadata, such as
/// `www-authenticate` and `retry-after`. It does not contain the detail for the operator.
///
/// The [`Rejection`](crate::Rejection) is the source of the status. It stays on the server.
///
/// ```
/// use tollgate::{Refusal, Rejection};
/// use tonic::{Code, Status};
///
/// let status = Status::from(Refusal::misconfigured("two gates are in sight"));
/// assert_eq!(status.code(), Code::Internal);
/// assert_eq!(status.message(), "The server failed to authenticate the request");
/// # let source = std::error::Error::source(&status);
/// # assert!(source.is_some_and(|source| source.is::<Rejection>()));
/// ```
impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let (rejection, answer) = refusal.into_parts();
        let answer = answer::into_grpc(answer, rejection.kind());
        let mut metadata = of_answer(answer, drop).into_parts().0.headers;
        metadata.remove(CONTENT_TYPE);
        // A hook may have changed both. Only these two are parsed: tonic panics for details that
        // are not base64.
        let mut own = HeaderMap::with_capacity(2);
        for name in ["grpc-status", "grpc-message"] {
            if let Some(value) = metadata.remove(name) {
                own.insert(name, value);
            }
        }
        let status = Self::from_header_map(&own).filter(|status| status.code() != Code::Ok);
        let mut status = status.unwrap_or_else(|| Self::internal("The answer is no status"));
        *status.metadata_mut() = MetadataMap::from_headers(metadata);
        status.set_source(Arc::new(rejection));
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::Protocol;
    use crate::rejection::answer::opening;
    use crate::rejection::{Rejection, RejectionKind};

    fn refusal(kind: RejectionKind, protocol: Protocol, edit: fn(&mut answer::Answer)) -> Refusal {
        let rejection = Rejection::new(kind, "the detail of the operator");
        let mut answer = answer::of(&rejection, &opening("api"), protocol);
        edit(&mut answer);
        Refusal::new(rejection, answer)
    }

    #[test]
    fn the_status_is_that_of_the_answer_in_either_form() {
        for (kind, code) in [
            (RejectionKind::MissingCredential, Code::Unauthenticated),
            (RejectionKind::MultipleCredentials, Code::Unauthenticated),
            (RejectionKind::Expired, Code::Unauthenticated),
            (RejectionKind::InsufficientScope, Code::PermissionDenied),
            (RejectionKind::CrossSite, Code::PermissionDenied),
            (RejectionKind::Unavailable, Code::Unavailable),
            (RejectionKind::Misconfigured, Code::Internal),
        ] {
            let sent = |protocol| {
                let status = Status::from(refusal(kind, protocol, |_| ()));
                assert_eq!(status.code(), code);
                status.into_http::<()>().into_parts().0.headers
            };
            let in_grpc = refusal(kind, Protocol::Grpc, |_| ()).into_parts().1;
            let mut trailers_only = of_answer(in_grpc, drop).into_parts().0.headers;
            // tonic writes a space as `%20`, which means the same.
            let message = trailers_only["grpc-message"].to_str().unwrap();
            let message = message.replace(' ', "%20").parse().unwrap();
            trailers_only.insert("grpc-message", message);
            assert_eq!(sent(Protocol::Grpc), trailers_only, "{kind:?}");
            assert_eq!(sent(Protocol::Http), trailers_only, "{kind:?}");
            for value in trailers_only.values() {
                assert!(!value.as_bytes().windows(6).any(|part| part == b"detail"));
            }
        }
    }

    #[test]
    fn a_hook_may_write_any_field() {
        let status = Status::from(refusal(RejectionKind::Expired, Protocol::Grpc, |answer| {
            answer.set("grpc-message", "100%25 expired");
            answer.set("x-detail-bin", "AAEC");
            answer.set("grpc-status-details-bin", "not base64!");
            answer.set("x\n", "no header name");
            answer.set("x-line", "a\nb");
        }));
        assert_eq!(status.message(), "100% expired");
        let detail = status.metadata().get_bin("x-detail-bin").unwrap();
        assert_eq!(&detail.to_bytes().unwrap()[..], [0, 1, 2]);
        assert_eq!(status.into_http::<()>().headers()["grpc-status"], "16");

        for wrong in ["0", "zero", ""] {
            let mut edited = refusal(RejectionKind::Expired, Protocol::Grpc, |_| ()).into_parts();
            edited.1.set("grpc-status", wrong);
            let status = Status::from(Refusal::new(edited.0, edited.1));
            assert_ne!(status.code(), Code::Ok, "{wrong}");
        }
    }
}
