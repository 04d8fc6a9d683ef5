//! The sealed header, version 1: what opens a body, and proves which reference it is.
//!
//! `docs/formats/sealed-entry.md` has the bytes, complete enough for a second implementation.

use aes_gcm_siv::{AeadInOut, Aes256GcmSiv};
use deltaglider_core::Sha256;
use deltaglider_core::keys::{CacheEncryptionKey, KeyId};
use deltaglider_core::seal::{Binding, BodyKey, CHUNK_LOG2, MAX_LENGTH};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::entry::{EntryId, EntryName};

/// Bytes of a header.
pub const HEADER_LENGTH: usize = PAYLOAD + PAYLOAD_LENGTH + TAG;
/// The longest name of a form, in bytes.
pub const FORM_LIMIT: usize = FORM_LENGTH - 1;

const MAGIC: &[u8; 6] = b"DGSEAL";
const VERSION: u8 = 1;
const ALGORITHM: u8 = 1;
const DOMAIN: &[u8] = b"deltaglider.cache.v1";

const RESERVED: usize = 9;
const ENTRY: usize = 16;
const KEY: usize = 32;
const WRAP_COMMITMENT: usize = 48;
const BODY_COMMITMENT: usize = 80;
const NONCE: usize = 112;
const SUBJECT: usize = 124;
const SUBJECT_LENGTH: usize = 32 + FORM_LENGTH;
const PAYLOAD: usize = SUBJECT + SUBJECT_LENGTH + TAG;
const PAYLOAD_LENGTH: usize = 32 + 32 + 8 + 8;
const FORM_LENGTH: usize = 64;
const TAG: usize = 16;

/// Which reference, in which form, an entry is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Digest of the reference as it is stored.
    pub digest: Sha256,
    /// Name of the form in which it is kept, with the version of its preparation.
    pub form: String,
}

impl Subject {
    /// Length of the form's name and the name, padded with zeros: every header has one length.
    fn padded_form(&self) -> Result<[u8; FORM_LENGTH], HeaderError> {
        let name = self.form.as_bytes();
        let mut padded = [0; FORM_LENGTH];
        let room = padded[1..].get_mut(..name.len()).ok_or(HeaderError::Corrupt(Stage::Form))?;
        room.copy_from_slice(name);
        padded[0] = name.len() as u8;
        Ok(padded)
    }

    fn of_bytes(bytes: &[u8; SUBJECT_LENGTH]) -> Result<Self, HeaderError> {
        let (digest, form) = bytes.split_first_chunk::<32>().ok_or(HeaderError::Corrupt(Stage::Form))?;
        let (length, rest) = form.split_first().ok_or(HeaderError::Corrupt(Stage::Form))?;
        let (name, padding) = rest.split_at_checked(usize::from(*length)).ok_or(HeaderError::Corrupt(Stage::Form))?;
        let form = std::str::from_utf8(name).map_err(|_| HeaderError::Corrupt(Stage::Form))?.to_owned();
        if padding.iter().any(|&byte| byte != 0) {
            return Err(HeaderError::Corrupt(Stage::Form));
        }
        Ok(Self { digest: Sha256(*digest), form })
    }
}

/// What a header seals.
#[derive(Clone)]
pub struct Contents {
    /// Random id of the entry; its body's name.
    pub entry: EntryId,
    /// Random key of the entry, from which the key of its body is derived.
    pub data_key: Zeroizing<[u8; 32]>,
    /// Digest of the content of the body; zeros where none was taken, of a prepared form.
    pub sha256: Sha256,
    /// Length of the content of the body, in bytes.
    pub length: u64,
    /// When the entry was made, in seconds since 1970.
    pub created: u64,
}

impl Contents {
    /// The key of the body.
    #[must_use]
    pub fn body_key(&self) -> BodyKey {
        BodyKey::fill_with(|key| self.derive(b"body key", key))
    }

    /// What the body's chunks are bound to.
    #[must_use]
    pub fn binding(&self, digest: Sha256) -> Binding {
        Binding { digest, entry: self.entry.0, length: Some(self.length) }
    }

    fn body_commitment(&self) -> [u8; 32] {
        let mut commitment = [0; 32];
        self.derive(b"body commitment", &mut commitment);
        commitment
    }

    fn derive(&self, purpose: &[u8], out: &mut [u8; 32]) {
        Hkdf::<sha2::Sha256>::new(Some(DOMAIN), &*self.data_key)
            .expand_multi_info(&[purpose, &self.entry.0], out)
            .expect("HKDF gives up to 8160 bytes");
    }
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contents").field("entry", &self.entry).field("length", &self.length).finish_non_exhaustive()
    }
}

