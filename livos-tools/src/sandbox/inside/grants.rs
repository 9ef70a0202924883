//! What a command can reach of the file system. Both walls around it are built from this list.

use std::path::Path;
use std::path::PathBuf;

use crate::sandbox::plan::Plan;

/// What can be done with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Read, and run what is there.
    Read,
    /// Everything but make devices.
    Write,
}

/// A place that can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// Where the command sees it.
    pub(super) at: PathBuf,
    /// Where it is on the host, without links.
    pub(super) source: PathBuf,
    pub(super) access: Access,
}

/// Programs and their libraries.
const PROGRAMS: [&str; 11] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/snap",
    "/run/current-system",
];

/// Of the machine's configuration only what programs need to start, to name users, to know
/// where they are, and to check certificates. Everything else there is nobody's business:
/// password hashes, keys of the machine, credentials of services.
const CONFIGURATION: [&str; 42] = [
    "/etc/alternatives",
    "/etc/bash.bashrc",
    "/etc/bash_completion",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/environment",
    "/etc/fonts",
    "/etc/gitconfig",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/inputrc",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/login.defs",
    "/etc/lsb-release",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/networks",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/perl",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/profile",
    "/etc/protocols",
    "/etc/python3",
    "/etc/redhat-release",
    "/etc/resolv.conf",
    "/etc/rpc",
    "/etc/services",
    "/etc/shells",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/terminfo",
    "/etc/timezone",
];

/// Devices that are no way to anything.
pub(super) const DEVICES: [&str; 5] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// All that a plan grants. What does not exist is left out.
pub(super) fn of(plan: &Plan) -> Vec<Grant> {
    let fixed = PROGRAMS.iter().chain(&CONFIGURATION).map(Path::new);
    let read = fixed.chain(plan.readable.iter().map(PathBuf::as_path));
    let mut grants: Vec<Grant> = read.filter_map(|path| grant(path, Access::Read)).collect();
    grants.extend(DEVICES.iter().filter_map(|path| grant(Path::new(path), Access::Write)));
    grants.extend(grant(&plan.workspace, Access::Write));
    grants
}

fn grant(path: &Path, access: Access) -> Option<Grant> {
    let source = path.canonicalize().ok()?;
    Some(Grant { at: path.to_path_buf(), source, access })
}
