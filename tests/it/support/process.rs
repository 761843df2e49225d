//! The real program in a folder of its own, with nothing inherited.

use super::stand_in;
use firelake::storage::Location;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A working folder for runs of the program.
pub struct Sandbox {
    dir: TempDir,
    env: BTreeMap<String, String>,
}

/// What a run left.
#[derive(Debug)]
pub struct Outcome {
    #[expect(dead_code, reason = "for messages")]
    pub line: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        Sandbox { dir: tempfile::tempdir().unwrap(), env: BTreeMap::new() }
    }

    /// Sets a variable of the environment for all runs; an empty value takes it away.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match value {
            "" => _ = self.env.remove(name),
            value => _ = self.env.insert(name.into(), value.into()),
        }
        self
    }

    /// A folder with credentials of a new account of the stand-in for AWS, and a bucket of its own.
    pub fn on_aws() -> (Self, String) {
        let (account, bucket) = (stand_in::account(), stand_in::bucket_name("it"));
        stand_in::create_bucket(&account, &bucket);
        (Self::new().asking(stand_in::url(), &account), bucket)
    }

    /// Puts an object into a bucket of this sandbox's account.
    pub fn put(&self, bucket: &str, key: &str, body: &[u8]) {
        let answer = stand_in::request(&self.account(), "s3", "PUT", &format!("/{bucket}/{key}"), "", body).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// The account of this sandbox's credentials.
    pub fn account(&self) -> String {
        self.env["AWS_ACCESS_KEY_ID"].clone()
    }

    /// With credentials for AWS, or what answers in its place at `url`.
    #[must_use]
    pub fn asking(self, url: &str, account: &str) -> Self {
        self.with("AWS_ENDPOINT_URL", url)
            .with("AWS_ACCESS_KEY_ID", account)
            .with("AWS_SECRET_ACCESS_KEY", "secret")
            .with("AWS_REGION", "us-east-1")
            .with("AWS_EC2_METADATA_DISABLED", "true")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub fn location(&self, name: &str) -> Location {
        Location::open(self.path(name).to_str().unwrap()).unwrap()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Starts `firelake` with the words of `line`; double quotes hold words together.
    pub fn start(&self, line: &str) -> Child {
        self.start_under(&[], line)
    }

    /// The same, started by another program: `under` is that and its arguments.
    pub fn start_under(&self, under: &[&str], line: &str) -> Child {
        let firelake = [env!("CARGO_BIN_EXE_firelake")];
        let mut program = under.iter().chain(&firelake);
        Command::new(program.next().unwrap())
            .args(program)
            .args(words(line))
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path())
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {under:?} {firelake:?}: {error}"))
    }

    pub fn run_under(&self, under: &[&str], line: &str) -> Outcome {
        finish(line, self.start_under(under, line))
    }

    /// Runs as one to whom permissions apply: root puts aside the right to pass over them.
    pub fn run_bound(&self, line: &str) -> Outcome {
        const BOUND: [&str; 3] = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"];
        self.permit("bound", 0o555);
        let passes_over = std::fs::write(self.path("bound/x"), "").is_ok();
        self.run_under(if passes_over { &BOUND } else { &[] }, line)
    }

    /// Gives a folder, which is made where it is not there, or a file these permissions.
    pub fn permit(&self, name: &str, mode: u32) {
        let path = self.path(name);
        if !path.exists() {
            std::fs::create_dir_all(&path).unwrap();
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn run(&self, line: &str) -> Outcome {
        finish(line, self.start(line))
    }

    /// Runs what must succeed.
    pub fn ok(&self, line: &str) -> Outcome {
        self.run(line).exits(0)
    }

    /// Every file below a folder, in order; none where it does not exist.
    pub fn files(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.path(name), &mut found);
        found.sort();
        found
    }

    /// How many commits a table of the database `logs` has.
    pub fn commits(&self, lake: &str, table: &str) -> usize {
        self.files(&format!("{lake}/logs/{table}/_ledger")).len()
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => walk(&path, found),
            false => found.push(path),
        }
    }
}

/// Waits for a run's end.
pub fn finish(line: &str, child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Outcome {
        line: line.into(),
        code: output.status.code().expect("ended by a signal"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('"').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

impl Outcome {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Checks that stderr holds each of these.
    #[track_caller]
    pub fn says(self, expected: &[&str]) -> Self {
        for text in expected {
            assert!(self.stderr.contains(text), "{text:?} is missing\n{self:#?}");
        }
        self
    }

    /// A failure: nothing on stdout, `error:` and `hint:` on stderr, and each of `expected`.
    #[track_caller]
    pub fn fails(self, code: i32, expected: &[&str]) -> Self {
        let told = self.exits(code).says(&["error: ", "\nhint: "]).says(expected);
        assert_eq!(told.stdout, "", "{told:#?}");
        told
    }
}