/// Why a header does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Written by a later version: not to be touched.
    #[error("version {0} of the sealed header is not known")]
    UnknownVersion(u8),
    /// Sealed under another key.
    #[error("sealed under key {0}, which is not at hand")]
    UnknownKey(KeyId),
    /// Damaged, forged, or another entry's.
    #[error("the sealed header is damaged: {0:?}")]
    Corrupt(Stage),
}

/// Where damage showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Magic, length, algorithm, chunk size, or a reserved byte.
    Shape,
    /// The commitment to the wrapping key.
    WrapCommitment,
    /// A tag of the header.
    Tag,
    /// The sealed length is out of bounds.
    Length,
    /// The commitment to the body's key.
    BodyCommitment,
    /// The name of the form.
    Form,
}

/// Who sealed a header, and which body is its own, as both stand there in the clear; not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clear {
    /// Random id of the entry.
    pub entry: EntryId,
    /// Id of the key that it is sealed under.
    pub key: KeyId,
}

/// The name under which a key files an entry: 20 bytes of HMAC-SHA256(name key, digest ‖ form), telling nothing without the key.
#[must_use]
pub fn entry_name(key: &CacheEncryptionKey, subject: &Subject) -> EntryName {
    let mut name_key = Zeroizing::new([0; 32]);
    key.derive(b"name key", &mut *name_key);
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&*name_key).expect("HMAC takes a key of any length");
    mac.update(&subject.digest.0);
    mac.update(subject.form.as_bytes());
    let mut name = [0; 20];
    name.copy_from_slice(&mac.finalize().into_bytes()[..20]);
    EntryName(name)
}

/// Seals a header. The nonce is random, and new for each header; fails only where the form's name is too long.
pub fn seal(
    key: &CacheEncryptionKey,
    subject: &Subject,
    contents: &Contents,
    nonce: [u8; 12],
) -> Result<[u8; HEADER_LENGTH], HeaderError> {
    let form = subject.padded_form()?;
    let mut header = [0; HEADER_LENGTH];
    header[..6].copy_from_slice(MAGIC);
    header[6..9].copy_from_slice(&[VERSION, ALGORITHM, CHUNK_LOG2]);
    header[ENTRY..KEY].copy_from_slice(&contents.entry.0);
    header[KEY..WRAP_COMMITMENT].copy_from_slice(&key.id().0);
    header[WRAP_COMMITMENT..BODY_COMMITMENT].copy_from_slice(&wrap_commitment(key, contents.entry, &nonce));
    header[BODY_COMMITMENT..NONCE].copy_from_slice(&contents.body_commitment());
    header[NONCE..SUBJECT].copy_from_slice(&nonce);

    let (before, sealed) = header.split_at_mut(SUBJECT);
    sealed[..32].copy_from_slice(&subject.digest.0);
    sealed[32..SUBJECT_LENGTH].copy_from_slice(&form);
    seal_field(key, b"subject key", nonce, before, &mut sealed[..SUBJECT_LENGTH + TAG]);

    let (before, sealed) = header.split_at_mut(PAYLOAD);
    sealed[..32].copy_from_slice(&*contents.data_key);
    sealed[32..64].copy_from_slice(&contents.sha256.0);
    sealed[64..72].copy_from_slice(&contents.length.to_be_bytes());
    sealed[72..80].copy_from_slice(&contents.created.to_be_bytes());
    seal_field(key, b"wrapping key", nonce, &bound_to(before, subject), sealed);
    Ok(header)
}

/// Opens a header as the entry of `subject`; everything is checked, in the order in which it stands there.
pub fn open(key: &CacheEncryptionKey, subject: &Subject, header: &[u8]) -> Result<Contents, HeaderError> {
    let header = check_wrap(key, header)?;
    let (before, sealed) = header.split_at(PAYLOAD);
    let payload =
        open_field::<PAYLOAD_LENGTH>(key, b"wrapping key", nonce_of(header), &bound_to(before, subject), sealed)?;
    let mut data_key = Zeroizing::new([0; 32]);
    data_key.copy_from_slice(&payload[..32]);
    let contents = Contents {
        entry: EntryId(array(header, ENTRY)),
        data_key,
        sha256: Sha256(array(&*payload, 32)),
        length: u64::from_be_bytes(array(&*payload, 64)),
        created: u64::from_be_bytes(array(&*payload, 72)),
    };
    if contents.length > MAX_LENGTH {
        return Err(HeaderError::Corrupt(Stage::Length));
    }
    if !bool::from(contents.body_commitment().ct_eq(&header[BODY_COMMITMENT..NONCE])) {
        return Err(HeaderError::Corrupt(Stage::BodyCommitment));
    }
    Ok(contents)
}

