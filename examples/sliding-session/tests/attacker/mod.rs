//! A page of an attacker, with forms that post to the server.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

pub(crate) struct Attacker {
    port: u16,
}

impl Attacker {
    /// Serves a page whose forms post to the server at `home`, until the test ends.
    pub(crate) fn start(home: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let page = page(home);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let page = page.clone();
                // One thread each: the browser also opens connections in advance and leaves them
                // idle.
                std::thread::spawn(move || serve(&connection.unwrap(), &page));
            }
        });
        Self { port }
    }

    /// A site other than `localhost`.
    pub(crate) fn other_site(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Another origin on `localhost`. For cookies, all of its ports are one site.
    pub(crate) fn same_site(&self) -> String {
        format!("http://localhost:{}/", self.port)
    }
}

fn serve(mut connection: &TcpStream, page: &str) {
    let lines = BufReader::new(connection).lines().map_while(Result::ok);
    if lines.take_while(|line| !line.is_empty()).count() == 0 {
        return;
    }
    let _ = write!(
        connection,
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{page}",
        page.len()
    );
}

/// A form cannot send the JSON content type, but it can send JSON as plain text.
fn page(home: &str) -> String {
    let form = |id: &str, path: &str, field: &str| {
        format!(
            "<form id={id} method=post enctype=text/plain action='{home}{path}'>\
             {field}<button>Win</button></form>"
        )
    };
    [
        form("click", "clicks", ""),
        form("refresh", "auth/refresh", ""),
        form("logout", "auth/logout", ""),
        form(
            "login",
            "auth/login",
            r#"<input type=hidden name='{"user":"bob","password":"builder","x":"' value='"}'>"#,
        ),
    ]
    .concat()
}
