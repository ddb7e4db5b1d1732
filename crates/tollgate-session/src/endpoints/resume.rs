//! Resuming a session by a page load, without scripts.

use tollgate_core::__private::is_navigation;
use tollgate_core::{Answer, EndpointRequest, ReturnTo};

use super::refused::{self, Refused};
use super::{SessionEndpoints, answers, device};
use crate::error::SessionErrorKind;
use crate::sessions::RefreshRequest;

impl SessionEndpoints {
    /// Refreshes the session by its cookie and redirects to `return_to`, or to the login page if
    /// the session is over.
    ///
    /// Any site can link here. The link only rotates the tokens of the browser's own session, and
    /// the browser gets the new ones. Images, frames and scripts of other sites cannot do that.
    pub(super) async fn resume(&self, request: &EndpointRequest) -> Result<Answer, Refused> {
        let (Some(login), Some(cookies)) = (&self.0.login_page, self.cookies()) else {
            return Err(refused::not_found());
        };
        if !is_navigation(request) {
            let detail = "Only the page load of a browser can resume a session";
            return Err(Refused::new(403, "not_a_page_load", None, detail));
        }
        let to = request.query.as_deref().and_then(ReturnTo::from_query);
        let back = to.as_ref().map_or("/", ReturnTo::as_str);
        // A chain of links to this path rotates the tokens once.
        if cookies.is_resumed(request) {
            return Ok(answers::see_other(back));
        }
        let wanted = RefreshRequest {
            device: device::of(request, self.0.proxies),
            ..RefreshRequest::default()
        };
        match cookies.resume(&self.0.sessions, wanted, request).await {
            Ok(edits) => Ok(answers::with(answers::see_other(back), &edits)),
            // The cookies stay, as after every failed refresh: another tab may have got new ones.
            Err(error) => match error.kind() {
                SessionErrorKind::Invalid | SessionErrorKind::Reuse => {
                    let page = to.map_or_else(|| login.clone(), |to| to.appended_to(login));
                    Ok(answers::see_other(&page))
                }
                _ => Err(answers::as_page(Refused::from(&error))),
            },
        }
    }
}
