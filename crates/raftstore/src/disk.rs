//! The data directory: who owns it, held by one process at a time, and its header, which is read before anything else.
//!
//! The header is text, so that a person can read it with `cat`:
//!
//! ```text
//! steppe data directory
//! format: 1
//! kind: server
//! region: "west"
//! node: 0f6b1c1e-…
//! cluster: 77aa…
//! gossip generation: 3
//! checksum: 1a2b3c4d
//! ```

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, REJOIN};
use crate::files;

/// The format that this program writes. It changes when older programs could no longer read what is stored.
pub const FORMAT: u32 = 1;

const TITLE: &str = "steppe data directory";
const HEADER: &str = "header";
const HEADER_TEMPORARY: &str = "header.tmp";
const LOCK: &str = "lock";

/// What kind of agent a directory belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A region's server: log, vote, snapshots.
    Server,
    /// A node agent: what it runs.
    Client,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Server => "server",
            Kind::Client => "client",
        }
    }

    fn from_word(word: &str) -> Option<Kind> {
        [Kind::Server, Kind::Client].into_iter().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the configuration says about the directory that is to be opened.
#[derive(Debug, Clone)]
pub struct Expect {
    /// Server or client.
    pub kind: Kind,
    /// The region's name.
    pub region: String,
    /// The id that the node gets if the directory is new; an existing directory keeps its own. Must never have been used before.
    pub new_node_id: u128,
}

/// What a directory knows about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Server or client. Never changes.
    pub kind: Kind,
    /// The region that the directory belongs to. Never changes.
    pub region: String,
    /// The node's or server's id (a uuid), made once with the directory: a directory that was lost comes back under another id. Never changes.
    pub node_id: u128,
    /// The cluster's uuid, once it is known. Written by [`DataDir::update`] when the region is bootstrapped or joined.
    pub cluster: Option<u128>,
    /// The directory took the place of a damaged one, see [`set_aside`]: its server waits to be taken into the region's raft group, which it
    /// must never found again.
    pub rejoins: bool,
    /// Of this agent's gossip identity; grows with each start, whatever the clock says, so that it supersedes the one of its previous life.
    pub gossip_generation: u64,
}

/// A directory that this process holds alone until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    header: Mutex<Header>,
    /// Holds the advisory lock; released by the operating system when the process ends, however it ends.
    _lock: File,
}

impl DataDir {
    /// Opens or creates the directory at `path` and holds it.
    ///
    /// # Errors
    ///
    /// Held by another process; of another format, kind or region; not ours; not readable or writable. Each says what to do.
    pub fn open(path: impl AsRef<Path>, expect: Expect) -> Result<DataDir, Error> {
        let path = path.as_ref();
        files::create_directory(path)?;
        refuse_foreign(path)?;
        let lock = lock(path)?;
        let header = match read_header(path)? {
            Some(header) => {
                check(path, &header, &expect)?;
                header
            }
            None => {
                let header = Header {
                    kind: expect.kind,
                    region: expect.region,
                    node_id: expect.new_node_id,
                    cluster: None,
                    rejoins: was_set_aside(path)?,
                    gossip_generation: 0,
                };
                files::replace(&path.join(HEADER), render(&header).as_bytes())?;
                header
            }
        };
        Ok(DataDir { path: path.to_path_buf(), header: Mutex::new(header), _lock: lock })
    }

    /// Where the directory is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The header as it is on disk.
    pub fn header(&self) -> Header {
        self.guard().clone()
    }

    /// Changes the header; it is on disk when this returns, and unchanged if it fails.
    ///
    /// # Errors
    ///
    /// The file could not be written, or the change touches what never changes (kind, region, node id).
    pub fn update(&self, change: impl FnOnce(&mut Header)) -> Result<Header, Error> {
        let mut current = self.guard();
        let mut next = current.clone();
        change(&mut next);
        if (next.kind, &next.region, next.node_id) != (current.kind, &current.region, current.node_id) {
            return Err(Error::Settings("a data directory keeps its kind, region and node id for ever".to_owned()));
        }
        if next != *current {
            files::replace(&self.path.join(HEADER), render(&next).as_bytes())?;
            *current = next;
        }
        Ok(current.clone())
    }

