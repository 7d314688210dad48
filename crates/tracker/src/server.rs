//! A tracker that runs, and the commands that work on a data folder whether one runs there or not.
//!
//! [`serve`] is a tracker's life. A command asks the tracker that runs on its folder, or opens the folder itself where none runs
//! ([`reach`]); both open journal and tables by [`parts`], which refuses the tables of another journal ([`owner`]).

mod copies;
mod deletion;
mod edge;
mod options;
mod owner;
mod parts;
mod projects;
mod quarantine;
mod questions;
mod reach;
mod secrets;
mod serve;
mod shared;
mod signals;

pub use copies::{backup, move_tables, restore};
pub use deletion::{forget, forget_user, retain};
pub use edge::load_objects;
pub use options::{Duty, LogFormat, ServeOptions};
pub use projects::{add_key, keys, revoke_key, show_contract};
pub use quarantine::{learn_contract, quarantined, quarantined_event, replay};
pub use questions::{check, health, report, report_of, sql};
pub use secrets::dashboard_token;
pub use serve::{Ready, StopHandle, Summary, serve};
pub use shared::{export_projects, import_projects};
