//! Keys in PEM, the textual encoding of RFC 7468, also in the forms of environment variables: with
//! the characters `\n` for line ends, on one line, in quotes, after a byte order mark, or in
//! base64.
//!
//! Other crates for PEM differ from this reader in the texts that they accept (indented lines,
//! headers, unknown labels), and none of them zeroizes the text of a private key.

use zeroize::Zeroizing;

use super::base64::{self, Bytes};
use super::der::{self, Document};
use super::error::{KeyError, KeyErrorKind};
use super::public::PublicKey;

/// The content between one `BEGIN` line and its `END` line.
struct Block {
    label: Box<[u8]>,
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
    if !(more.is_empty() || blocks.iter().all(|block| *block.label == *b"CERTIFICATE")) {
        return Err(SEVERAL);
    }
    let Contents::Der(contents) = &first.contents else {
        return Err(KeyError::malformed(
            "the PEM has headers, which belong to encrypted private keys",
        ));
    };
    let document = labelled(&first.label, contents)?;
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
            public |= *block.label != *b"EC PARAMETERS";
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
        Contents::Der(der) => Ok((labelled(&label, &der)?, der)),
        Contents::Encrypted => Err(KeyError::new(
            KeyErrorKind::Encrypted,
            "decrypt the key before loading it",
        )),
    }
}

/// Returns one block, as section 3 of RFC 7468 writes it.
pub(super) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let lines = base64::encode_lines(der, 64);
    Zeroizing::new(
        [
            "-----BEGIN ",
            label,
            "-----\n",
            &lines,
            "-----END ",
            label,
            "-----\n",
        ]
        .concat(),
    )
}

const NO_BLOCK: KeyError =
    KeyError::malformed("the text has no PEM block: pass the contents of the file, not its name");
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
fn blocks(pem: &[u8]) -> Result<Vec<Block>, KeyError> {
    const MAX_BYTES: usize = 1 << 20;
    if pem.len() > MAX_BYTES {
        return Err(KeyError::new(
            KeyErrorKind::TooLarge,
            "the PEM has more than 1 MiB",
        ));
    }
    if pem.starts_with(&[0xff, 0xfe]) || pem.starts_with(&[0xfe, 0xff]) {
        return Err(KeyError::malformed("the PEM is UTF-16; save it as UTF-8"));
    }
    let blocks = plain_blocks(pem)?;
    if !blocks.is_empty() {
        return Ok(blocks);
    }
    match decode_whole(pem) {
        None => Ok(blocks),
        Some(decoded) if Document::of(&decoded).is_ok() => Err(KeyError::malformed(
            "the text is base64 of DER without the BEGIN and END lines of PEM",
        )),
        Some(decoded) => plain_blocks(&decoded),
    }
}

/// Decodes a text that is base64 as a whole, such as `base64 < key.pem`.
fn decode_whole(text: &[u8]) -> Option<Bytes> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let quote = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
    let start = text.iter().position(|byte| !quote(byte))?;
    let end = text.iter().rposition(|byte| !quote(byte))?;
    let solid = without_line_ends(text.get(start..=end)?);
    base64::decode_near(std::str::from_utf8(&solid).ok()?).map(|(decoded, _)| decoded)
}

fn plain_blocks(pem: &[u8]) -> Result<Vec<Block>, KeyError> {
    const DASHES: &[u8] = b"-----";
    let mut blocks = Vec::new();
    let mut rest = pem;
    while let Some((_, begun)) = split_once(rest, b"-----BEGIN ") {
        let (label, begun) = split_once(begun, DASHES)
            .ok_or(KeyError::malformed("the BEGIN line of the PEM has no end"))?;
        let (body, ended) = split_once(begun, b"-----END ")
            .ok_or(KeyError::malformed("the PEM has no END line"))?;
        let (end, after) = split_once(ended, DASHES)
            .ok_or(KeyError::malformed("the END line of the PEM has no end"))?;
        if end != label {
            return Err(KeyError::malformed(
                "the BEGIN and END lines of the PEM differ",
            ));
        }
        let contents = if body.contains(&b':') {
            Contents::Encrypted
        } else {
            let der = base64::decode_standard(&without_line_ends(body));
            Contents::Der(der.ok_or(KeyError::malformed(
                "the contents of the PEM are not base64",
            ))?)
        };
        let label = label.into();
        blocks.push(Block { label, contents });
        rest = after;
    }
    Ok(blocks)
}

/// Removes white space and the escape sequences of line ends. Base64 has no backslash, so no text
/// has two readings.
fn without_line_ends(text: &[u8]) -> Bytes {
    // The buffer never grows, so that no copy of a private key remains in memory.
    let mut solid = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut escaped = false;
    for byte in text {
        let line_end = escaped && matches!(byte, b'n' | b'r' | b't');
        escaped = *byte == b'\\';
        if !(line_end || escaped || byte.is_ascii_whitespace()) {
            solid.push(*byte);
        }
    }
    solid
}

/// Splits at the first `separator`.
fn split_once<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = memchr::memmem::find(text, separator)?;
    Some((&text[..place], &text[place + separator.len()..]))
}
