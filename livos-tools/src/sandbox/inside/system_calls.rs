//! seccomp: system calls that no command needs and every way out does.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::BpfProgram;
use seccompiler::SeccompAction;
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp;
use seccompiler::SeccompCondition;
use seccompiler::SeccompFilter;
use seccompiler::SeccompRule;

use super::Failure;
use crate::sandbox::Network;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Answered with "not permitted" whatever the arguments.
const FORBIDDEN: &[i64] = &[
    // Looking into and steering other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Other views of the file system and of the machine.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_fanotify_init,
    // Another way to make sockets, past this filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Answered with "unknown", so that programs take the older call, whose arguments can be seen.
const UNKNOWN: &[i64] = &[libc::SYS_clone3, libc::SYS_openat2, SYS_FCHMODAT2];

/// Not in the bindings of every system yet.
const SYS_FCHMODAT2: i64 = 452;

/// Restricts this process and all it starts.
pub(super) fn restrict(network: Network) -> Result<(), Failure> {
    let failed = Failure::of::<seccompiler::Error>("filter system calls with seccomp");
    for (rules, answer) in [
        (forbidden(network).map_err(seccompiler::Error::from), libc::EPERM),
        (Ok(whole(UNKNOWN)), libc::ENOSYS),
    ] {
        let program = program(rules.map_err(&failed)?, answer).map_err(&failed)?;
        seccompiler::apply_filter(&program).map_err(&failed)?;
    }
    Ok(())
}

fn program(rules: Rules, answer: i32) -> Result<BpfProgram, seccompiler::Error> {
    let filter = SeccompFilter::new(
        with_second_numbers(rules),
        SeccompAction::Allow,
        SeccompAction::Errno(answer.unsigned_abs()),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}

fn whole(calls: &[i64]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

fn forbidden(network: Network) -> Result<Rules, seccompiler::BackendError> {
    let mut rules = whole(FORBIDDEN);
    rules.insert(libc::SYS_socket, sockets(network)?);
    rules.insert(libc::SYS_clone, each(NEW_NAMESPACE, |bit| vec![has_bit(0, *bit)])?);
    rules.insert(libc::SYS_ioctl, each(TYPING, |request| vec![equals(1, *request)])?);
    // A program that runs as its owner for whoever starts it would outlive the sandbox.
    let sets_id = |mode: u8| each(SET_ID, |bit| vec![has_bit(mode, *bit)]);
    let creates = libc::O_CREAT.unsigned_abs().into();
    // What opens also makes; the mode counts then only.
    let makes_with_id = |flags: u8, mode: u8| {
        each(SET_ID, |bit| vec![has_bit(flags, creates), has_bit(mode, *bit)])
    };
    // Who makes a device has the disk.
    let makes_device = |mode: u8| -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
        let mut made = each(DEVICES, |kind| vec![equals_in(mode, FILE_TYPE, *kind)])?;
        made.extend(sets_id(mode)?);
        Ok(made)
    };
    rules.insert(libc::SYS_fchmod, sets_id(1)?);
    rules.insert(libc::SYS_fchmodat, sets_id(2)?);
    rules.insert(libc::SYS_openat, makes_with_id(2, 3)?);
    rules.insert(libc::SYS_mknodat, makes_device(2)?);
    #[cfg(target_arch = "x86_64")]
    {
        rules.insert(libc::SYS_chmod, sets_id(1)?);
        rules.insert(libc::SYS_creat, sets_id(1)?);
        rules.insert(libc::SYS_open, makes_with_id(1, 2)?);
        rules.insert(libc::SYS_mknod, makes_device(1)?);
    }
    Ok(rules)
}

/// Sockets of Unix lead to services of this machine (a container engine, a key agent), so
/// they are never made; pairs, which lead nowhere, come from another call.
fn sockets(network: Network) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    if network == Network::Denied {
        return Ok(Vec::new());
    }
    let granted = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let other = granted.map(|family| differs(0, family.unsigned_abs().into()));
    let raw = [
        equals_in(1, SOCKET_TYPE, libc::SOCK_RAW.unsigned_abs().into()),
        differs(0, libc::AF_NETLINK.unsigned_abs().into()),
    ];
    Ok(vec![all_of(other)?, all_of(raw)?])
}

/// Each `CLONE_NEW…` that `clone` knows: mounts, cgroup, names, messages, users, processes, network.
const NEW_NAMESPACE: &[u64] =
    &[0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];
/// `TIOCSTI` and `TIOCLINUX`: typing into the terminal of whoever started us.
const TYPING: &[u64] = &[0x5412, 0x541c];
/// `S_ISUID` and `S_ISGID`.
const SET_ID: &[u64] = &[0o4000, 0o2000];
/// `S_IFBLK` and `S_IFCHR`, of the bits that say what a file is.
const DEVICES: &[u64] = &[0o060_000, 0o020_000];
const FILE_TYPE: u64 = 0o170_000;
const SOCKET_TYPE: u64 = 0xf;

type Condition = Result<SeccompCondition, seccompiler::BackendError>;

/// One rule for each value; any of them is enough.
fn each(
    values: &[u64],
    conditions: impl Fn(&u64) -> Vec<Condition>,
) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    values.iter().map(|value| all_of(conditions(value))).collect()
}

fn all_of(
    conditions: impl IntoIterator<Item = Condition>,
) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)
}

fn has_bit(argument: u8, bit: u64) -> Condition {
    equals_in(argument, bit, bit)
}

fn equals_in(argument: u8, mask: u64, value: u64) -> Condition {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(mask), value)
}

fn equals(argument: u8, value: u64) -> Condition {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value)
}

fn differs(argument: u8, value: u64) -> Condition {
    SeccompCondition::new(argument, Dword, SeccompCmpOp::Ne, value)
}

/// On x86-64 calls have a second set of numbers (x32), where the kernel was built with it.
#[cfg(target_arch = "x86_64")]
fn with_second_numbers(rules: Rules) -> Rules {
    const X32: i64 = 0x4000_0000;
    // These have numbers of their own there: (usual, x32).
    const OTHER: &[(i64, i64)] = &[
        (libc::SYS_ptrace, X32 + 521),
        (libc::SYS_process_vm_readv, X32 + 539),
        (libc::SYS_process_vm_writev, X32 + 540),
        (libc::SYS_kexec_load, X32 + 528),
        (libc::SYS_ioctl, X32 + 514),
    ];
    let second = rules.iter().map(|(call, rules)| (call + X32, rules.clone()));
    let other = OTHER.iter().filter_map(|(call, other)| Some((*other, rules.get(call)?.clone())));
    let mut all: Rules = second.chain(other).collect();
    all.extend(rules);
    all
}

#[cfg(not(target_arch = "x86_64"))]
fn with_second_numbers(rules: Rules) -> Rules {
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_can_be_built() {
        for network in [Network::Denied, Network::Granted] {
            assert!(program(forbidden(network).unwrap(), libc::EPERM).unwrap().len() > 100);
        }
        assert!(program(whole(UNKNOWN), libc::ENOSYS).is_ok());
    }
}
