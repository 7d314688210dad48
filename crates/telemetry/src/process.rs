//! Starting a process without waiting for it, at the least cost to the caller.
//!
//! The usual way (`posix_spawn`) blocks the caller until the new program has started, and wakes it on the core where that
//! program runs. Linux then lets the new program finish its time slice first, so in a few of a hundred starts the caller
//! loses up to 4 ms. A fork blocks no one: the child takes the lowest priority, and executes the new program when a core
//! is free. A fork copies the caller's page tables, so a caller with much memory uses `posix_spawn`.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process that was started. Checking now and then whether it runs lets the system remove it once it has ended.
#[derive(Debug)]
pub(crate) enum Started {
    Spawned(Child),
    #[cfg(target_os = "linux")]
    Forked(rustix::process::Pid),
}

impl Started {
    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        match self {
            Self::Spawned(child) => matches!(child.try_wait(), Ok(None)),
            #[cfg(target_os = "linux")]
            Self::Forked(pid) => {
                matches!(rustix::process::waitpid(Some(*pid), rustix::process::WaitOptions::NOHANG), Ok(None))
            }
        }
    }
}

/// Starts `program` with one argument and one variable more than the caller has: in a process group of its own, so that
/// Ctrl-C reaches the caller alone; in the root folder; without the caller's streams, so that a pipe behind the caller
/// closes with it; and so that it takes only what nobody else wants of the cores.
pub(crate) fn start(program: &Path, argument: &str, variable: (&str, &str)) -> io::Result<Started> {
    #[cfg(target_os = "linux")]
    if fork::is_cheap()
        && let Ok(pid) = fork::start(program, argument, variable)
    {
        return Ok(Started::Forked(pid));
    }
    spawn(program, argument, variable).map(Started::Spawned)
}

fn spawn(program: &Path, argument: &str, (name, value): (&str, &str)) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg(argument).env(name, value).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn()?;
    // From here and not by the child itself: loading its libraries is most of its work.
    #[cfg(unix)]
    let _ = rustix::process::setpriority_process(Some(rustix::process::Pid::from_child(&child)), 19);
    Ok(child)
}

#[cfg(target_os = "linux")]
mod fork {
    use std::ffi::{CStr, CString, OsStr, c_char};
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    use std::path::Path;

    use rustix::process::Pid;

    /// Pages in memory up to which copying their tables takes less than a third of a millisecond.
    const MOST_PAGES: u64 = 32 * 1024;

    /// Whether the caller has little memory.
    pub(super) fn is_cheap() -> bool {
        let pages = std::fs::read_to_string("/proc/self/statm").ok();
        let resident = pages.and_then(|pages| pages.split(' ').nth(1)?.parse::<u64>().ok());
        resident.is_some_and(|pages| pages <= MOST_PAGES)
    }

    pub(super) fn start(program: &Path, argument: &str, variable: (&str, &str)) -> io::Result<Pid> {
        let program = CString::new(program.as_os_str().as_bytes())?;
        let arguments = [program.clone(), CString::new(argument)?];
        let variables = variables(variable)?;
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        let (argv, envp) = (pointers(&arguments), pointers(&variables));
        fork_and_become(&program, &argv, &envp, &null)
    }

    fn variables((name, value): (&str, &str)) -> io::Result<Vec<CString>> {
        let others = std::env::vars_os().filter(|(other, _)| other != OsStr::new(name)).map(|(name, value)| {
            let mut text = name.into_vec();
            text.push(b'=');
            text.extend(value.into_vec());
            text
        });
        let all = others.chain([format!("{name}={value}").into_bytes()]);
        Ok(all.map(CString::new).collect::<Result<_, _>>()?)
    }

    fn pointers(texts: &[CString]) -> Vec<*const c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    }

    /// The child of a process with several threads may only do what takes no lock and no memory: it makes eight system
    /// calls, with what was prepared before.
    #[expect(unsafe_code, reason = "a fork without waiting for the new program is in no safe crate")]
    fn fork_and_become(program: &CStr, argv: &[*const c_char], envp: &[*const c_char], null: &File) -> io::Result<Pid> {
        let idle = libc::sched_param { sched_priority: 0 };
        let null = null.as_raw_fd();
        // SAFETY: the child calls nothing but async-signal-safe functions and ends with one of them. Both lists end with a
        // null pointer and point, like `program`, to texts that live until this function has returned, in the child's
        // copy of the memory too.
        unsafe {
            match libc::fork() {
                -1 => Err(io::Error::last_os_error()),
                0 => {
                    libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const idle);
                    // Where both share a core, the caller would get it back at the next tick only.
                    libc::sched_yield();
                    libc::setpgid(0, 0);
                    for stream in 0..3 {
                        libc::dup2(null, stream);
                    }
                    libc::chdir(c"/".as_ptr());
                    libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr());
                    libc::_exit(127)
                }
                pid => Pid::from_raw(pid).ok_or_else(|| io::ErrorKind::Other.into()),
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::{Duration, Instant};

    /// Both ways lead to the same process.
    #[test]
    fn the_process_has_its_own_group_folder_and_streams_and_the_callers_variables() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let script = "#!/bin/sh\nexec 3> \"$0.tmp\"\n\
                      echo \"$1 $WORD\" >&3\npwd >&3\n\
                      for stream in 0 1 2; do readlink /proc/$$/fd/$stream >&3; done\n\
                      [ \"$(ps -o pgid= -p $$ | tr -d ' ')\" = $$ ] && echo own group >&3\n\
                      [ -n \"$PATH\" ] && echo path >&3\nmv \"$0.tmp\" \"$0.out\"\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let out = folder.path().join("program.out");
        for way in [
            |program: &Path| fork::start(program, "word", ("WORD", "of honour")).map(Started::Forked),
            |program: &Path| spawn(program, "word", ("WORD", "of honour")).map(Started::Spawned),
        ] {
            let mut started = way(&program).unwrap();
            let begun = Instant::now();
            while started.is_running() {
                assert!(begun.elapsed() < Duration::from_secs(20), "it does not end");
                std::thread::sleep(Duration::from_millis(5));
            }
            // `readlink` itself has the file of the answers as its standard output.
            let streams = format!("/dev/null\n{}\n/dev/null", program.with_extension("tmp").display());
            let expected = format!("word of honour\n/\n{streams}\nown group\npath\n");
            assert_eq!(std::fs::read_to_string(&out).unwrap(), expected);
            std::fs::remove_file(&out).unwrap();
        }
        assert!(fork::is_cheap());
    }

    #[test]
    fn a_program_that_is_not_there_is_nobodys_trouble() {
        let started = fork::start(Path::new("/there/is/no/such/program"), "x", ("A", "b"));
        let mut started = Started::Forked(started.unwrap());
        let begun = Instant::now();
        while started.is_running() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
