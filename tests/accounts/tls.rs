//! Services over TLS: their certificates have to be ones that the system trusts.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use super::world::World;
use crate::support::PATIENCE;
use crate::support::program::Program;

/// A TLS server that answers one connection with a refusal.
struct Tls(Child);

impl Tls {
    /// Begins with a certificate in this folder; its port.
    fn start(folder: &Path) -> (Self, u16) {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            while stdout.read_line(&mut line).is_ok_and(|count| count > 0) {
                if let Some(port) = line.trim().strip_prefix("ACCEPT 127.0.0.1:") {
                    tell.send(port.parse().unwrap()).unwrap();
                }
                // The first line of a question.
                if line.starts_with("POST /") {
                    let body = r#"{"error":"over_tls","error_description":"heard you"}"#;
                    let length = body.len();
                    let head = format!("HTTP/1.1 400 No\r\nContent-Length: {length}\r\n\r\n");
                    stdin.write_all(format!("{head}{body}\n").as_bytes()).unwrap();
                    stdin.flush().unwrap();
                }
                line.clear();
            }
            stdout.read_to_end(&mut Vec::new()).ok();
        });
        let port = told.recv_timeout(PATIENCE).expect("openssl listens");
        (Self(child), port)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let run = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    let run = run.expect("openssl runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn only_certificates_that_the_system_trusts_are_taken() {
    let world = World::new();
    let folder = world.folder();
    std::fs::create_dir_all(folder).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=ca -days 2"));
    openssl(folder, &format!("req {key} -keyout key.pem -out cert.csr -subj /CN=service"));
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(
        folder,
        "x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out cert.pem \
         -days 2",
    );
    let (_tls, port) = Tls::start(folder);
    let trusted = folder.join("ca.pem");
    let ask = |host: &str, trusted: &Path| {
        let url = format!("account_url_device_code=https://{host}:{port}/x");
        let arguments = ["account", "add", "--set", "account_client_id=1", "--set", &url];
        let variables = [("SSL_CERT_FILE", trusted.to_str().unwrap()), ("MIDWIRE_LOG", "trace")];
        world.ended(Program::start_in(&arguments, folder, &variables), 3).diagnostics
    };
    let said = ask("127.0.0.1", &trusted);
    assert!(said.contains("refuses (status 400): \"heard you\""), "{said}");
    // The right one under another name.
    let said = ask("localhost", &trusted);
    assert!(said.contains("cannot be reached") && said.contains("certificate"), "{said}");
    // A certificate of nobody whom the system knows.
    openssl(
        folder,
        &format!("req -x509 {key} -keyout o.key -out other.pem -subj /CN=other -days 2"),
    );
    let said = ask("127.0.0.1", &folder.join("other.pem"));
    assert!(said.contains("cannot be reached") && said.contains("certificate"), "{said}");
}