/// Tells from a header alone which entry it is: what a rewrap needs.
pub fn open_subject(key: &CacheEncryptionKey, header: &[u8]) -> Result<Subject, HeaderError> {
    let header = check_wrap(key, header)?;
    let (before, sealed) = header.split_at(SUBJECT);
    let sealed = &sealed[..SUBJECT_LENGTH + TAG];
    Subject::of_bytes(&*open_field(key, b"subject key", nonce_of(header), before, sealed)?)
}

/// Reads what stands in the clear.
pub fn peek(header: &[u8]) -> Result<Clear, HeaderError> {
    let header = check_shape(header)?;
    Ok(Clear { entry: EntryId(array(header, ENTRY)), key: KeyId(array(header, KEY)) })
}

fn check_shape(header: &[u8]) -> Result<&[u8; HEADER_LENGTH], HeaderError> {
    let shape = HeaderError::Corrupt(Stage::Shape);
    let version = *header.strip_prefix(MAGIC).and_then(<[u8]>::first).ok_or(shape)?;
    if version != VERSION {
        return Err(HeaderError::UnknownVersion(version));
    }
    let header: &[u8; HEADER_LENGTH] = header.try_into().map_err(|_| shape)?;
    let known = header[7..RESERVED] == [ALGORITHM, CHUNK_LOG2] && header[RESERVED..ENTRY].iter().all(|&byte| byte == 0);
    known.then_some(header).ok_or(shape)
}

/// Checks shape, key id and commitment: nothing is decrypted before.
fn check_wrap<'a>(key: &CacheEncryptionKey, header: &'a [u8]) -> Result<&'a [u8; HEADER_LENGTH], HeaderError> {
    let clear = peek(header)?;
    if clear.key != key.id() {
        return Err(HeaderError::UnknownKey(clear.key));
    }
    let header = check_shape(header)?;
    let commitment = wrap_commitment(key, clear.entry, &nonce_of(header));
    if !bool::from(commitment.ct_eq(&header[WRAP_COMMITMENT..BODY_COMMITMENT])) {
        return Err(HeaderError::Corrupt(Stage::WrapCommitment));
    }
    Ok(header)
}

fn wrap_commitment(key: &CacheEncryptionKey, entry: EntryId, nonce: &[u8; 12]) -> [u8; 32] {
    let mut commitment = [0; 32];
    key.derive(&[b"wrap commitment", &entry.0[..], nonce].concat(), &mut commitment);
    commitment
}

/// The associated data of the payload: every byte before it, the digest, and the form.
fn bound_to(before: &[u8], subject: &Subject) -> Vec<u8> {
    [before, &subject.digest.0, subject.form.as_bytes()].concat()
}

fn field_cipher(key: &CacheEncryptionKey, purpose: &[u8]) -> Aes256GcmSiv {
    let mut derived = Zeroizing::new([0; 32]);
    key.derive(purpose, &mut *derived);
    Aes256GcmSiv::new((&*derived).into())
}

/// Encrypts a field in place, and puts its tag behind it.
fn seal_field(key: &CacheEncryptionKey, purpose: &[u8], nonce: [u8; 12], bound: &[u8], field: &mut [u8]) {
    let (plain, tag) = field.split_at_mut(field.len() - TAG);
    let sealed = field_cipher(key, purpose)
        .encrypt_inout_detached(&nonce.into(), bound, plain.into())
        .expect("a field is shorter than the limit of the AEAD");
    tag.copy_from_slice(&sealed);
}

fn open_field<const LENGTH: usize>(
    key: &CacheEncryptionKey,
    purpose: &[u8],
    nonce: [u8; 12],
    bound: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<[u8; LENGTH]>, HeaderError> {
    let mut field = Zeroizing::new(array::<LENGTH>(sealed, 0));
    field_cipher(key, purpose)
        .decrypt_inout_detached(&nonce.into(), bound, field.as_mut_slice().into(), &array::<TAG>(sealed, LENGTH).into())
        .map_err(|_| HeaderError::Corrupt(Stage::Tag))?;
    Ok(field)
}

fn nonce_of(header: &[u8; HEADER_LENGTH]) -> [u8; 12] {
    array(header, NONCE)
}

/// Bytes at a place that is known to be there.
fn array<const LENGTH: usize>(bytes: &[u8], at: usize) -> [u8; LENGTH] {
    bytes[at..at + LENGTH].try_into().expect("a range has its length")
}
