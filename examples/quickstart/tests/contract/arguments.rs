//! Invalid arguments.

use std::fs;
use std::process::{Command, Output};

use crate::PROGRAM;
use crate::running::{Server, folder};

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_invalid_argument_is_named() {
    for (arguments, named) in [
        (&["--lisen", "127.0.0.1:0"][..], "--lisen"),
        (&["extra"], "extra"),
        (&["--listen"], "--listen"),
        (&["--listen", "127.0.0.1"], "127.0.0.1"),
        (&["--listen", "127.0.0.1:70000"], "127.0.0.1:70000"),
        (&["--issuer"], "--issuer"),
        (&["--keys", "no-such-file"], "no-such-file"),
    ] {
        let message = refused(arguments);
        assert!(
            message.contains(named) && message.contains("--help"),
            "{arguments:?}: {message}"
        );
    }
}

#[test]
fn help_exits_successfully() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for option in ["--listen", "--issuer", "--audience", "--keys"] {
        assert!(text.contains(option), "{text}");
    }
}

#[test]
fn a_file_without_a_usable_key_is_refused() {
    let folder = folder("bad-keys");
    let private = r#"{"kty":"OKP","crv":"Ed25519",
        "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let private_set = format!(r#"{{"keys": [{private}]}}"#);
    for (text, named) in [
        ("", "not a JSON object"),
        ("keys", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("{}", "`kty`"),
        (r#"{"keys": []}"#, "no key"),
        (r#"{"kty":"oct","k":"c2hvcnQ"}"#, "too short"),
        (private, "private key"),
        (&private_set, "private key"),
    ] {
        let file = folder.join("keys.json");
        fs::write(&file, text).unwrap();
        let message = refused(&["--keys", file.to_str().unwrap()]);
        assert!(
            message.contains("keys.json") && message.contains(named),
            "{text}: {message}"
        );
    }
}

#[test]
fn an_address_in_use_is_reported() {
    let server = Server::start(PROGRAM, &folder("in-use"), &[]);
    let output = run(&["--listen", &server.address]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains(&server.address) && message.contains("--listen"),
        "{message}"
    );
}
