//! Landing prefixes on this machine's disk: walked by ourselves, because the store library's listing leaves out names that
//! it cannot read and files that it may not look at, in silence, and follows links to count a file twice.

use super::folders::Bound;
use crate::storage::is_left_behind;
use chrono::{DateTime, Utc};
use object_store::path::Path as Key;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{ErrorKind, Read, Result};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A file below a landing folder.
#[derive(Debug)]
pub(super) struct LocalFile {
    /// Its canonical path: a link stands for what it points at.
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) modified: DateTime<Utc>,
}

/// Every file below `root` of which the name below it begins so, links followed, each once; but for folders that `bound` skips.
///
/// # Errors
/// Any folder or file that cannot be looked at: a listing is complete or an error (I7). What vanishes meanwhile is no error.
pub(super) fn walk(root: &Path, begins: &str, bound: Option<&Bound>) -> Result<Vec<LocalFile>> {
    let mut walk =
        Walk { begins: begins.as_bytes(), bound, folders: HashSet::new(), files: HashSet::new(), found: Vec::new() };
    let root = root.canonicalize()?;
    walk.folder(&root, &mut Vec::new())?;
    Ok(walk.found)
}

/// One file; `None` where it is gone.
pub(super) fn look(path: &Path) -> Result<Option<LocalFile>> {
    let Some(metadata) = unless_gone(std::fs::metadata(path))? else { return Ok(None) };
    Ok(metadata.is_file().then(|| LocalFile::new(path.to_owned(), &metadata)))
}

struct Walk<'a> {
    begins: &'a [u8],
    bound: Option<&'a Bound>,
    folders: HashSet<PathBuf>,
    files: HashSet<PathBuf>,
    found: Vec<LocalFile>,
}

impl Walk<'_> {
    /// `folder` is canonical; `name` is how it is reached below the root, with a last slash.
    fn folder(&mut self, folder: &Path, name: &mut Vec<u8>) -> Result<()> {
        if !self.folders.insert(folder.to_owned()) {
            return Ok(());
        }
        let Some(entries) = unless_gone(std::fs::read_dir(folder))? else { return Ok(()) };
        for entry in entries {
            let length = name.len();
            let path = entry?.path();
            name.extend_from_slice(path.file_name().map_or(b"", |name| name.as_bytes()));
            self.entry(path, name).map_err(|e| named(e, name))?;
            name.truncate(length);
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, name: &mut Vec<u8>) -> Result<()> {
        let left_behind = is_left_behind(&path.file_name().unwrap_or_default().to_string_lossy());
        if left_behind || !name.starts_with(self.begins) {
            return Ok(());
        }
        let Some(metadata) = unless_gone(std::fs::metadata(&path))? else { return Ok(()) };
        let path = if path.is_symlink() { path.canonicalize()? } else { path };
        if metadata.is_dir() {
            name.push(b'/');
            return if self.skips(name) { Ok(()) } else { self.folder(&path, name) };
        }
        if metadata.is_file() && self.files.insert(path.clone()) {
            self.found.push(LocalFile::new(path, &metadata));
        }
        Ok(())
    }

    fn skips(&self, folder: &[u8]) -> bool {
        let relative = String::from_utf8_lossy(&folder[self.begins.len()..]);
        self.bound.is_some_and(|bound| bound.skips(&relative))
    }
}

impl LocalFile {
    fn new(path: PathBuf, metadata: &Metadata) -> Self {
        LocalFile { path, size: metadata.len(), modified: modified(metadata) }
    }
}

fn modified(metadata: &Metadata) -> DateTime<Utc> {
    metadata.modified().map(DateTime::from).unwrap_or_default()
}

fn unless_gone<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn named(error: std::io::Error, name: &[u8]) -> std::io::Error {
    match error.to_string().contains("cannot look at") {
        true => error,
        false => {
            std::io::Error::new(error.kind(), format!("cannot look at {}: {error}", String::from_utf8_lossy(name)))
        }
    }
}

/// Between the paths of a landing folder's files and their keys, which make their URLs: one key a path, whatever bytes it has.
///
/// The folder's own key is the one that the store library gave it; below it, `%`, control bytes and what is not UTF-8 are
/// percent-encoded, and nothing else.
pub(super) struct Names<'a> {
    prefix: &'a str,
}

impl<'a> Names<'a> {
    pub(super) fn new(prefix: &'a Key) -> Self {
        Names { prefix: prefix.as_ref() }
    }

    /// The landing folder.
    pub(super) fn root(&self) -> PathBuf {
        PathBuf::from(format!("/{}", self.prefix))
    }

    pub(super) fn key(&self, path: &Path) -> Key {
        let key = match path.strip_prefix(self.root()) {
            Ok(below) => format!("{}/{}", self.prefix, encoded(below.as_os_str().as_bytes())),
            Err(_) => encoded(path.as_os_str().as_bytes()), // behind a link
        };
        // Cannot fail: no empty part, no dots alone, no control byte.
        Key::parse(&key).unwrap_or_else(|_| Key::from(key))
    }

