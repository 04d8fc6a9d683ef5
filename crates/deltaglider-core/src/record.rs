//! The stored record of an object: its metadata as types. The only place where the names of the stored fields are.
//!
//! Four generations of writers are read: each field is looked up as `dg-x-y` and, for the oldest, as `x-y`; `_` counts as `-`, since
//! some stores turn one into the other. What is written is what all of those readers understand.

use std::time::SystemTime;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::codec::CodecId;
use crate::store::{ETag, Metadata, ObjectHead};
use crate::{ContentDigest, Location, Md5, Sha256};

/// What user metadata may hold at S3, names and values together, in bytes.
pub const MAX_METADATA_BYTES: usize = 2048;

const TOOL: &str = concat!("deltaglider/", env!("CARGO_PKG_VERSION"));
const USER_PREFIX: &str = "user-";
const MADE_OF: &str = "dg-made-of";
const NAME_ESCAPES: &AsciiSet = &CONTROLS.add(b'%').add(b' ');

/// Fields of ours that the oldest writers stored without a prefix.
const BARE_FIELDS: &[&str] = &[
    "tool",
    "original-name",
    "source-name",
    "file-sha256",
    "file-size",
    "created-at",
    "ref-key",
    "ref-sha256",
    "delta-size",
    "delta-cmd",
    "note",
    "compression",
];

/// The names of a delta's fields up to 5.2.2 of the earlier tool, which needs each of them, and those that are written in any case.
const OLDEST_NAMES: [(&str, &str); 9] = [
    ("tool", "dg-tool"),
    ("original_name", "dg-original-name"),
    ("file_sha256", "dg-file-sha256"),
    ("file_size", "dg-file-size"),
    ("created_at", "dg-created-at"),
    ("ref_key", "dg-ref-key"),
    ("ref_sha256", "dg-ref-sha256"),
    ("delta_size", "dg-delta-size"),
    ("delta_cmd", "dg-tool"),
];

/// What a stored object is, by its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The reference of a delta space.
    Reference(ContentRecord),
    /// A delta.
    Delta(DeltaRecord),
    /// An object stored whole by us or by the earlier tool.
    Whole(ContentRecord),
    /// An object without our metadata.
    Foreign,
}

/// The content that an object stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentRecord {
    /// Digest of the content; absent in damaged records only.
    pub sha256: Option<Sha256>,
    /// Length of the content in bytes, where it is recorded.
    pub size: Option<u64>,
    /// The logical entity tag, where it is recorded.
    pub md5: Option<Md5>,
    /// When it was stored, as its writer's clock said.
    pub created: Option<SystemTime>,
}

/// A delta and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaRecord {
    /// The content that the delta gives.
    pub content: ContentRecord,
    /// Name of the codec.
    pub codec: String,
    /// Length of the delta itself in bytes, where it is recorded.
    pub size: Option<u64>,
    /// Digest of the reference.
    pub reference_sha256: Option<Sha256>,
    /// Full key of the reference when the delta was written; buckets get copied, so it comes after the space's own.
    pub reference_key: Option<String>,
}

/// A record that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Encrypted by a client whose key we do not have.
    #[error("it was encrypted by the client that stored it (dg-encrypted), and this client has no key for it")]
    Encrypted,
    /// A field that is needed is missing or no value of its kind.
    #[error("its stored record lacks a usable `{0}`")]
    Field(&'static str),
    /// What is stored has another length than the record says.
    #[error("{actual} bytes are stored, and its record says {recorded}")]
    Length {
        /// Bytes by the record.
        recorded: u64,
        /// Bytes that are stored.
        actual: u64,
    },
}

