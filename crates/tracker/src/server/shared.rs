//! Keys and contracts as one file, by which several receivers get the same.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::reach::folder;
use crate::contract::{Contract, Contracts};
use crate::data_dir::DataDir;
use crate::durable_dir;
use crate::error::Error;
use crate::projects::{DEFAULT, Kept, KeysFile, TakenProjects, is_project_name};

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    /// Keys by their hashes.
    keys: Vec<Kept>,
    /// The files of contracts, by project.
    contracts: BTreeMap<String, String>,
}

/// All write keys (their hashes) and contracts of a data folder, as one file that [`import_projects`] reads.
///
/// # Errors
///
/// When there is no such folder, or one of them can't be read.
pub fn export_projects(data_dir: impl AsRef<Path>) -> Result<String, Error> {
    export(&folder(data_dir.as_ref())?)
}

/// Takes the keys and contracts of such a file into a data folder, which is made where there is none; a tracker that runs there knows
/// them a second later. Keys that are new or revoked in it are so here, contracts are replaced, and what is here alone stays.
///
/// # Errors
///
/// When the file can't be read or anything in it is wrong, and then nothing is changed; or when the folder can't be written.
pub fn import_projects(data_dir: impl AsRef<Path>, file: impl AsRef<Path>) -> Result<TakenProjects, Error> {
    let (dir, file) = (DataDir::new(data_dir.as_ref()), file.as_ref());
    let text = fs::read_to_string(file).map_err(|source| Error::folder("read", file, source))?;
    dir.create()?;
    import(&dir, &text, file)
}

fn export(dir: &DataDir) -> Result<String, Error> {
    let book = Contracts::open(dir.contracts())?;
    let mut contracts = BTreeMap::new();
    for project in book.projects() {
        let file = book.file(&project);
        match fs::read_to_string(&file) {
            Ok(text) => drop(contracts.insert(project, text)),
            // What is built in.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::folder("read the contract in", &file, error)),
        }
    }
    let document = Document { version: VERSION, keys: dir.keys().kept()?, contracts };
    Ok(serde_json::to_string_pretty(&document).unwrap_or_default() + "\n")
}

/// Contracts come before keys: no event of a project that is new here is judged by another contract than its own.
fn import(dir: &DataDir, text: &str, named: &Path) -> Result<TakenProjects, Error> {
    let wrong = |why: String| Error::Projects { file: named.to_owned(), why };
    let Document { version, keys, contracts } = serde_json::from_str(text)
        .map_err(|error| wrong(format!("it is no file of `dlt tracker key export`: {error}")))?;
    if version != VERSION {
        return Err(wrong(format!("it has version {version}, and {VERSION} is read")));
    }
    for (project, text) in &contracts {
        if project != DEFAULT && !is_project_name(project) {
            return Err(Error::ProjectName { name: project.clone() });
        }
        let shown = named.join(format!("{project}.toml"));
        Contract::parse(text, &shown).map_err(|source| Error::Contract(Box::new(source)))?;
    }
    if let Some(kept) = keys.iter().find(|kept| !is_project_name(&kept.key.project)) {
        return Err(Error::ProjectName { name: kept.key.project.clone() });
    }
    let (folder, file) = (dir.contracts(), dir.keys());
    differ(&file, &keys).map_err(wrong)?;
    let mut taken = TakenProjects::default();
    let failed = |source| Error::folder("write the contracts in", &folder, source);
    if !contracts.is_empty() {
        durable_dir::create(&folder).map_err(failed)?;
    }
    for (project, text) in &contracts {
        let file = folder.join(format!("{project}.toml"));
        if fs::read_to_string(&file).is_ok_and(|known| known == *text) {
            continue;
        }
        // A tracker that looks meanwhile sees the old one or the new one. The name ends in another way than that of a contract.
        let temporary = folder.join(format!("{project}.tmp"));
        let written = fs::write(&temporary, text).and_then(|()| fs::File::open(&temporary)?.sync_all());
        written.and_then(|()| fs::rename(&temporary, &file)).map_err(failed)?;
        taken.contracts.push(project.clone());
    }
    if !taken.contracts.is_empty() {
        durable_dir::sync(&folder).map_err(failed)?;
    }
    let here = Contracts::unread(folder.clone());
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let project = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if path == here.file(project) && !contracts.contains_key(project) {
            taken.only_contracts.push(project.to_owned());
        }
    }
    taken.only_contracts.sort_unstable();
    file.merge(keys, &mut taken)?;
    Ok(taken)
}

/// Refuses a key that is of another project here.
fn differ(file: &KeysFile, keys: &[Kept]) -> Result<(), String> {
    let here = file.kept().map_err(|error| error.to_string())?;
    for kept in keys {
        if let Some(known) = here.iter().find(|known| known.hash == kept.hash && known.key.project != kept.key.project)
        {
            let (id, here, there) = (&kept.key.id, &known.key.project, &kept.key.project);
            return Err(format!("key {id} is of the project {there} in it, and of {here} in this folder"));
        }
    }
    Ok(())
}
