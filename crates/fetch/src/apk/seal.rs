//! Why an index and a package are believed: a key that the image has signed the index, the index names a digest of what
//! each package says of itself, and that names the digest of the package's files.

use std::{
    collections::BTreeMap,
    io::{Read, Seek as _, SeekFrom},
    ops::Range,
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use fs_err as fs;
use pkcs8::{Document, SubjectPublicKeyInfoRef};
use ring::{
    digest,
    signature::{
        RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
    },
};
use rst_archive::{UnpackError, gzip_streams, small_files};
use rst_model::Hasher;

use super::index::Package;
use crate::error::OriginError;

/// The most that a signature, an index, or what a package says of itself may take, in bytes.
const LARGEST: u64 = 64 << 20;

/// What is signed, and by which algorithm: apk's names of the file with the signature begin so.
const SIGNATURES: [(&str, &RsaParameters); 2] =
    [(".SIGN.RSA256.", &RSA_PKCS1_2048_8192_SHA256), (".SIGN.RSA.", &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY)];

/// The text of an index that one of these keys has signed.
pub(super) fn index(file: &Path, keys: &BTreeMap<String, Vec<u8>>) -> Result<String, OriginError> {
    let size = fs::metadata(file)?.len();
    if size > LARGEST {
        return Err(OriginError::reason(format!("it has {size} bytes, expected at most {LARGEST}")));
    }
    let [end] = gzip_streams(file, LARGEST)?;
    let signed = part(file, end..size)?;
    let signatures = small_files(file, 0..end, LARGEST)?;
    let of = |name: &str| SIGNATURES.iter().find_map(|(start, how)| Some((name.strip_prefix(start)?.to_owned(), *how)));
    let signers: Vec<_> = signatures.iter().filter_map(|(name, text)| Some((of(name)?, text))).collect();
    let known = signers.iter().find_map(|((signer, how), text)| Some((signer, *how, *text, keys.get(signer)?)));
    let Some((signer, how, signature, key)) = known else {
        let signers: Vec<_> = signers.iter().map(|((signer, _), _)| signer.as_str()).collect();
        let signers = if signers.is_empty() { "nobody".to_owned() } else { signers.join(", ") };
        let keys: Vec<_> = keys.keys().map(String::as_str).collect();
        let reason = format!("it is signed by {signers}, and the image trusts {}", keys.join(", "));
        return Err(OriginError::NotAsSigned(reason));
    };
    let unusable = |why: &str| OriginError::reason(format!("the image's key {signer} is unusable: {why}"));
    let text = std::str::from_utf8(key).map_err(|_| unusable("it is no text"))?;
    let (_, der) = Document::from_pem(text).map_err(|error| unusable(&error.to_string()))?;
    let info: SubjectPublicKeyInfoRef = der.decode_msg().map_err(|error| unusable(&error.to_string()))?;
    if UnparsedPublicKey::new(how, info.subject_public_key.raw_bytes()).verify(&signed, signature).is_err() {
        return Err(OriginError::NotAsSigned(format!("it is not what {signer} has signed")));
    }
    let mut files = small_files(file, end..size, LARGEST)?;
    let text = files.remove("APKINDEX").ok_or_else(|| OriginError::reason("it has no APKINDEX in it"))?;
    String::from_utf8(text).map_err(|_| OriginError::reason("it is no text"))
}

/// Where a package's files begin in its own file, if that is the one of the index.
pub(super) fn package(file: &Path, package: &Package) -> Result<u64, OriginError> {
    let otherwise = |what: &str, expected: &str, found: String| match expected == found {
        true => Ok(()),
        false => Err(OriginError::NotAsSigned(format!("expected {what} {expected}, found {found}"))),
    };
    let size = fs::metadata(file)?.len();
    otherwise("a size of", &package.size.to_string(), size.to_string())?;
    // A file of that size that is no package is another.
    let no_package = |error: UnpackError| OriginError::NotAsSigned(error.to_string());
    let [signature, control] = gzip_streams(file, LARGEST).map_err(no_package)?;
    let own = part(file, signature..control)?;
    let found = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &own);
    otherwise("SHA-1", &package.checksum, format!("Q1{}", BASE64_STANDARD.encode(found)))?;
    let said = small_files(file, signature..control, LARGEST)?;
    let said = said.get(".PKGINFO").map(|text| String::from_utf8_lossy(text)).unwrap_or_default();
    let expected = said.lines().find_map(|line| line.strip_prefix("datahash = ")).unwrap_or_default();
    let mut rest = fs::File::open(file)?;
    rest.seek(SeekFrom::Start(control))?;
    otherwise("SHA-256 of its files", expected, Hasher::read(rest)?.0.to_string())?;
    Ok(control)
}

fn part(file: &Path, range: Range<u64>) -> Result<Vec<u8>, OriginError> {
    let mut file = fs::File::open(file)?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::new();
    file.take(range.end - range.start).read_to_end(&mut bytes)?;
    Ok(bytes)
}