    pub(super) fn path(&self, key: &Key) -> PathBuf {
        let below = key.as_ref().strip_prefix(self.prefix).and_then(|rest| rest.strip_prefix('/'));
        below.map_or_else(|| Path::new("/").join(decoded(key.as_ref())), |below| self.root().join(decoded(below)))
    }
}

fn encoded(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c.is_ascii_control() || c == '%' {
                true => text += &format!("%{:02X}", u32::from(c)),
                false => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("%{byte:02X}"));
    }
    text
}

fn decoded(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Whether the store library takes the name for an upload under way (`x#17`): its writers rename such a file when it is whole.
pub(super) fn looks_staged(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.rsplit_once('#').is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// A file that is read in the state in which it was listed, or not at all.
#[derive(Debug)]
pub struct LocalBody {
    file: std::fs::File,
    size: u64,
    modified: DateTime<Utc>,
}

impl LocalBody {
    /// Opens a file of this size and time.
    pub fn open(path: &Path, size: u64, modified: DateTime<Utc>) -> Result<Self> {
        Ok(LocalBody { file: std::fs::File::open(path)?, size, modified })
    }
}

impl Read for LocalBody {
    /// # Errors
    /// At the end, where the file is no longer as it was listed: somebody is still writing it.
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let read = self.file.read(out)?;
        if read == 0 && !out.is_empty() {
            let now = self.file.metadata()?;
            if now.len() != self.size || modified(&now) != self.modified {
                return Err(std::io::Error::other("it changed while it was read"));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    fn names(root: &Path, begins: &str, bound: Option<&Bound>) -> Vec<String> {
        let mut names: Vec<String> = walk(root, begins, bound)
            .unwrap()
            .into_iter()
            .map(|file| {
                let prefix = Key::from_absolute_path(root).unwrap();
                let names = Names::new(&prefix);
                assert_eq!(names.path(&names.key(&file.path)), file.path, "a key decodes to its path");
                file.path.strip_prefix(root).unwrap_or(&file.path).to_string_lossy().into_owned()
            })
            .collect();
        names.sort();
        names
    }

    fn write(path: PathBuf) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }

    #[test]
    fn every_file_once_whatever_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("landing");
        let plain =
            ["2026/11/20/03/a.gz", "b", "c#1", "d/e f%20g.json", "d/tab\there", "Ü", "~", "%2e%2e", "%25", "100%"];
        for name in plain {
            write(root.join(name));
        }
        write(root.join(OsString::from_vec(b"not\xffutf8".to_vec())));
        write(dir.path().join("outside/o"));
        write(root.join(format!("x.gz#00700{:039}", 7))); // our own, of a run that was killed
        symlink(root.join("d"), root.join("again")).unwrap();
        symlink(&root, root.join("loop")).unwrap();
        symlink(root.join("nowhere"), root.join("dangling")).unwrap();
        symlink(dir.path().join("outside"), root.join("linked")).unwrap();
        let found = names(&root, "", None);
        assert_eq!(found.len(), plain.len() + 2, "{found:?}");
        assert!(plain.iter().all(|name| found.iter().any(|found| found == name)), "{found:?}");
    }

    #[test]
    fn a_bound_skips_old_date_folders_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let old = ["2025/12/31/23/a", "2026/01/01/00/b"];
        let others = ["0", "2026/01/01/01/c", "2026/01/01/eu/e", "2026/02/01/00/d", "dt=2025-12-31/f", "x"];
        old.iter().chain(&others).for_each(|name| write(root.join(name)));
        let bound = Bound::new("2026-01-01T13:00:00Z".parse().unwrap(), vec!["%Y/%m/%d/%H/".into()]);
        assert_eq!(names(&root, "", bound.as_ref()), others);
        assert_eq!(names(&root, "2026", None).len(), 4);
    }

    #[test]
    fn names_that_begin_so() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in
            ["log/x", "logs.gz", "logs/x", "logs-errors/x", "logs2025/12/31/00/x", "logs2026/01/01/00/x", "other/logs"]
        {
            write(root.join(name));
        }
        let all = ["logs-errors/x", "logs.gz", "logs/x", "logs2025/12/31/00/x", "logs2026/01/01/00/x"];
        assert_eq!(names(&root, "logs", None), all);
        let bound = Bound::new("2026-01-01T12:00:00Z".parse().unwrap(), vec!["%Y/%m/%d/%H/".into()]);
        assert_eq!(names(&root, "logs", bound.as_ref()).len(), 4);
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, "whole").unwrap();
        let listed = look(&path).unwrap().unwrap();
        let open = || LocalBody::open(&path, listed.size, listed.modified).unwrap();
        let mut text = String::new();
        open().read_to_string(&mut text).unwrap();
        let mut half = open();
        half.read_exact(&mut [0; 3]).unwrap();
        std::fs::File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
        assert!(half.read_to_end(&mut Vec::new()).is_err());
        assert!(look(&dir.path().join("none")).unwrap().is_none());
    }
}
