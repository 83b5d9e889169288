//! The image's root file system apart from the program: the little that a static binary still looks for.

use std::io;

use base64::{Engine, engine::general_purpose::STANDARD};
use xtask_contract::archive::Archive;

/// Who the processes run as: the user and group that distroless images call `nonroot`.
pub(crate) const USER: &str = "65532:65532";

const PASSWD: &str = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";

/// The layer with users, these certificate authorities and an empty /tmp.
pub(crate) fn layer(authorities: &[impl AsRef<[u8]>]) -> io::Result<Vec<u8>> {
    let mut archive = Archive::with_capacity(1 << 19);
    archive.folder("etc", 0o755)?;
    archive.file("etc/group", 0o644, GROUP.as_bytes())?;
    archive.file("etc/passwd", 0o644, PASSWD.as_bytes())?;
    archive.folder("etc/ssl", 0o755)?;
    archive.folder("etc/ssl/certs", 0o755)?;
    archive.file("etc/ssl/certs/ca-certificates.crt", 0o644, certificates(authorities).as_bytes())?;
    archive.folder("tmp", 0o1777)?;
    archive.finish()
}

/// The certificate authorities in PEM (RFC 7468: base64 in lines of 64 characters).
fn certificates(authorities: &[impl AsRef<[u8]>]) -> String {
    let mut pem = String::with_capacity(1 << 18);
    for certificate in authorities {
        let base64 = STANDARD.encode(certificate);
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut rest = base64.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = more;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}
