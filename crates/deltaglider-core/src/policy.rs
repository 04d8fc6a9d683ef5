//! Which objects are stored as deltas.

/// Extensions of what is plainly an archive, an image of a disk or a dump: consecutive versions of them are alike.
/// The first row is what the earlier tool takes for a delta candidate, and must stay for its buckets to be read.
const EXTENSIONS: &[&str] = &[
    "zip",
    "tar",
    "gz",
    "tgz",
    "bz2",
    "xz",
    "7z",
    "rar",
    "dmg",
    "iso",
    "pkg",
    "deb",
    "rpm",
    "apk",
    "jar",
    "war",
    "ear",
    "whl",
    "crate",
    "nupkg",
    "vsix",
    "xpi",
    "egg",
    "gem",
    "aab",
    "ipa",
    "aar",
    "conda",
    "phar",
    "msi",
    "msix",
    "appx",
    "crx",
    "tbz2",
    "tbz",
    "txz",
    "tzst",
    "zst",
    "lz4",
    "br",
    "lzma",
    "cpio",
    "snap",
    "flatpak",
    "appimage",
    "squashfs",
    "sql",
    "dump",
    "bak",
    "sqlite",
    "sqlite3",
    "db",
    "parquet",
    "img",
    "vmdk",
    "vdi",
    "vhd",
    "vhdx",
    "qcow2",
    "ova",
    "ovf",
    "wim",
    "swu",
    "hex",
    "uf2",
    "safetensors",
    "gguf",
    "onnx",
    "ckpt",
    "pt",
    "pth",
    "npz",
    "npy",
    "h5",
    "keras",
    "tflite",
    "docx",
    "xlsx",
    "pptx",
    "odt",
    "ods",
    "odp",
    "epub",
    "wasm",
    "so",
    "dll",
    "exe",
];

/// What decides whether an object may become a delta, and whether the delta is worth keeping.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// A delta larger than this share of its target is not kept: the object is stored whole. Between 0 and 1.
    pub max_ratio: f64,
    /// Objects below this size in bytes are stored whole: their delta would cost requests and save nothing.
    pub min_size: u64,
    /// Only names with one of these extensions become deltas, out of those that may; `None` for all that may.
    pub only_extensions: Option<Vec<String>>,
    /// Whether deltas are written at all.
    pub write_deltas: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { max_ratio: 0.5, min_size: 4096, only_extensions: None, write_deltas: true }
    }
}

impl Policy {
    /// Whether an object of this name and size is to be tried as a delta.
    #[must_use]
    pub fn wants_delta(&self, name: &str, size: u64) -> bool {
        self.write_deltas
            && size >= self.min_size
            && may_be_delta(name)
            && self.only_extensions.as_ref().is_none_or(|only| {
                let name = name.to_ascii_lowercase();
                only.iter().any(|extension| {
                    let extension = extension.trim_start_matches('.').to_ascii_lowercase();
                    name.strip_suffix(&extension).is_some_and(|stem| stem.ends_with('.'))
                })
            })
    }

    /// Whether a delta of this size is worth keeping.
    #[must_use]
    pub fn keeps(&self, delta_size: u64, target_size: u64) -> bool {
        delta_size as f64 <= self.max_ratio * target_size as f64
    }
}

/// Whether an object of this name may be stored as a delta, by anybody: such names are looked up in both forms.
#[must_use]
pub fn may_be_delta(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, extension)| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_may_be_deltas_whatever_the_case() {
        for name in ["a.zip", "a.tar.gz", "A.Tar.GZ", "a.whl", ".zip", "a.tar.zst", "model.safetensors", "dump.sql.gz"]
        {
            assert!(may_be_delta(name), "{name}");
        }
        for name in ["a", "zip", "a.txt", "a.zip.sha256", "reference.bin", "x.delta", "a.json", "a.png", ""] {
            assert!(!may_be_delta(name), "{name}");
        }
    }

    #[test]
    fn a_client_narrows_what_it_writes() {
        let policy = Policy { only_extensions: Some(vec![".tar.gz".into(), "WHL".into()]), ..Policy::default() };
        assert!(policy.wants_delta("a.tar.gz", 5000));
        assert!(policy.wants_delta("a.whl", 5000));
        assert!(!policy.wants_delta("a.gz", 5000));
        assert!(!policy.wants_delta("awhl", 5000));
        assert!(!policy.wants_delta("a.whl", 4095));
        assert!(!Policy { write_deltas: false, ..policy }.wants_delta("a.whl", 5000));
    }

    #[test]
    fn the_ratio_is_a_limit() {
        let policy = Policy::default();
        assert!(policy.keeps(50, 100));
        assert!(!policy.keeps(51, 100));
        assert!(policy.keeps(0, 0));
    }
}
