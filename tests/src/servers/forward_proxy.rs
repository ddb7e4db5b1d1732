//! A proxy that asks an authentication service before each request, as the guide configures it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Process, Scratch, eventually, free_port, listens};

const GET_PROXIES: &str =
    "on Debian and Ubuntu `apt-get install nginx-light caddy haproxy` installs the three proxies";

/// The program of a [`ForwardProxy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// nginx with `auth_request`.
    Nginx,
    /// Caddy with `forward_auth`.
    Caddy,
    /// `HAProxy` with a Lua script.
    Haproxy,
}

/// A running proxy.
#[derive(Debug)]
pub struct ForwardProxy {
    port: u16,
    process: Process,
    _scratch: Scratch,
}

impl ForwardProxy {
    /// Starts the proxy in front of an application, with the configuration of the guide page
    /// `forward-auth.md`. Outside CI, returns `None` if it is not installed.
    ///
    /// # Panics
    /// If the page has no configuration for it, it does not start, or under CI if it is not
    /// installed.
    pub fn start(kind: ProxyKind, authentication: u16, application: u16) -> Option<Self> {
        Self::start_edited(kind, authentication, application, |text| text)
    }

    /// Like [`start`](Self::start), with an edited configuration.
    ///
    /// # Panics
    /// As `start`.
    pub fn start_edited(
        kind: ProxyKind,
        authentication: u16,
        application: u16,
        edit: impl Fn(String) -> String,
    ) -> Option<Self> {
        // Another process may take the port before the proxy does.
        for _ in 0..5 {
            let (port, scratch) = (free_port(), Scratch::new("proxy"));
            let configuration = |language: &str| {
                edit(snippet(language))
                    .replace(":8080", &format!(":{port}"))
                    .replace(":8081", &format!(":{authentication}"))
                    .replace(":8082", &format!(":{application}"))
            };
            let mut command = command(kind, scratch.path(), configuration);
            let log = scratch.path().join("log");
            let mut proxy = Self {
                port,
                process: Process::start(&mut command, &log, GET_PROXIES)?,
                _scratch: scratch,
            };
            let mut ended = false;
            eventually("the proxy answers", || {
                ended = !proxy.process.runs();
                ended || listens(port)
            });
            if !ended {
                return Some(proxy);
            }
            eprintln!("{}", fs::read_to_string(log).unwrap_or_default());
        }
        panic!("{kind:?} ends as soon as it is started");
    }

    /// The URL of a path behind the proxy.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// Writes the configuration to the directory and returns the command that uses it.
fn command(kind: ProxyKind, directory: &Path, read: impl Fn(&str) -> String) -> Command {
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        fs::write(&path, text).expect("the directory can be written");
        path
    };
    match kind {
        ProxyKind::Nginx => {
            let place = directory.display();
            // One process, which ends with the test.
            let around = format!(
                "daemon off; master_process off; pid {place}/pid; error_log stderr; events {{}}\n\
                 http {{ access_log off; client_body_temp_path {place}/body; \
                 proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi; \
                 uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;\n{}\n}}\n",
                read("nginx")
            );
            let mut command = Command::new("nginx");
            command.arg("-c").arg(write("nginx.conf", around));
            command
        }
        ProxyKind::Caddy => {
            let mut command = Command::new("caddy");
            command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(write("Caddyfile", read("caddyfile")))
                .env("HOME", directory)
                .env("XDG_CONFIG_HOME", directory)
                .env("XDG_DATA_HOME", directory);
            command
        }
        ProxyKind::Haproxy => {
            let script = write("forward-auth.lua", read("lua"));
            let configuration =
                read("haproxy").replace("/etc/haproxy/forward-auth.lua", &script.to_string_lossy());
            let mut command = Command::new("haproxy");
            command
                .args(["-db", "-f"])
                .arg(write("haproxy.cfg", configuration));
            command
        }
    }
}

/// The code block of that language in the guide page.
fn snippet(language: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/forward-auth.md");
    let page = fs::read_to_string(page).expect("the guide page can be read");
    let start = format!("```{language}\n");
    let (_, rest) = page
        .split_once(&start)
        .unwrap_or_else(|| panic!("the guide page has no block of {language}"));
    let (block, _) = rest.split_once("```").expect("a block ends");
    block.to_owned()
}
