//! Certificates for servers of tests and for who comes to them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Makes in a folder an authority (`authority.crt`), a certificate by it for `localhost` (`server.crt`, `server.key`), and one for the
/// client who is called so (`client.crt`, `client.key`). They hold for two days.
///
/// # Errors
/// When openssl is not installed.
pub fn make_certificates(folder: &Path, client: &str) -> Result<()> {
    let script = "set -e
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=testkit authority' -keyout authority.key -out authority.crt
issue() {
    openssl req -newkey rsa:2048 -nodes -subj \"/CN=$2\" -keyout $1.key -out $1.csr
    printf \"subjectAltName=DNS:$2\\nbasicConstraints=CA:FALSE\\n\" > $1.ext
    openssl x509 -req -days 2 -in $1.csr -CA authority.crt -CAkey authority.key -CAcreateserial -extfile $1.ext -out $1.crt
    chmod 600 $1.key
}
issue server localhost
issue client \"$CLIENT\"";
    let output = Command::new("sh").args(["-c", script]).env("CLIENT", client).current_dir(folder).output();
    let output = output.context("could not start a shell")?;
    if !output.status.success() {
        bail!("openssl failed\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