    /// A folder inside the directory, created durably if it is missing.
    ///
    /// # Errors
    ///
    /// It could not be created.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.path.join(name);
        files::create_directory(&folder)?;
        Ok(folder)
    }

    /// Replaces a file inside the directory; after a crash at any moment it holds either the old or the new content.
    ///
    /// # Errors
    ///
    /// It could not be written.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        files::replace(&self.path.join(name), content)
    }

    fn guard(&self) -> MutexGuard<'_, Header> {
        self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves a damaged directory out of the way, next to where it was, and returns its new place; `unix_seconds` tells several of them apart. As
/// long as that is there, a directory that is opened in the old place belongs to a server that [rejoins](Header::rejoins).
///
/// # Errors
///
/// It could not be moved.
pub fn set_aside(path: &Path, unix_seconds: u64) -> Result<PathBuf, Error> {
    let aside = path.with_file_name(format!("{}{unix_seconds}", aside_prefix(path)));
    files::rename(path, &aside)?;
    Ok(aside)
}

fn aside_prefix(path: &Path) -> String {
    format!("{}.damaged-", path.file_name().unwrap_or_default().to_string_lossy())
}

/// Whether one was [set aside](set_aside) in this place.
fn was_set_aside(path: &Path) -> Result<bool, Error> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else { return Ok(false) };
    let prefix = aside_prefix(path);
    for entry in fs::read_dir(parent).map_err(|e| Error::io("read", parent, e))? {
        let entry = entry.map_err(|e| Error::io("read", parent, e))?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A directory with files but without a header is somebody else's: nothing is created in it.
fn refuse_foreign(path: &Path) -> Result<(), Error> {
    if path.join(HEADER).exists() {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(|e| Error::io("read", path, e))? {
        let name = entry.map_err(|e| Error::io("read", path, e))?.file_name().to_string_lossy().into_owned();
        // The lock and a half-written header are what a first start leaves behind that was killed before the header was complete.
        // A file system of its own starts with `lost+found`.
        if ![LOCK, HEADER_TEMPORARY, "lost+found"].contains(&name.as_str()) {
            return Err(Error::Foreign { path: path.to_path_buf(), example: name });
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, Error> {
    let lock_path = path.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(|e| Error::io("open", &lock_path, e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut content = String::new();
            let pid: Option<u32> = file.read_to_string(&mut content).ok().and_then(|_| content.trim().parse().ok());
            let holder = pid.map_or_else(|| "another agent".to_owned(), |pid| format!("process {pid}"));
            return Err(Error::Locked { path: path.to_path_buf(), holder });
        }
        Err(TryLockError::Error(e)) => return Err(Error::io("lock", &lock_path, e)),
    }
    // The process id is a courtesy for the message above; nothing depends on it, so it is not synced.
    let written = file
        .set_len(0)
        .and_then(|()| file.seek(SeekFrom::Start(0)))
        .and_then(|_| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
    written.map_err(|e| Error::io("write", &lock_path, e))?;
    Ok(file)
}

fn read_header(path: &Path) -> Result<Option<Header>, Error> {
    let file = path.join(HEADER);
    match fs::read_to_string(&file) {
        Ok(text) => parse(&file, path, &text).map(Some),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", &file, e)),
    }
}

fn check(path: &Path, header: &Header, expect: &Expect) -> Result<(), Error> {
    let mismatch = |remedy| Error::Mismatch {
        path: path.to_path_buf(),
        found: format!("{} of region {:?}", header.kind, header.region),
        wanted: format!("{} of region {:?}", expect.kind, expect.region),
        remedy,
    };
    if header.kind != expect.kind {
        return Err(mismatch("give each kind of agent a data_dir of its own"));
    }
    if header.region != expect.region {
        return Err(mismatch(
            "set `region` back to the directory's region, or choose another data_dir: a region's state cannot be moved to another region",
        ));
    }
    Ok(())
}

fn render(header: &Header) -> String {
    let mut text =
        format!("{TITLE}\nformat: {FORMAT}\nkind: {}\nregion: {:?}\nnode: {}\n", header.kind, header.region, uuid_text(header.node_id));
    if let Some(cluster) = header.cluster {
        text.push_str(&format!("cluster: {}\n", uuid_text(cluster)));
    }
    if header.rejoins {
        text.push_str("rejoins: true\n");
    }
    text.push_str(&format!("gossip generation: {}\n", header.gossip_generation));
    text.push_str(&format!("checksum: {:08x}\n", crc32fast::hash(text.as_bytes())));
    text
}

fn parse(file: &Path, directory: &Path, text: &str) -> Result<Header, Error> {
    let damaged = |what: String| Error::Corrupt { place: file.display().to_string(), what, remedy: REJOIN };
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return Err(damaged(format!("it does not begin with {TITLE:?}")));
    }
    let mut fields = std::collections::BTreeMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or_else(|| damaged(format!("the line {line:?} is not `name: value`")))?;
        fields.insert(name, value);
    }
    let field = |name: &str| fields.get(name).copied().ok_or_else(|| damaged(format!("it has no `{name}`")));

    // The format comes first: what else a header of another format means is not known here.
    let format: u32 = field("format")?.parse().map_err(|_| damaged("its format is not a number".to_owned()))?;
    if format != FORMAT {
        let remedy = if format > FORMAT {
            "a newer version wrote it: run that version or a later one, or choose an empty data_dir"
        } else {
            "an older version wrote it: start the release in between once to convert it, or choose an empty data_dir"
        };
        return Err(Error::Format { path: directory.to_path_buf(), found: format, known: FORMAT, remedy });
    }
    let checksum = u32::from_str_radix(field("checksum")?, 16).map_err(|_| damaged("its checksum is not a number".to_owned()))?;
    let checked = text.find("checksum: ").and_then(|end| text.get(..end)).unwrap_or_default();
    if crc32fast::hash(checked.as_bytes()) != checksum {
        return Err(damaged("its checksum does not match".to_owned()));
    }
    let kind = field("kind")?;
    let region = field("region")?;
    let uuid = |name: &str, value: &str| uuid_value(value).ok_or_else(|| damaged(format!("its `{name}` is not a uuid")));
    Ok(Header {
        kind: Kind::from_word(kind).ok_or_else(|| damaged(format!("it has the unknown kind {kind:?}")))?,
        region: unquote(region).ok_or_else(|| damaged("its region is not a quoted name".to_owned()))?,
        node_id: uuid("node", field("node")?)?,
        cluster: fields.get("cluster").map(|value| uuid("cluster", value)).transpose()?,
        rejoins: fields.get("rejoins") == Some(&"true"),
        gossip_generation: field("gossip generation")?.parse().map_err(|_| damaged("its gossip generation is not a number".to_owned()))?,
    })
}

/// The inverse of Rust's `{:?}` of a string, for what a region's name can hold.
fn unquote(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut plain = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next()? {
            'n' => plain.push('\n'),
            'r' => plain.push('\r'),
            't' => plain.push('\t'),
            '0' => plain.push('\0'),
            'u' => {
                let code: String = characters.by_ref().skip_while(|c| *c == '{').take_while(|c| *c != '}').collect();
                plain.push(char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
            }
            other => plain.push(other),
        }
    }
    Some(plain)
}

/// A uuid in its usual form, 8-4-4-4-12.
fn uuid_text(value: u128) -> String {
    let hex = format!("{value:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn uuid_value(text: &str) -> Option<u128> {
    let hex: String = text.split('-').collect();
    if hex.len() != 32 {
        return None;
    }
    u128::from_str_radix(&hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(kind: Kind, region: &str) -> Expect {
        Expect { kind, region: region.to_owned(), new_node_id: 7 }
    }

    fn refusal(path: &Path, expect: Expect) -> String {
        match DataDir::open(path, expect) {
            Ok(_) => "opened".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_directory_keeps_what_it_was_told() {
        // The header written by one open is what the next one reads, including names that need quoting.
        for region in ["west", "a\"b\\c\nd\u{1}é"] {
            let home = tempfile::tempdir().expect("temporary directory");
            let path = home.path().join("deep/down");
            let first = DataDir::open(&path, expect(Kind::Server, region)).expect("new directory");
            first
                .update(|header| {
                    header.cluster = Some(99);
                    header.gossip_generation += 1;
                })
                .expect("update");
            let written = first.header();
            drop(first);
            let again = DataDir::open(&path, Expect { new_node_id: 8, ..expect(Kind::Server, region) }).expect("existing directory");
            assert_eq!(again.header(), written);
            assert_eq!((written.node_id, written.cluster, written.gossip_generation), (7, Some(99), 1));
            assert!(again.update(|header| header.node_id = 9).is_err());
            assert_eq!(again.header(), written);
        }
    }

    #[test]
    fn a_directory_that_is_not_ours_is_refused_with_the_remedy() {
        // Each row spoils a good directory in one way and names what the message must say.
        type Spoil = fn(&Path);
        let rows: &[(&str, Spoil, Kind, &str, &[&str])] = &[
            ("region", |_| (), Kind::Server, "east", &["\"west\"", "\"east\"", "another data_dir"]),
            ("kind", |_| (), Kind::Client, "west", &["server of region", "client of region", "of its own"]),
            ("newer", |p| rewrite(p, "format: 1", "format: 2"), Kind::Server, "west", &["format 2", "reads format 1", "newer version"]),
            ("older", |p| rewrite(p, "format: 1", "format: 0"), Kind::Server, "west", &["format 0", "older version"]),
            ("flip", |p| rewrite(p, "region: \"west\"", "region: \"weSt\""), Kind::Server, "west", &["checksum", "new id"]),
            ("empty", |p| fs::write(p.join(HEADER), "").expect("write"), Kind::Server, "west", &["does not begin with"]),
            (
                "foreign",
                |p| {
                    fs::remove_file(p.join(HEADER)).expect("remove");
                    fs::write(p.join("photo.jpg"), "x").expect("write");
                },
                Kind::Server,
                "west",
                &["photo.jpg", "empty directory"],
            ),
        ];
        for (row, spoil, kind, region, words) in rows {
            let home = tempfile::tempdir().expect("temporary directory");
            drop(DataDir::open(home.path(), expect(Kind::Server, "west")).expect("new directory"));
            spoil(home.path());
            let message = refusal(home.path(), expect(*kind, region));
            for word in *words {
                assert!(message.contains(word), "{row}: {message:?} does not say {word:?}");
            }
        }
    }

    #[test]
    fn a_directory_in_the_place_of_a_damaged_one_says_so() {
        // set aside, and opened anew, also if it was another time that it was set aside; the header keeps it until it is told otherwise
        let home = tempfile::tempdir().expect("temporary directory");
        let path = home.path().join("server");
        let open = |id| DataDir::open(&path, Expect { new_node_id: id, ..expect(Kind::Server, "west") }).expect("a directory");
        assert!(!open(7).header().rejoins);
        let aside = set_aside(&path, 1_700_000_000).expect("moved");
        assert!(aside.join(HEADER).exists() && !path.exists());
        assert!(open(8).header().rejoins);
        assert_eq!(open(9).header().node_id, 8);
        open(9).update(|header| header.rejoins = false).expect("update");
        fs::remove_dir_all(aside).expect("removed");
        assert!(!open(9).header().rejoins);
    }

    #[test]
    fn a_directory_in_use_names_the_process() {
        // A second holder is refused with the first one's process id, and admitted when the first lets go.
        let home = tempfile::tempdir().expect("temporary directory");
        let holder = DataDir::open(home.path(), expect(Kind::Server, "west")).expect("first");
        let message = refusal(home.path(), expect(Kind::Server, "west"));
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        drop(holder);
        assert_eq!(refusal(home.path(), expect(Kind::Server, "west")), "opened");
    }

    #[test]
    fn a_first_start_that_was_killed_can_be_repeated() {
        // A lock file and half a header are not somebody else's files.
        let home = tempfile::tempdir().expect("temporary directory");
        fs::write(home.path().join(LOCK), "").expect("write");
        fs::write(home.path().join(HEADER_TEMPORARY), "steppe da").expect("write");
        assert_eq!(refusal(home.path(), expect(Kind::Client, "west")), "opened");
    }

    #[test]
    fn the_header_of_format_1_stays_readable() {
        // Golden bytes: what format 1 looks like on disk, read and written again the same.
        let text = "steppe data directory\nformat: 1\nkind: server\nregion: \"west\"\nnode: 00000000-0000-0000-0000-00000000002a\ncluster: 00000000-0000-0000-0000-000000000001\ngossip generation: 3\n";
        let text = format!("{text}checksum: {:08x}\n", crc32fast::hash(text.as_bytes()));
        let header = parse(Path::new("header"), Path::new("."), &text).expect("golden header");
        assert_eq!(render(&header), text);
        let expected =
            Header { kind: Kind::Server, region: "west".to_owned(), node_id: 42, cluster: Some(1), rejoins: false, gossip_generation: 3 };
        assert_eq!(header, expected);
    }

    fn rewrite(directory: &Path, from: &str, to: &str) {
        let text = fs::read_to_string(directory.join(HEADER)).expect("read");
        assert!(text.contains(from));
        fs::write(directory.join(HEADER), text.replace(from, to)).expect("write");
    }
}
