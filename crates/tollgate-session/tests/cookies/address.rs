//! The address of the client, for the list of devices.

use serde_json::json;

use crate::jar::Jar;
use crate::log::Log;
use crate::world::World;

#[tokio::test]
async fn a_missing_address_is_logged_once() {
    let world = World::new();
    let app = world.app();
    let (log, _guard) = Log::start();
    let mut request = Jar::default().request("POST", "/auth", "/login");
    let json = b"application/json".to_vec();
    request.headers.push(("content-type".to_owned(), json));
    request.content = json!({ "user": "alice" }).to_string().into_bytes();
    request.remote_address = Some([192, 0, 2, 7].into());
    assert_eq!(app.respond(request.clone()).await.status, 200);
    assert_eq!(log.take(), "");

    request.remote_address = None;
    for lines in [1, 0] {
        assert_eq!(app.respond(request.clone()).await.status, 200);
        let logged = log.take();
        let logged: Vec<_> = logged
            .lines()
            .filter(|line| line.contains("no address"))
            .collect();
        let logged = logged.join("\n");
        assert_eq!(logged.lines().count(), lines, "{logged}");
        assert_eq!(logged.contains("connect_info"), lines == 1, "{logged}");
    }
}