impl Record {
    /// Reads the record of a stored object.
    pub fn read(metadata: &Metadata) -> Result<Self, RecordError> {
        let fields = Fields::of(metadata);
        if !fields.ours {
            return Ok(Self::Foreign);
        }
        if fields.get("encrypted").is_some() {
            return Err(RecordError::Encrypted);
        }
        let content = ContentRecord {
            sha256: fields.get("file-sha256").and_then(|text| text.parse().ok()),
            size: fields.get("file-size").and_then(|text| text.trim().parse().ok()),
            md5: fields.get("md5").and_then(|text| text.parse().ok()),
            created: fields.get("created-at").and_then(parse_time),
        };
        let note = fields.get("note").unwrap_or_default();
        if note == "reference" {
            return Ok(Self::Reference(content));
        }
        let is_delta = note == "delta"
            || ["ref-key", "ref-path", "ref-sha256", "delta-size"].iter().any(|field| fields.get(field).is_some());
        if !is_delta {
            return Ok(Self::Whole(content));
        }
        Ok(Self::Delta(DeltaRecord {
            content,
            codec: fields.get("codec").unwrap_or(CodecId::VCDIFF.as_str()).to_owned(),
            size: fields.get("delta-size").and_then(|text| text.trim().parse().ok()),
            reference_sha256: fields.get("ref-sha256").and_then(|text| text.parse().ok()),
            reference_key: fields.get("ref-key").map(str::to_owned),
        }))
    }
}

impl ContentRecord {
    /// The entity tag of the logical object: the recorded one, else one made of the digest, else the store's own.
    #[must_use]
    pub fn e_tag(&self, stored: &ObjectHead) -> ETag {
        match (self.md5, self.sha256) {
            (Some(md5), _) => ETag::new(&md5.to_string()),
            (None, Some(sha256)) => ETag::new(&sha256.to_string()[..32]),
            (None, None) => stored.e_tag.clone(),
        }
    }
}

/// The metadata that the user gave an object, out of what is stored with it.
#[must_use]
pub fn user_metadata(stored: &Metadata) -> Metadata {
    let ours = Fields::of(stored).ours;
    stored
        .iter()
        .filter_map(|(name, value)| {
            if !ours {
                return Some((name.clone(), value.clone()));
            }
            if let Some(user) = name.strip_prefix(USER_PREFIX) {
                return Some((user.to_owned(), value.clone()));
            }
            let plain = name.replace('_', "-");
            let internal = plain.starts_with("dg-") || BARE_FIELDS.contains(&plain.as_str());
            (!internal).then(|| (name.clone(), value.clone()))
        })
        .collect()
}

/// The stored metadata of a reference.
#[must_use]
pub fn reference_metadata(source: &Location, digest: &ContentDigest, now: SystemTime) -> Metadata {
    let mut fields = vec![("dg-note", "reference".to_owned()), ("file_sha256", digest.sha256.to_string())];
    fields.extend(common_fields(digest, now));
    fields.extend(name_fields("dg-source-name", source.name()));
    fit(fields, &Metadata::new())
}

/// The stored metadata of a delta.
#[must_use]
pub fn delta_metadata(
    object: &Location,
    digest: &ContentDigest,
    delta: &DeltaFacts<'_>,
    now: SystemTime,
    user: &Metadata,
) -> Metadata {
    let mut fields = vec![
        ("dg-note", "delta".to_owned()),
        ("dg-codec", delta.codec.as_str().to_owned()),
        ("dg-ref-sha256", delta.reference_sha256.to_string()),
        ("dg-ref-path", "reference.bin".to_owned()),
        ("dg-ref-key", delta.reference.key().to_owned()),
        ("dg-delta-size", delta.size.to_string()),
    ];
    if !is_plain(delta.reference.key()) {
        // The space's own reference is tried first, and `dg-ref-path` says that it is meant.
        fields.retain(|(name, _)| *name != "dg-ref-key");
    }
    fields.extend(common_fields(digest, now));
    let name = name_fields("dg-original-name", object.name());
    if let ([(_, name)], CodecId::VCDIFF) = (name.as_slice(), delta.codec) {
        // The earlier tool warns of each delta without it.
        fields.push(("dg-delta-cmd", format!("xdelta3 -e -9 -s reference.bin {name} {name}.delta")));
    }
    fields.extend(name);
    if delta.codec == CodecId::VCDIFF {
        fields.extend(oldest_fields(&fields));
    }
    fit(fields, user)
}

