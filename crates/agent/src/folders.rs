//! The folders that an agent keeps its state in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Config;

/// Where the parts of the state are.
#[derive(Debug)]
pub struct Folders {
    pub server: PathBuf,
    pub client: PathBuf,
    pub alloc: PathBuf,
    /// With `-dev`: removed when this is dropped.
    _temporary: Option<Temporary>,
}

impl Folders {
    /// Makes the folders that the agent's roles need.
    ///
    /// # Errors
    /// A folder cannot be made; with its path in the text.
    pub fn open(config: &Config) -> io::Result<Folders> {
        let (base, temporary) = match &config.data_dir {
            Some(base) => (base.clone(), None),
            None if config.dev => {
                let made = Temporary::make()?;
                (made.0.clone(), Some(made))
            }
            // validation let this pass only when every folder in use has a path of its own
            None => (PathBuf::new(), None),
        };
        let or = |own: &Option<PathBuf>, name: &str| own.clone().unwrap_or_else(|| base.join(name));
        let folders = Folders {
            server: or(&config.server.data_dir, "server"),
            client: or(&config.client.state_dir, "client"),
            alloc: or(&config.client.alloc_dir, "alloc"),
            _temporary: temporary,
        };
        if config.server.enabled {
            make(&folders.server)?;
        }
        if config.client.enabled {
            make(&folders.client)?;
            make(&folders.alloc)?;
        }
        Ok(folders)
    }
}

fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder).map_err(|e| io::Error::new(e.kind(), format!("{} cannot be made: {e}", folder.display())))
}

#[derive(Debug)]
struct Temporary(PathBuf);

impl Temporary {
    fn make() -> io::Result<Temporary> {
        let path = std::env::temp_dir().join(format!("steppe-dev-{}", uuid::Uuid::new_v4().simple()));
        make(&path)?;
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the temporary folder could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_mode_leaves_no_folder_behind() {
        // opened, filled, dropped
        let folders = Folders::open(&Config::dev()).expect("opened");
        let base = folders.server.parent().expect("a base").to_owned();
        fs::write(folders.alloc.join("file"), "x").expect("written");
        assert!(base.starts_with(std::env::temp_dir()));
        drop(folders);
        assert!(!base.exists());
    }

    #[test]
    fn each_part_of_the_state_has_its_place() {
        // defaults below data_dir, then one place of its own
        let base = tempfile::tempdir().expect("a folder");
        let mut config = Config { data_dir: Some(base.path().to_owned()), ..Config::default() };
        config.client.enabled = true;
        config.client.alloc_dir = Some(base.path().join("elsewhere"));
        let folders = Folders::open(&config).expect("opened");
        assert_eq!((folders.server, folders.client), (base.path().join("server"), base.path().join("client")));
        assert!(base.path().join("elsewhere").is_dir() && base.path().join("client").is_dir());
        assert!(!base.path().join("server").exists(), "a client has no server state");
    }
}
