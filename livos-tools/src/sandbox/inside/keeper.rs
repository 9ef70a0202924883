//! The inner of the two: puts up the walls around itself, runs the command, ends everything.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::sys::wait::WaitStatus;
use nix::sys::wait::waitpid;
use nix::unistd::Gid;
use nix::unistd::Pid;
use nix::unistd::Uid;

use super::Failure;
use super::exit_code;
use super::file_tree;
use super::grants;
use super::landlock_rules;
use super::landlock_rules::Scratch;
use super::namespaces;
use super::process_table;
use super::resource_limits;
use super::system_calls;
use crate::sandbox::Layer;
use crate::sandbox::Limits;
use crate::sandbox::plan::Message;
use crate::sandbox::plan::Order;
use crate::sandbox::plan::Plan;
use crate::sandbox::plan::PlannedCommand;

/// How often it is looked how much the command uses.
const LOOK: Duration = Duration::from_millis(50);

pub(super) fn keep(socket: &UnixStream) -> Result<i32, Failure> {
    let plan = Plan::read(socket).map_err(Failure::of("read the plan"))?;
    let notes = put_up_walls(&plan)?;
    let Some(planned) = &plan.command else {
        tell(socket, &Message::Ready { notes })?;
        return Ok(exit_code::DONE);
    };
    let command = match start(planned) {
        Ok(command) => command,
        Err(error) => {
            tell(socket, &Message::NotRun { error: error.to_string() })?;
            return Ok(exit_code::DONE);
        }
    };
    tell(socket, &Message::Ready { notes })?;
    obey(socket, command)?;
    watch(socket, plan.limits)?;
    let ended = collect_until(command)?;
    let left_behind = process_table::descendants_of(Pid::this()).len();
    let (code, signal) = match ended {
        WaitStatus::Signaled(_, signal, _) => (None, Some(signal as i32)),
        WaitStatus::Exited(_, code) => (Some(code), None),
        _ => (None, None),
    };
    let directory = planned.directory_note.as_deref().and_then(read_note);
    tell(socket, &Message::Exited { code, signal, left_behind, directory })?;
    Ok(exit_code::DONE)
}

fn tell(socket: &UnixStream, message: &Message) -> Result<(), Failure> {
    message.send(socket).map_err(Failure::of("tell the host"))
}

/// Each wall by itself keeps the command in; together they cover for each other.
fn put_up_walls(plan: &Plan) -> Result<Vec<String>, Failure> {
    // Were the supervisor killed, nobody would look after us.
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(Failure::of("tie to the supervisor"))?;
    if plan.workspace.parent().is_none() {
        let error = "the whole file system cannot be the workspace".to_owned();
        return Err(Failure { step: "keep to the workspace", error });
    }
    let outside = outside_identity();
    let directory = Directory::of_this_process()?;
    let grants = grants::of(plan);
    let mut notes = Vec::new();
    let mut scratch: Vec<&Path> = plan.temporary.as_deref().into_iter().collect();
    if plan.enforces(Layer::Namespaces) {
        file_tree::enter(&grants, &plan.hidden, plan.limits.temporary)?;
        nix::unistd::sethostname("sandbox").map_err(Failure::of("name the machine"))?;
        notes.extend(namespaces::limit_processes(plan.limits.processes).err());
        file_tree::close_proc()?;
        directory.enter_again()?;
        scratch.extend(["/tmp", "/dev/shm"].map(Path::new));
    }
    let others = match plan.enforces(Layer::Namespaces) {
        true => 0,
        false => process_table::threads_of(Uid::effective()),
    };
    resource_limits::set(&plan.limits, others)?;
    if plan.enforces(Layer::Namespaces) {
        namespaces::become_ordinary(outside)?;
    }
    nix::sys::prctl::set_no_new_privs().map_err(Failure::of("give up new privileges"))?;
    if plan.enforces(Layer::Landlock) {
        let scratch = Scratch { directories: scratch };
        notes.extend(landlock_rules::restrict(&grants, &scratch, plan.network)?);
    }
    // The keeper's own memory and socket are not for the command.
    nix::sys::prctl::set_dumpable(false).map_err(Failure::of("close the keeper's memory"))?;
    if plan.enforces(Layer::SystemCalls) {
        system_calls::restrict(plan.network)?;
    }
    Ok(notes)
}

