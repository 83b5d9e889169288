//! What an image says of its service.

use serde::{Deserialize, de::DeserializeOwned};

use super::Layout;
use crate::{Context, Digest, Error, Result, ServiceName, image::SERVICE, service::Service};

impl Layout {
    /// The service's own description, from its image.
    pub fn description(&self, image: &Digest) -> Result<Service> {
        self.described(image)
    }

    /// The service's name, from its image; also of a description with more in it than is known here.
    pub fn service_name(&self, image: &Digest) -> Result<ServiceName> {
        #[derive(Deserialize)]
        struct Named {
            service: ServiceName,
        }
        self.described(image).map(|named: Named| named.service)
    }

    fn described<T: DeserializeOwned>(&self, image: &Digest) -> Result<T> {
        let config = self.config(&self.manifest(image)?)?;
        let doing = || format!("reading the service's description in the image {image}");
        let label = config.config.labels.get(SERVICE).ok_or_else(|| {
            Error::refused(doing(), format!("it has no label {SERVICE}"))
                .next("build it with `cargo xtask build`")
        })?;
        serde_json::from_str(label).doing(doing)
    }
}
