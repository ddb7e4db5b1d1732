use std::path::PathBuf;
use std::sync::Barrier;

use super::*;
use crate::algorithm::Algorithm;
use crate::key::SigningKey;

/// A directory that is removed at the end of the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("tollgate-key-file-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_algorithm_is_generated_once_and_then_loaded() {
    let directory = Directory::new("algorithms");
    for &algorithm in Algorithm::ALL {
        let path = directory.0.join(algorithm.as_str());
        let first = SigningKey::load_or_generate(algorithm, &path).unwrap();
        let second = SigningKey::load_or_generate(algorithm, &path).unwrap();
        assert!(first.kid().is_some_and(|kid| kid == second.kid().unwrap()));
        assert_eq!(first.public_jwk(), second.public_jwk());
        let signature = first.sign(b"message").unwrap();
        let verifies = second
            .verifying_key()
            .prepared
            .verify(algorithm, b"message", &signature);
        assert!(verifies, "{algorithm:?}");
    }
    assert_eq!(
        directory.names().len(),
        Algorithm::ALL.len(),
        "no other file is left"
    );
}

#[test]
fn processes_that_start_together_have_the_same_key() {
    let directory = Directory::new("race");
    let path = directory.0.join("key.pem");
    let start = Barrier::new(8);
    let kids = std::thread::scope(|scope| {
        let load = || {
            start.wait();
            let key = SigningKey::load_or_generate(Algorithm::ES256, &path);
            key.unwrap().kid().unwrap().to_owned()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
        let kids = threads.into_iter().map(|thread| thread.join().unwrap());
        kids.collect::<std::collections::BTreeSet<_>>()
    });
    assert_eq!(kids.len(), 1);
    assert_eq!(directory.names(), ["key.pem"]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = Directory::new("mode");
    let path = directory.0.join("key.pem");
    SigningKey::load_or_generate(Algorithm::EdDSA, &path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_existing_file_is_never_changed() {
    let directory = Directory::new("existing");
    let path = directory.0.join("key.pem");
    let other = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let other = other.to_pkcs8_pem().unwrap();
    for content in ["", "\n", "not a key", &other, &"A".repeat(1 << 17)] {
        fs::write(&path, content).unwrap();
        for algorithm in [Algorithm::ES256, Algorithm::HS256] {
            let error = SigningKey::load_or_generate(algorithm, &path).unwrap_err();
            assert!(error.to_string().contains("key.pem"), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    let error = SigningKey::load_or_generate(Algorithm::ES256, &directory.0).unwrap_err();
    assert_eq!(error.kind(), KeyFileErrorKind::Read);
}

#[test]
fn an_error_shows_the_file_and_never_the_key() {
    let directory = Directory::new("error");
    let path = directory.0.join("secret");
    fs::write(&path, "c2hvcnQgc2VjcmV0").unwrap();
    let error = SigningKey::load_or_generate(Algorithm::HS256, &path).unwrap_err();
    assert_eq!(
        error.kind(),
        KeyFileErrorKind::Key(KeyErrorKind::SecretTooShort)
    );
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("secret too short"), "{shown}");
    assert!(
        !shown.contains("c2hvcnQ") && !shown.contains("short secret"),
        "{shown}"
    );
}

#[cfg(unix)]
#[test]
fn only_a_regular_file_is_read() {
    use std::process::Command;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    let directory = Directory::new("kinds");
    let pipe = directory.0.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let link = directory.0.join("link");
    std::os::unix::fs::symlink(&pipe, &link).unwrap();
    let devices = ["/dev/null", "/dev/zero"].map(PathBuf::from);
    for path in [pipe, link].into_iter().chain(devices) {
        let (send, receive) = channel();
        let shown = path.display().to_string();
        std::thread::spawn(move || {
            let loaded = SigningKey::load_or_generate(Algorithm::EdDSA, &path);
            let _ = send.send(loaded.unwrap_err());
        });
        let error = receive.recv_timeout(Duration::from_secs(10));
        let error = error.unwrap_or_else(|_| panic!("{shown} is waited for"));
        assert_eq!(error.kind(), KeyFileErrorKind::Read, "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_is_read_and_one_to_nothing_is_an_error() {
    let directory = Directory::new("links");
    let [path, link] = ["key.pem", "link"].map(|name| directory.0.join(name));
    std::os::unix::fs::symlink("key.pem", &link).unwrap();
    let error = SigningKey::load_or_generate(Algorithm::EdDSA, &link).unwrap_err();
    assert_eq!(error.kind(), KeyFileErrorKind::Read, "{error}");
    assert_eq!(directory.names(), ["link"]);
    let first = SigningKey::load_or_generate(Algorithm::EdDSA, &path).unwrap();
    let second = SigningKey::load_or_generate(Algorithm::EdDSA, &link).unwrap();
    assert_eq!(first.kid(), second.kid());
}

#[test]
fn a_text_with_line_ends_of_windows_is_read_and_two_keys_are_not() {
    let directory = Directory::new("texts");
    let path = directory.0.join("key");
    for algorithm in [Algorithm::EdDSA, Algorithm::HS256] {
        let _ = fs::remove_file(&path);
        let key = SigningKey::load_or_generate(algorithm, &path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let windows = text.replace('\n', "\r\n") + "\r\n";
        fs::write(&path, &windows).unwrap();
        let same = SigningKey::load_or_generate(algorithm, &path).unwrap();
        assert_eq!(key.kid(), same.kid(), "{algorithm:?}");
        for wrong in [windows.repeat(2), format!("{text}\n{text}")] {
            fs::write(&path, wrong).unwrap();
            let loaded = SigningKey::load_or_generate(algorithm, &path);
            assert!(loaded.is_err(), "two keys, {algorithm:?}");
        }
    }
}