/// Who we are on the host: what the inner root is mapped to.
fn outside_identity() -> (Uid, Gid) {
    let mapped = |file: &str| {
        let map = std::fs::read_to_string(Path::new("/proc/self").join(file)).ok()?;
        map.split_whitespace().nth(1)?.parse().ok()
    };
    (
        mapped("uid_map").map_or_else(Uid::effective, Uid::from_raw),
        mapped("gid_map").map_or_else(Gid::effective, Gid::from_raw),
    )
}

/// The directory the host put us in, which it opened itself: the one that was checked.
struct Directory {
    path: PathBuf,
    identity: (u64, u64),
}

impl Directory {
    const STEP: &str = "enter the directory";

    fn of_this_process() -> Result<Self, Failure> {
        let path = std::env::current_dir().map_err(Failure::of(Self::STEP))?;
        Ok(Self { path, identity: Self::identity()? })
    }

    fn identity() -> Result<(u64, u64), Failure> {
        let metadata = std::fs::metadata(".").map_err(Failure::of(Self::STEP))?;
        Ok((metadata.dev(), metadata.ino()))
    }

    fn enter_again(&self) -> Result<(), Failure> {
        std::env::set_current_dir(&self.path).map_err(Failure::of(Self::STEP))?;
        if Self::identity()? == self.identity {
            return Ok(());
        }
        let error = format!("{} was exchanged meanwhile", self.path.display());
        Err(Failure { step: Self::STEP, error })
    }
}

fn start(planned: &PlannedCommand) -> std::io::Result<Pid> {
    let child = Command::new(&planned.program)
        .args(&planned.arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()?;
    // It is collected with all others, so its handle is not needed.
    let id = i32::try_from(child.id()).map_err(std::io::Error::other)?;
    Ok(Pid::from_raw(id))
}

/// Does what the host says, and ends when the host does.
fn obey(socket: &UnixStream, command: Pid) -> Result<(), Failure> {
    let mut orders = socket.try_clone().map_err(Failure::of("listen to the host"))?;
    let listen = move || {
        let mut byte = [0];
        while orders.read_exact(&mut byte).is_ok() {
            if byte == [Order::AskToEnd.byte()] {
                let _ = killpg(command, Signal::SIGTERM);
            }
        }
        std::process::exit(exit_code::DONE);
    };
    thread("orders", listen)
}

/// Ends everything when the command uses more than it may.
fn watch(socket: &UnixStream, limits: Limits) -> Result<(), Failure> {
    let socket = socket.try_clone().map_err(Failure::of("watch the command"))?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
        .ok()
        .flatten()
        .and_then(|size| u64::try_from(size).ok())
        .unwrap_or(4096);
    let look = move || {
        loop {
            if let Some(limit) = exceeded(&limits, page) {
                let _ = Message::OverLimit { limit }.send(&socket);
                std::process::exit(exit_code::DONE);
            }
            #[expect(clippy::disallowed_methods, reason = "this is a thread of its own")]
            std::thread::sleep(LOOK);
        }
    };
    thread("limits", look)
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(Failure::of("start a thread"))
}

fn exceeded(limits: &Limits, page: u64) -> Option<String> {
    let processes = process_table::descendants_of(Pid::this());
    if processes.len() > usize::try_from(limits.processes).unwrap_or(usize::MAX) {
        return Some(format!("more than {} processes at once", limits.processes));
    }
    let resident = |process: &Pid| process_table::resident_bytes(*process, page);
    if processes.iter().map(resident).sum::<u64>() <= limits.memory {
        return None;
    }
    // Forked processes share most of what they have; only now it is worth the dearer look.
    let used = processes.iter().map(|process| {
        process_table::proportional_bytes(*process).unwrap_or_else(|| resident(process))
    });
    (used.sum::<u64>() > limits.memory)
        .then(|| format!("more than {} MiB of memory", limits.memory / (1024 * 1024)))
}

/// Collects the dead until the command is among them.
fn collect_until(command: Pid) -> Result<WaitStatus, Failure> {
    loop {
        match waitpid(None, None) {
            Ok(status) if status.pid() == Some(command) => return Ok(status),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::of("wait for the command")(errno)),
        }
    }
}

/// Where the command was at its end, if it left word.
fn read_note(path: &Path) -> Option<String> {
    const MAX_PATH: u64 = 4096;
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = {
        use std::os::unix::fs::OpenOptionsExt;
        std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?
    };
    let mut note = String::new();
    file.take(MAX_PATH).read_to_string(&mut note).ok()?;
    let _ = std::fs::remove_file(path);
    let directory = note.strip_suffix('\n').unwrap_or(&note);
    (!directory.is_empty()).then(|| directory.to_owned())
}
