//! Takes out of Swagger UI what the documentation page needs: two files of an archive of four hundred, so that a program
//! carries a quarter of it.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "openapi")]
    swagger_ui::take(&["swagger-ui-bundle.js", "swagger-ui.css"])?;
    Ok(())
}

#[cfg(feature = "openapi")]
mod swagger_ui {
    use std::{
        env,
        error::Error,
        fs,
        io::{Cursor, Read},
        path::PathBuf,
    };

    use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
    use zip::{CompressionMethod, ZipArchive};

    /// Writes these files of its `dist` folder into the build's own, gzipped.
    pub(crate) fn take(names: &[&str]) -> Result<(), Box<dyn Error>> {
        let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
        let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
        for name in names {
            let gzip = gzipped(&mut archive, name)
                .map_err(|error| format!("taking {name} out of Swagger UI's archive: {error}"))?;
            fs::write(folder.join(format!("{name}.gz")), gzip)?;
        }
        Ok(())
    }

    /// The file as it is deflated in the archive, in gzip's wrapping (RFC 1952).
    fn gzipped(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
        let ending = format!("/dist/{name}");
        let position = archive.file_names().position(|path| path.is_ok_and(|path| path.ends_with(&ending)));
        let mut file = archive.by_index_raw(position.ok_or("it is not there")?)?;
        if file.compression() != CompressionMethod::DEFLATE {
            return Err("it is not deflated".into());
        }
        // No name, no time, no flags; from an unknown system.
        let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
        file.read_to_end(&mut gzip)?;
        gzip.extend(file.crc32().to_le_bytes());
        gzip.extend(u32::try_from(file.size())?.to_le_bytes());
        Ok(gzip)
    }
}
