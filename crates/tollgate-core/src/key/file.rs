//! Keys in files that the first start of a service creates.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::base64::Bytes;
use super::error::{KeyError, KeyErrorKind};

/// The most bytes that are read from a file.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads the key in the file at `path`. If there is no file, creates it with the text of
/// `generate`, readable by its owner only.
///
/// The file appears with its whole content or not at all, and an existing file is never changed. Of
/// several processes that start together, one creates the file and all read it.
///
/// # Errors
/// [`KeyFileError`] if the file cannot be read or created, or if `read` refuses its content.
pub(super) fn load_or_create<K>(
    path: &Path,
    generate: impl FnOnce() -> Result<Zeroizing<String>, KeyError>,
    read: impl FnOnce(&[u8]) -> Result<K, KeyError>,
) -> Result<K, KeyFileError> {
    let refused = |error| KeyFileError::new(path, Cause::Key(error));
    let unreadable = |error| KeyFileError::new(path, Cause::Read(error));
    let content = match content_of(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = generate().map_err(refused)?;
            create(path, text.as_bytes())
                .map_err(|error| KeyFileError::new(path, Cause::Create(error)))?;
            content_of(path).map_err(unreadable)?
        }
        read => read.map_err(unreadable)?,
    };
    read(&content).map_err(refused)
}

fn content_of(path: &Path) -> io::Result<Bytes> {
    // To open a pipe would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is no regular file",
        ));
    }
    let file = File::open(path)?;
    warn_if_shared(path, &file)?;
    // The buffer never grows, so that no copy of the key remains in memory.
    let most = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
    let mut content = Zeroizing::new(Vec::with_capacity(most + 1));
    file.take(MAX_BYTES + 1).read_to_end(&mut content)?;
    if content.len() > most {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "the file has more than 64 KiB",
        ));
    }
    Ok(content)
}

/// Creates the file, unless it exists by then.
fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    let mut random = [0; 8];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
    name.push(format!(".{:016x}.new", u64::from_ne_bytes(random)));
    let new = path.with_file_name(name);
    let written = write_new(&new, content).and_then(|()| match fs::hard_link(&new, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // A file system without hard links.
        Err(_) => match write_new(path, content) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            written => written,
        },
        Ok(()) => Ok(()),
    });
    // The link is the key's file; a failed removal leaves only a second name.
    let _ = fs::remove_file(&new);
    written?;
    sync_directory(path)
}

/// Writes a file that did not exist. Only its owner can read it.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Makes the new name durable. Only Unix lets a directory be opened.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Logs a warning if other users of the machine can read the file.
fn warn_if_shared(path: &Path, file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;

        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(
                target: "tollgate",
                path = %path.display(),
                mode = format_args!("{mode:o}"),
                "the key file is accessible to other users: set its mode to 600",
            );
        }
    }
    #[cfg(not(unix))]
    let _ = (path, file);
    Ok(())
}

/// An error for a key file that cannot be used. The message names the file and never contains a
/// byte of the key.
///
/// ```
/// use tollgate::config::KeyFileErrorKind;
/// use tollgate::{Algorithm, SigningKey};
///
/// let error = SigningKey::load_or_generate(Algorithm::ES256, "/no/such/directory/key.pem");
/// assert_eq!(error.unwrap_err().kind(), KeyFileErrorKind::Create);
/// ```
#[derive(Debug)]
pub struct KeyFileError {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Read(io::Error),
    Create(io::Error),
    Key(KeyError),
}

/// The step that failed: see [`KeyFileError::kind`].
///
/// ```
/// use tollgate::config::KeyFileErrorKind;
///
/// assert_ne!(KeyFileErrorKind::Read, KeyFileErrorKind::Create);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyFileErrorKind {
    /// The file exists and cannot be read, is no regular file, or has more than 64 KiB.
    Read,
    /// There is no file, and it cannot be created, for example because its directory is missing.
    Create,
    /// The content is not a key for the algorithm, or no key could be generated.
    Key(KeyErrorKind),
}

impl KeyFileError {
    fn new(path: &Path, cause: Cause) -> Self {
        Self {
            path: path.to_owned(),
            cause,
        }
    }

    /// The step that failed.
    ///
    /// ```
    /// use tollgate::config::{KeyErrorKind, KeyFileErrorKind};
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// # let directory = std::env::temp_dir().join(format!("tollgate-kind-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// let path = directory.join("signing-key.pem");
    /// SigningKey::load_or_generate(Algorithm::EdDSA, &path)?;
    /// let error = SigningKey::load_or_generate(Algorithm::ES256, &path).unwrap_err();
    /// let mismatch = KeyErrorKind::AlgorithmMismatch;
    /// assert_eq!(error.kind(), KeyFileErrorKind::Key(mismatch));
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn kind(&self) -> KeyFileErrorKind {
        match &self.cause {
            Cause::Read(_) => KeyFileErrorKind::Read,
            Cause::Create(_) => KeyFileErrorKind::Create,
            Cause::Key(error) => KeyFileErrorKind::Key(error.kind()),
        }
    }
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.cause {
            Cause::Read(error) => write!(f, "{path} cannot be read: {error}"),
            Cause::Create(error) => write!(f, "{path} cannot be created: {error}"),
            Cause::Key(error) => write!(f, "{path} is not a usable key: {error}"),
        }
    }
}

impl std::error::Error for KeyFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match &self.cause {
            Cause::Read(error) | Cause::Create(error) => error,
            Cause::Key(error) => error,
        })
    }
}

#[cfg(test)]
mod tests;
