//! Keys in PEM, the textual encoding of RFC 7468.
//!
//! Other crates for PEM differ from this reader in the texts that they accept (indented lines,
//! headers, unknown labels), and none of them zeroizes the text of a private key.

use zeroize::Zeroizing;

use super::base64::{self, Bytes};
use super::der::{self, Document};
use super::error::{KeyError, KeyErrorKind};
use super::public::PublicKey;

/// The content between one `BEGIN` line and its `END` line.
struct Block<'a> {
    label: &'a [u8],
    contents: Contents,
}

enum Contents {
    Der(Bytes),
    /// The block begins with headers of RFC 1421, which only encrypted keys have.
    Encrypted,
}

/// Returns the one public key of the text. Of several certificates it is the first, as in a chain.
pub(super) fn public_key(pem: &[u8]) -> Result<PublicKey, KeyError> {
    let blocks = blocks(pem)?;
    if blocks
        .iter()
        .any(|block| block.label.ends_with(b"PRIVATE KEY"))
    {
        return Err(KeyError::new(
            KeyErrorKind::PrivateKey,
            "the PEM holds a private key",
        ));
    }
    let [first, more @ ..] = blocks.as_slice() else {
        return Err(NO_BLOCK);
    };
    if !(more.is_empty() || blocks.iter().all(|block| block.label == b"CERTIFICATE")) {
        return Err(SEVERAL);
    }
    let Contents::Der(contents) = &first.contents else {
        return Err(KeyError::malformed(
            "the PEM has headers, which belong to encrypted private keys",
        ));
    };
    let document = labelled(first.label, contents)?;
    der::public_key(document, contents)
}

/// Returns the one private key of the text, beside certificates and `EC PARAMETERS`.
pub(super) fn private_key(pem: &[u8]) -> Result<(Document, Bytes), KeyError> {
    let mut private = None;
    let mut public = false;
    for block in blocks(pem)? {
        if block.label.ends_with(b"PRIVATE KEY") {
            if private.replace(block).is_some() {
                return Err(SEVERAL);
            }
        } else {
            public |= block.label != b"EC PARAMETERS";
        }
    }
    let Some(Block { label, contents }) = private else {
        return Err(if public {
            KeyError::new(KeyErrorKind::PublicKey, "the PEM holds no private key")
        } else {
            NO_BLOCK
        });
    };
    match contents {
        Contents::Der(der) => Ok((labelled(label, &der)?, der)),
        Contents::Encrypted => Err(KeyError::new(
            KeyErrorKind::Encrypted,
            "decrypt the key before loading it",
        )),
    }
}

const NO_BLOCK: KeyError = KeyError::malformed("the text has no PEM block");
const SEVERAL: KeyError = KeyError::malformed("the PEM has several keys");

/// Returns the document type of the label. The contents must be of this type.
fn labelled(label: &[u8], der: &[u8]) -> Result<Document, KeyError> {
    let says = match label {
        b"PUBLIC KEY" => Document::Spki,
        b"RSA PUBLIC KEY" => Document::Pkcs1Public,
        b"CERTIFICATE" => Document::Certificate,
        b"PRIVATE KEY" => Document::Pkcs8,
        b"RSA PRIVATE KEY" => Document::Pkcs1Private,
        b"EC PRIVATE KEY" => Document::Sec1,
        b"ENCRYPTED PRIVATE KEY" => Document::EncryptedPkcs8,
        _ => {
            return Err(KeyError::new(
                KeyErrorKind::UnsupportedKeyType,
                "the PEM label is not one of a supported key or certificate",
            ));
        }
    };
    if Document::of(der)? == says {
        Ok(says)
    } else {
        Err(KeyError::malformed(
            "the contents of the PEM do not match its label",
        ))
    }
}

/// Returns all blocks of the text. Text between them is ignored (RFC 7468 section 2).
fn blocks(pem: &[u8]) -> Result<Vec<Block<'_>>, KeyError> {
    const MAX_BYTES: usize = 1 << 20;
    if pem.len() > MAX_BYTES {
        return Err(KeyError::new(
            KeyErrorKind::TooLarge,
            "the PEM has more than 1 MiB",
        ));
    }
    let mut blocks = Vec::new();
    // The buffer never grows, so that no copy of a private key remains in memory.
    let mut body = Zeroizing::new(Vec::with_capacity(pem.len()));
    let mut lines = pem
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .map(<[u8]>::trim_ascii);
    while let Some(line) = lines.next() {
        let Some(label) = between(line, b"-----BEGIN ") else {
            continue;
        };
        body.clear();
        let mut encrypted = false;
        loop {
            let Some(line) = lines.next() else {
                return Err(KeyError::malformed("the PEM has no END line"));
            };
            if let Some(end) = between(line, b"-----END ") {
                if end == label {
                    break;
                }
                return Err(KeyError::malformed(
                    "the BEGIN and END lines of the PEM differ",
                ));
            }
            encrypted |= line.contains(&b':');
            body.extend_from_slice(line);
        }
        let contents = if encrypted {
            Contents::Encrypted
        } else {
            Contents::Der(base64::decode_standard(&body).ok_or(KeyError::malformed(
                "the contents of the PEM are not base64",
            ))?)
        };
        blocks.push(Block { label, contents });
    }
    Ok(blocks)
}

fn between<'a>(line: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(prefix)?.strip_suffix(b"-----")
}