/// Notes in the record of a delta which whole object of the same name it was made of, by a migration in place. Left out where a store
/// takes no more.
pub fn note_origin(metadata: &mut Metadata, whole: &ETag) {
    let (name, value) = (MADE_OF, whole.unquoted());
    if metadata_size(metadata) + name.len() + value.len() <= MAX_METADATA_BYTES {
        metadata.insert(name.to_owned(), value.to_owned());
    }
}

/// The entity tag of the whole object that a delta was made of, by a migration in place.
#[must_use]
pub fn made_of(metadata: &Metadata) -> Option<ETag> {
    metadata.get(MADE_OF).map(|tag| ETag::new(tag))
}

/// The fields of a delta under the names that the earlier tool gave them up to 5.2.2, which reads no others; none where one is missing.
fn oldest_fields(fields: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let named = OLDEST_NAMES.iter().map(|(oldest, name)| {
        let value = fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
        Some((*oldest, value?))
    });
    named.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// What the record of a delta says of it.
#[derive(Clone, Copy, Debug)]
pub struct DeltaFacts<'a> {
    /// The codec.
    pub codec: CodecId,
    /// Where the reference is.
    pub reference: &'a Location,
    /// Digest of the reference.
    pub reference_sha256: Sha256,
    /// Length of the delta in bytes.
    pub size: u64,
}

/// The stored metadata of an object that is stored whole.
#[must_use]
pub fn whole_metadata(object: &Location, digest: &ContentDigest, now: SystemTime, user: &Metadata) -> Metadata {
    let mut fields = vec![
        ("dg-note", "passthrough".to_owned()),
        ("dg-compression", "none".to_owned()),
        // What the earlier tool looks for up to 6.1.1.
        ("compression", "none".to_owned()),
    ];
    fields.extend(common_fields(digest, now));
    fields.extend(name_fields("dg-original-name", object.name()));
    fit(fields, user)
}

/// The stored metadata of a whole copy that is to go when its time is over.
#[must_use]
pub fn temporary_metadata(object: &Location, digest: Option<Sha256>, expires: SystemTime, now: SystemTime) -> Metadata {
    let mut fields = vec![
        ("dg-expires-at", format_time(expires)),
        ("dg-rehydrated", "true".to_owned()),
        ("dg-tool", TOOL.to_owned()),
        ("dg-created-at", format_time(now)),
    ];
    fields.extend(digest.map(|digest| ("dg-file-sha256", digest.to_string())));
    fields.extend(name_fields("dg-original-name", object.name()));
    fit(fields, &Metadata::new())
}

fn common_fields(digest: &ContentDigest, now: SystemTime) -> Vec<(&'static str, String)> {
    vec![
        ("dg-file-sha256", digest.sha256.to_string()),
        ("dg-file-size", digest.size.to_string()),
        ("dg-md5", digest.md5.to_string()),
        ("dg-tool", TOOL.to_owned()),
        ("dg-created-at", format_time(now)),
    ]
}

/// Whether a store takes a value as it is: as a header, a control character is refused, and space around it is lost.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && value.trim() == value
}

fn name_fields(field: &'static str, name: &str) -> Vec<(&'static str, String)> {
    if name.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return vec![(field, name.to_owned())];
    }
    vec![(field, utf8_percent_encode(name, NAME_ESCAPES).to_string()), ("dg-name-enc", "pct".to_owned())]
}

