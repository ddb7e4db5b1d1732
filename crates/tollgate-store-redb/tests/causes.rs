//! Every error names its true cause.

#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod child;
mod directory;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use directory::Directory;
use tollgate_session::{SessionId, SessionStore, StoreErrorKind, StoredSession};
use tollgate_store_redb::RedbStore;

const NOW: u64 = 1_700_000_000;
/// A user without any permission.
const NOBODY: u32 = 65534;

fn session(number: u64) -> StoredSession {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    StoredSession {
        id: SessionId::new(id),
        subject: "u-7".to_owned(),
        revision: 1,
        expires_at: NOW + 900,
        data: vec![7; 10_000],
    }
}

/// Opens the file and fills it, and prints the error. Does nothing outside the tests below.
#[tokio::test]
async fn child_process() {
    let Some(path) = child::path() else { return };
    let store = match RedbStore::open(&path) {
        Ok(store) => store,
        Err(error) => return child::say(&format!("opening: {:?}: {error}", error.kind())),
    };
    for number in 0..5_000 {
        if let Err(error) = store.insert(&session(number), NOW).await {
            child::say(&format!("writing: {:?}: {error}", error.kind()));
            // The first session is still there, and a backup has its own error.
            let first = store.load(&session(0).id, NOW).await;
            child::say(&format!("first: {}", first == Ok(Some(session(0)))));
            return;
        }
    }
    child::say("no error");
}

/// Runs the child process and returns what it printed.
fn printed(command: Command) -> Vec<String> {
    let (mut process, lines) = child::start(command);
    let lines = lines.filter(|line| {
        ["opening:", "writing:", "first:", "no error"]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let lines = lines.collect();
    process.wait().unwrap();
    lines
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

/// Returns the command of the child process as a user who may not do everything.
fn as_nobody(path: &Path) -> Command {
    let mut command = child::command(&[], path);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

#[test]
fn a_missing_directory() {
    let directory = Directory::new("nowhere");
    let path = directory.file("no/such/directory/sessions.redb");
    let error = RedbStore::open(&path).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let cause = format!("{}: the directory does not exist", path.display());
    assert!(error.to_string().ends_with(&cause), "{error}");
}

#[test]
fn a_directory_in_place_of_the_file() {
    let directory = Directory::new("folder");
    let path = directory.file("sessions.redb");
    std::fs::create_dir(&path).unwrap();
    let error = RedbStore::open(&path).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("directory"), "{error}");
}

#[test]
fn a_file_without_permission() {
    let directory = Directory::new("permission");
    let path = directory.file("sessions.redb");
    drop(RedbStore::open(&path).unwrap());
    mode(&path, 0o400);
    let printed = printed(as_nobody(&path));
    let [error] = &printed[..] else {
        panic!("{printed:?}")
    };
    assert!(
        error.starts_with("opening: Denied: the store denied access: "),
        "{error}"
    );
    assert!(
        error.contains("sessions.redb") && error.contains("ermission denied"),
        "{error}"
    );
}

#[test]
fn a_directory_without_permission() {
    let directory = Directory::new("locked");
    let locked = directory.file("directory");
    std::fs::create_dir(&locked).unwrap();
    mode(&locked, 0o500);
    let printed = printed(as_nobody(&locked.join("sessions.redb")));
    mode(&locked, 0o700);
    assert!(
        matches!(&printed[..], [error] if error.starts_with("opening: Denied: ")),
        "{printed:?}"
    );
}

#[test]
fn a_file_that_another_process_uses() {
    let directory = Directory::new("used");
    let path = directory.file("sessions.redb");
    let _store = RedbStore::open(&path).unwrap();
    let printed = printed(child::command(&[], &path));
    assert!(
        matches!(&printed[..], [error] if error.starts_with("opening: Unavailable: ")
            && error.ends_with("is already open; only one process can use it")),
        "{printed:?}"
    );
}

/// A limit of the file size is the same error for the store as a quota.
#[test]
fn a_file_that_must_not_grow() {
    let directory = Directory::new("limit");
    let path = directory.file("sessions.redb");
    let shell = [
        "sh",
        "-c",
        "trap '' XFSZ; ulimit -f 16384; exec \"$@\"",
        "sh",
    ];
    let printed = printed(child::command(&shell, &path));
    let [error, first] = &printed[..] else {
        panic!("{printed:?}")
    };
    assert!(
        error.starts_with("writing: Full: the store is full: "),
        "{error}"
    );
    assert_eq!(first, "first: true");
}

/// Mounts a file system in a namespace of its own and runs the child process there.
fn mounted(options: &str, prepare: &str, directory: &Directory) -> Option<Vec<String>> {
    let mount = directory.file("mount");
    std::fs::create_dir(&mount).unwrap();
    let possible = Command::new("unshare")
        .args(["-m", "sh", "-c", "mount -t tmpfs none \"$0\""])
        .arg(&mount)
        .output()
        .is_ok_and(|output| output.status.success());
    if !possible {
        println!("skipped: file systems cannot be mounted here");
        return None;
    }
    let script = format!("mount -t tmpfs -o {options} none \"$0\" && {prepare} && exec \"$@\"");
    let mount = mount.display().to_string();
    let shell = ["unshare", "-m", "sh", "-c", &script, &mount];
    let path = Path::new(&mount).join("sessions.redb");
    Some(printed(child::command(&shell, &path)))
}

#[test]
fn a_full_disk() {
    let directory = Directory::new("full");
    if let Some(printed) = mounted("size=16m", "true", &directory) {
        let [error, first] = &printed[..] else {
            panic!("{printed:?}")
        };
        assert!(
            error.starts_with("writing: Full: the store is full: "),
            "{error}"
        );
        assert_eq!(first, "first: true");
    }
}

#[test]
fn a_read_only_file_system() {
    let directory = Directory::new("read-only");
    if let Some(printed) = mounted("size=1m", "mount -o remount,ro \"$0\"", &directory) {
        assert!(
            matches!(&printed[..], [error]
                if error.starts_with("opening: ReadOnly: the store accepts no writes: ")),
            "{printed:?}"
        );
    }
}
