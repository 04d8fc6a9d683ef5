//! Whether this machine is an instance of EC2 in another region than its requests go to, which makes them slow and costs money.

use std::fs;
use std::path::Path;

use aws_config::imds::region::ImdsRegionProvider;
use aws_config::provider_config::ProviderConfig;

use crate::connection::{Connection, metadata_service};
use crate::http_client;
use crate::store::S3Store;

/// Where Linux tells of the machine that it runs on.
const SYSTEM: &str = "/sys";

/// An instance of EC2 whose requests go to another region.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrossRegion {
    /// Where the instance runs.
    pub instance: String,
    /// Where the requests go.
    pub requests: String,
}

impl S3Store {
    /// Waits until the store is used, and says where the regions of this instance of EC2 and of the requests differ. `None` on any
    /// other machine, with another server than AWS, and where the metadata service does not answer within 2 s.
    ///
    /// Requests: 2 to the metadata service (IMDSv2: a token and the region), on instances of EC2 that run Linux; else none.
    pub async fn cross_region(&self) -> Option<CrossRegion> {
        let connection = self.connected().await;
        if !is_aws(connection) || !is_instance(Path::new(SYSTEM)) {
            return None;
        }
        let provider = ProviderConfig::default().with_http_client(http_client::make(self.settings()).ok()?);
        let service = ImdsRegionProvider::builder().configure(&provider).imds_client(metadata_service(&provider));
        let instance = service.build().region().await?.to_string();
        let requests = connection.region.clone();
        (instance != requests).then_some(CrossRegion { instance, requests })
    }
}

/// Whether requests go to AWS: by default, or by an endpoint of its own, such as one in a VPC.
fn is_aws(connection: &Connection) -> bool {
    let Some(endpoint) = &connection.endpoint else { return true };
    let host = endpoint.split("://").last().unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

/// By what firmware (Nitro) or hypervisor (Xen) says, so that no other machine waits for an answer that never comes.
fn is_instance(system: &Path) -> bool {
    let says = |file: &str, what: &str| {
        fs::read_to_string(system.join(file)).is_ok_and(|text| text.trim_start().to_ascii_lowercase().starts_with(what))
    };
    says("class/dmi/id/sys_vendor", "amazon ec2") || says("hypervisor/uuid", "ec2")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::FALLBACK_REGION;

    #[test]
    fn an_instance_is_known_by_firmware_or_hypervisor() {
        let place = tempfile::tempdir().expect("a directory");
        let write = |file: &str, text: &str| {
            let path = place.path().join(file);
            fs::create_dir_all(path.parent().expect("below")).expect("made");
            fs::write(path, text).expect("written");
        };
        assert!(!is_instance(place.path()));
        write("class/dmi/id/sys_vendor", "QEMU\n");
        write("hypervisor/uuid", "1ec2e663-0000-0000-0000-000000000000\n");
        assert!(!is_instance(place.path()));
        write("hypervisor/uuid", "ec2e1916-9099-7caf-fd21-012345abcdef\n");
        assert!(is_instance(place.path()));
        write("hypervisor/uuid", "");
        write("class/dmi/id/sys_vendor", "Amazon EC2\n");
        assert!(is_instance(place.path()));
    }

    #[test]
    fn endpoints_of_aws_are_aws() {
        let of = |endpoint: Option<&str>| {
            let client = aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::Config::builder().behavior_version(aws_sdk_s3::config::BehaviorVersion::latest()).build(),
            );
            is_aws(&Connection { client, endpoint: endpoint.map(str::to_owned), region: FALLBACK_REGION.to_owned() })
        };
        assert!(of(None));
        assert!(of(Some("https://bucket.vpce-1a2b3c4d.s3.us-east-1.vpce.amazonaws.com")));
        assert!(of(Some("http://s3.cn-north-1.amazonaws.com.cn:80/")));
        assert!(!of(Some("http://127.0.0.1:9000")));
        assert!(!of(Some("https://amazonaws.com.example.org")));
    }
}
