//! File descriptors: connections must leave some for the journal and the tables.
//!
//! DuckDB aborts the process when it can't open a file that it needs. So the limit on descriptors bounds the connections
//! too, however many are allowed.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not for connections that are served: the journal, the database, load packages, connections
/// that are turned away, and what the program around the tracker has open.
const RESERVED: u64 = 192;

/// Raises the process's limit as far as so many connections need and the system allows. Returns how many connections
/// there is room for.
pub(crate) fn room_for(connections: usize) -> usize {
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(RESERVED);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
        if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }) {
            tracing::warn!(%error, raised, "the limit on open files can't be raised");
        }
    }
    let limit = getrlimit(Resource::Nofile).current;
    let room = within(connections, limit);
    if room < connections {
        tracing::warn!(
            limit,
            "the limit on open files leaves room for {room} connections instead of {connections}: raise it with ulimit -n"
        );
    }
    room
}

/// How many connections a limit on descriptors leaves room for; there is always one, to ask how things are.
fn within(connections: usize, limit: Option<u64>) -> usize {
    let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(RESERVED).max(1));
    connections.min(usize::try_from(room).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_tables() {
        for (connections, limit, room) in
            [(4096, None, 4096), (4096, Some(1024), 832), (100, Some(1024), 100), (4096, Some(64), 1)]
        {
            assert_eq!(within(connections, limit), room, "{limit:?}");
        }
    }
}
