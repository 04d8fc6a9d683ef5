//! The release families that are measured: several versions of one thing, as their publishers made them.

/// Where the files of a family come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Wheels of a package of PyPI, for CPython 3.11 on Linux.
    Wheel(&'static str),
    /// Source distributions of a package of PyPI.
    Sdist(&'static str),
    /// A package of the npm registry.
    Npm(&'static str),
    /// A crate of crates.io.
    Crate(&'static str),
    /// The files of another family, gunzipped.
    Gunzipped(&'static str),
    /// One member of the zips of another family.
    Member(&'static str, &'static str),
    /// Made here: a table of measurements as CSV, some rows changed and some added from version to version.
    Table,
}

/// Versions of one thing; the first is the reference of the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) origin: Origin,
    /// Each with its size in bytes, which a fetched file is held to.
    pub(super) versions: &'static [(&'static str, u64)],
}

impl Family {
    /// How the names of its files end.
    pub(super) fn extension(&self) -> &'static str {
        match self.origin {
            Origin::Wheel(_) => "whl",
            Origin::Sdist(_) => "tar.gz",
            Origin::Npm(_) => "tgz",
            Origin::Crate(_) => "crate",
            Origin::Gunzipped(_) => "tar",
            Origin::Member(..) => "so",
            Origin::Table => "csv",
        }
    }

    /// True where its files are not compressed.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.origin, Origin::Gunzipped(_) | Origin::Member(..) | Origin::Table)
    }
}

/// All of them, compressed ones first.
pub(super) const FAMILIES: [Family; 14] = [
    versions(
        "numpy",
        Origin::Wheel("numpy"),
        &[
            ("1.26.0", 18_178_118),
            ("1.26.1", 18_190_343),
            ("1.26.2", 18_238_922),
            ("1.26.3", 18_251_823),
            ("1.26.4", 18_252_005),
        ],
    ),
    versions(
        "botocore",
        Origin::Wheel("botocore"),
        &[
            ("1.43.100", 15_860_706),
            ("1.43.105", 15_958_067),
            ("1.43.110", 16_015_248),
            ("1.43.115", 16_085_101),
            ("1.43.120", 16_164_042),
        ],
    ),
    versions(
        "pydantic-core",
        Origin::Wheel("pydantic-core"),
        &[
            ("2.41.1", 2_073_794),
            ("2.41.2", 2_070_188),
            ("2.41.4", 2_071_163),
            ("2.41.5", 2_066_378),
            ("2.42.0", 2_102_882),
        ],
    ),
    versions(
        "cryptography",
        Origin::Wheel("cryptography"),
        &[
            ("46.0.1", 4_572_393),
            ("46.0.2", 4_450_899),
            ("46.0.3", 4_450_807),
            ("46.0.4", 4_423_124),
            ("46.0.5", 4_424_742),
        ],
    ),
    versions(
        "typescript",
        Origin::Npm("typescript"),
        &[("5.7.2", 4_231_797), ("5.7.3", 4_232_501), ("5.8.2", 4_250_087), ("5.8.3", 4_250_436), ("5.9.2", 4_376_902)],
    ),
    versions(
        "client-s3",
        Origin::Npm("@aws-sdk/client-s3"),
        &[
            ("3.1154.0", 412_090),
            ("3.1155.0", 412_094),
            ("3.1156.0", 412_093),
            ("3.1157.0", 412_093),
            ("3.1158.0", 412_093),
        ],
    ),
    versions(
        "caniuse",
        Origin::Npm("caniuse-lite"),
        &[
            ("1.0.30001800", 332_156),
            ("1.0.30001810", 323_010),
            ("1.0.30001816", 349_041),
            ("1.0.30001820", 349_328),
            ("1.0.30001826", 362_480),
        ],
    ),
    versions(
        "botocore-sdist",
        Origin::Sdist("botocore"),
        &[("1.43.100", 16_166_265), ("1.43.110", 16_317_803), ("1.43.120", 16_465_596)],
    ),
    versions(
        "aws-sdk-ec2",
        Origin::Crate("aws-sdk-ec2"),
        &[
            ("1.150.0", 6_189_679),
            ("1.152.0", 6_190_218),
            ("1.154.0", 6_189_774),
            ("1.156.0", 6_190_299),
            ("1.158.0", 6_196_142),
        ],
    ),
    versions(
        "botocore-tar",
        Origin::Gunzipped("botocore-sdist"),
        &[("1.43.100", 143_933_440), ("1.43.110", 145_090_560)],
    ),
    versions(
        "typescript-tar",
        Origin::Gunzipped("typescript"),
        &[
            ("5.7.2", 22_842_880),
            ("5.7.3", 22_844_928),
            ("5.8.2", 22_969_856),
            ("5.8.3", 22_971_392),
            ("5.9.2", 23_728_640),
        ],
    ),
    versions(
        "numpy-so",
        Origin::Member("numpy", "numpy/core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so"),
        &[
            ("1.26.0", 7_402_393),
            ("1.26.1", 7_402_393),
            ("1.26.2", 7_431_065),
            ("1.26.3", 7_426_809),
            ("1.26.4", 7_426_817),
        ],
    ),
    versions(
        "cryptography-so",
        Origin::Member("cryptography", "cryptography/hazmat/bindings/_rust.abi3.so"),
        &[
            ("46.0.1", 12_729_592),
            ("46.0.2", 12_881_728),
            ("46.0.3", 12_885_432),
            ("46.0.4", 12_739_192),
            ("46.0.5", 12_733_496),
        ],
    ),
    versions("table", Origin::Table, &[("1", 4_472_360), ("2", 4_569_701), ("3", 4_667_542)]),
];

const fn versions(name: &'static str, origin: Origin, versions: &'static [(&'static str, u64)]) -> Family {
    Family { name, origin, versions }
}

/// The family of this name.
pub(super) fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_family_has_a_name_a_reference_and_a_target() {
        assert_eq!(FAMILIES.iter().map(|family| family.name).collect::<BTreeSet<_>>().len(), FAMILIES.len());
        for family in &FAMILIES {
            assert!(family.versions.len() > 1, "{}", family.name);
            assert!(family.versions.iter().all(|(_, size)| *size > 0), "{}", family.name);
        }
    }

    #[test]
    fn what_is_derived_has_something_to_derive_from() {
        for member in &FAMILIES {
            let (Origin::Gunzipped(source) | Origin::Member(source, _)) = member.origin else { continue };
            let source = family(source).expect("it is a family");
            for (version, _) in member.versions {
                assert!(source.versions.iter().any(|(known, _)| known == version), "{} {version}", member.name);
            }
        }
    }
}