/// Joins our fields and the user's; leaves out what readers can do without where all of it would be too much for a store. The earlier
/// tool reads no object that lacks one of the last seven, so they are the last to go.
fn fit(fields: Vec<(&'static str, String)>, user: &Metadata) -> Metadata {
    const DISPENSABLE: [&str; 11] = [
        "dg-delta-cmd",
        "dg-source-name",
        "dg-original-name",
        "dg-name-enc",
        "dg-created-at",
        "dg-delta-size",
        "dg-ref-key",
        "dg-tool",
        "compression",
        "dg-compression",
        "file_sha256",
    ];
    let mut metadata: Metadata = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    metadata.extend(user.iter().map(|(name, value)| (format!("{USER_PREFIX}{name}"), value.clone())));
    if metadata_size(&metadata) > MAX_METADATA_BYTES {
        // All or none of them.
        if metadata.contains_key("delta_cmd") {
            OLDEST_NAMES.iter().for_each(|(name, _)| drop(metadata.remove(*name)));
        }
    }
    for name in DISPENSABLE {
        if metadata_size(&metadata) <= MAX_METADATA_BYTES {
            break;
        }
        metadata.remove(name);
    }
    metadata
}

fn metadata_size(metadata: &Metadata) -> usize {
    metadata.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// When a temporary object expires, where it says so: earlier clients leave such ones below `.deltaglider/tmp/`.
#[must_use]
pub fn expires_at(metadata: &Metadata) -> Option<SystemTime> {
    Fields::of(metadata).prefixed.get("expires-at").and_then(|text| parse_time(text))
}

/// The name under which an object was stored, for display only: the key is the truth.
#[must_use]
pub fn original_name(metadata: &Metadata) -> Option<String> {
    let fields = Fields::of(metadata);
    let name = fields.get("original-name").or_else(|| fields.get("source-name"))?;
    match fields.get("name-enc") {
        Some("pct") => Some(percent_decode_str(name).decode_utf8_lossy().into_owned()),
        _ => Some(name.to_owned()),
    }
}

/// The fields of a record under their plain names.
struct Fields {
    ours: bool,
    prefixed: Metadata,
    bare: Metadata,
}

impl Fields {
    fn of(metadata: &Metadata) -> Self {
        let mut fields = Self { ours: false, prefixed: Metadata::new(), bare: Metadata::new() };
        for (name, value) in metadata {
            let plain = name.to_ascii_lowercase().replace('_', "-");
            let (into, field) = match plain.strip_prefix("dg-") {
                Some(field) => (&mut fields.prefixed, field.to_owned()),
                None => (&mut fields.bare, plain),
            };
            if !value.is_empty() {
                into.insert(field, value.clone());
            }
        }
        let bare_tool = fields.bare.get("tool").is_some_and(|tool| tool.starts_with("deltaglider"));
        fields.ours = bare_tool || fields.prefixed.contains_key("tool") || fields.prefixed.contains_key("note");
        if !bare_tool {
            // Without the tool's name, bare fields are the user's own.
            fields.bare.clear();
        }
        fields
    }

    fn get(&self, field: &str) -> Option<&str> {
        self.prefixed.get(field).or_else(|| self.bare.get(field)).map(String::as_str)
    }
}

fn format_time(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.6}"))
}

/// With or without a zone, or with an offset and a `Z` behind it, as the earlier tool writes where its clock has a zone; without one
/// it is UTC.
fn parse_time(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    let parsed = text.parse::<Timestamp>().or_else(|_| format!("{text}Z").parse());
    let time = parsed.or_else(|error| text.strip_suffix('Z').map_or(Err(error), str::parse)).ok()?;
    Some(time.into())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn metadata(fields: &[(&str, &str)]) -> Metadata {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const SHA: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const OTHER: &str = "fea635fba471a2ba2ac1dd4454d85859090c614ef4bf9a0ffccb987980ff1871";

    #[test]
    fn a_migrated_delta_says_what_it_was_made_of() {
        let mut metadata: Metadata = [("dg-note".to_owned(), "delta".to_owned())].into();
        assert_eq!(made_of(&metadata), None);
        note_origin(&mut metadata, &ETag::new("\"abc\""));
        assert_eq!(made_of(&metadata), Some(ETag::new("abc")));
        assert!(user_metadata(&metadata).is_empty());
        let mut full: Metadata = [("k".to_owned(), "v".repeat(MAX_METADATA_BYTES - 10))].into();
        note_origin(&mut full, &ETag::new("abc"));
        assert_eq!(full.len(), 1);
    }

    #[test]
    fn four_generations_of_deltas_are_read() {
        let generations = [
            metadata(&[
                ("tool", "deltaglider/5.2.0"),
                ("file_sha256", SHA),
                ("file_size", "3"),
                ("ref_key", "a/reference.bin"),
                ("ref_sha256", OTHER),
                ("delta_size", "9"),
            ]),
            metadata(&[
                ("dg-tool", "deltaglider/6.2.0"),
                ("dg-file-sha256", SHA),
                ("dg-file-size", "3"),
                ("dg-ref-key", "a/reference.bin"),
                ("dg-ref-sha256", OTHER),
            ]),
            metadata(&[
                ("dg_tool", "deltaglider/6.2.0"),
                ("dg_file_sha256", SHA),
                ("dg_file_size", "3"),
                ("dg_ref_key", "a/reference.bin"),
                ("dg_ref_sha256", OTHER),
            ]),
            metadata(&[
                ("dg-note", "delta"),
                ("dg-file-sha256", SHA),
                ("dg-file-size", "3"),
                ("dg-ref-path", "reference.bin"),
                ("dg-ref-sha256", OTHER),
                ("dg-md5", "900150983cd24fb0d6963f7d28e17f72"),
            ]),
        ];
        for generation in generations {
            let Ok(Record::Delta(delta)) = Record::read(&generation) else { panic!("{generation:?}") };
            assert_eq!(delta.content.sha256, SHA.parse().ok());
            assert_eq!(delta.content.size, Some(3));
            assert_eq!(delta.codec, "vcdiff");
            assert_eq!(delta.reference_sha256, OTHER.parse().ok());
        }
    }

    #[test]
    fn what_is_not_ours_is_foreign() {
        for fields in [&[][..], &[("note", "reference")], &[("tool", "gimp"), ("file-sha256", SHA)], &[("dg-x", "1")]] {
            assert_eq!(Record::read(&metadata(fields)), Ok(Record::Foreign), "{fields:?}");
            assert_eq!(user_metadata(&metadata(fields)), metadata(fields));
        }
    }

    #[test]
    fn what_we_write_we_read() {
        let object = Location::new("b", "r/größe 1.zip");
        let digest = ContentDigest::of(b"abc");
        let now = UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
        let user = metadata(&[("colour", "red"), ("user-x", "y"), ("note", "mine")]);
        let reference = Location::new("b", "r/reference.bin");
        let facts = DeltaFacts {
            codec: CodecId::ZSTD,
            reference: &reference,
            reference_sha256: OTHER.parse().expect("hex"),
            size: 9,
        };
        let stored = delta_metadata(&object, &digest, &facts, now, &user);
        let content =
            ContentRecord { sha256: Some(digest.sha256), size: Some(3), md5: Some(digest.md5), created: Some(now) };
        let expected = DeltaRecord {
            content: content.clone(),
            codec: "zstd".into(),
            size: Some(9),
            reference_sha256: OTHER.parse().ok(),
            reference_key: Some("r/reference.bin".into()),
        };
        assert_eq!(Record::read(&stored), Ok(Record::Delta(expected)));
        assert_eq!(user_metadata(&stored), user);
        assert_eq!(original_name(&stored).as_deref(), Some("größe 1.zip"));
        assert!(stored.iter().all(|(name, value)| name.is_ascii() && value.is_ascii()));

        let stored = whole_metadata(&object, &digest, now, &user);
        assert_eq!(Record::read(&stored), Ok(Record::Whole(content.clone())));
        assert_eq!(user_metadata(&stored), user);
        let stored = reference_metadata(&object, &digest, now);
        assert_eq!(Record::read(&stored), Ok(Record::Reference(content)));
    }

    #[test]
    fn every_value_of_ours_is_one_that_stores_take() {
        let digest = ContentDigest::of(b"abc");
        for key in
            ["a\u{2}b/x.zip", "a\nb/x.zip", "a\u{7f}/x.zip", " a/x.zip", "größe/x.zip", "a b/x y\n.zip", " ", "a/\t"]
        {
            let object = Location::new("b", key);
            let reference = crate::DeltaSpace::of(&object).reference();
            let facts =
                DeltaFacts { codec: CodecId::ZSTD, reference: &reference, reference_sha256: Sha256([0; 32]), size: 9 };
            let written = [
                reference_metadata(&object, &digest, UNIX_EPOCH),
                whole_metadata(&object, &digest, UNIX_EPOCH, &Metadata::new()),
                delta_metadata(&object, &digest, &facts, UNIX_EPOCH, &Metadata::new()),
            ];
            for (name, value) in written.iter().flatten() {
                assert!(is_plain(value), "{key:?}: {name} is {value:?}");
            }
            let told = ["a b/", "a/"].iter().any(|space| key.starts_with(space)) || key == " ";
            assert_eq!(written[2].contains_key("dg-ref-key"), told, "{key:?}");
        }
    }

    #[test]
    fn ours_gives_way_to_the_users() {
        let object = Location::new("b", format!("r/{}.zip", "n".repeat(900)));
        let digest = ContentDigest::of(b"abc");
        let user = metadata(&[("k", &"v".repeat(1400))]);
        let stored = whole_metadata(&object, &digest, UNIX_EPOCH, &user);
        assert!(metadata_size(&stored) <= MAX_METADATA_BYTES);
        let Ok(Record::Whole(content)) = Record::read(&stored) else { panic!("{stored:?}") };
        assert_eq!(content.sha256, Some(digest.sha256));
        assert_eq!(user_metadata(&stored), user);
    }

    #[test]
    fn what_the_earlier_tool_cannot_do_without_stays_while_there_is_room() {
        let object = Location::new("b", "r/a.zip");
        let reference = crate::DeltaSpace::of(&object).reference();
        let facts =
            DeltaFacts { codec: CodecId::VCDIFF, reference: &reference, reference_sha256: Sha256([7; 32]), size: 9 };
        let digest = ContentDigest::of(b"abc");
        let with = |bytes| {
            delta_metadata(&object, &digest, &facts, UNIX_EPOCH, &metadata(&[("k", "v".repeat(bytes).as_str())]))
        };
        assert_eq!(with(0)["dg-delta-cmd"], "xdelta3 -e -9 -s reference.bin a.zip a.zip.delta");
        for (oldest, _) in OLDEST_NAMES {
            assert!(!with(0)[oldest].is_empty(), "{oldest}");
        }
        assert_eq!(user_metadata(&with(3)), metadata(&[("k", "vvv")]));
        let spare = MAX_METADATA_BYTES - metadata_size(&with(0));
        let full = with(spare + 1);
        assert!(full.contains_key("dg-delta-cmd") && OLDEST_NAMES.iter().all(|(name, _)| !full.contains_key(*name)));
        let spare = MAX_METADATA_BYTES - metadata_size(&full) + spare + 1;
        let tight = with(spare + 1);
        assert!(!tight.contains_key("dg-delta-cmd"));
        for field in ["tool", "original-name", "file-sha256", "file-size", "created-at", "ref-key", "ref-sha256"] {
            assert!(tight.contains_key(&format!("dg-{field}")), "{field}");
        }
    }

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        let second = UNIX_EPOCH + Duration::from_secs(1_763_846_270);
        for text in [
            "2025-11-22T21:17:50Z",
            "2025-11-22T21:17:50.000000",
            "2025-11-22T22:17:50+01:00",
            "2025-11-22T21:17:50",
            "2025-11-22T21:17:50+00:00Z",
        ] {
            assert_eq!(parse_time(text), Some(second), "{text}");
        }
        assert_eq!(parse_time("yesterday"), None);
    }

    #[test]
    fn temporary_objects_say_when_they_expire() {
        let stored = metadata(&[("dg-expires-at", "2025-11-22T21:17:50.5+00:00"), ("dg-rehydrated", "true")]);
        assert_eq!(expires_at(&stored), Some(UNIX_EPOCH + Duration::from_millis(1_763_846_270_500)));
        assert_eq!(expires_at(&metadata(&[("expires-at", "2025-11-22T21:17:50Z")])), None);
    }

    #[test]
    fn encrypted_objects_are_named() {
        let stored = metadata(&[("dg-tool", "x"), ("dg-encrypted", "aes-256-gcm")]);
        assert_eq!(Record::read(&stored), Err(RecordError::Encrypted));
    }
}
