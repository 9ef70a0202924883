//! Landlock: the kernel checks each access to a file against the list of what is granted.

use std::path::Path;
use std::path::PathBuf;

use landlock::ABI;
use landlock::Access as _;
use landlock::AccessFs;
use landlock::AccessNet;
use landlock::BitFlags;
use landlock::LandlockStatus;
use landlock::Ruleset;
use landlock::RulesetAttr;
use landlock::RulesetCreatedAttr;
use landlock::RulesetError;
use landlock::RulesetStatus;
use landlock::Scope;
use landlock::path_beneath_rules;

use super::Failure;
use super::grants::Access;
use super::grants::Grant;
use crate::sandbox::Network;

/// The newest interface these rules were tested with; older kernels enforce less.
const TESTED: ABI = ABI::V7;

/// What is written without being granted by the plan.
pub(super) struct Scratch<'a> {
    pub(super) directories: Vec<&'a Path>,
}

/// Restricts this process and all it starts. Says what of it this kernel does not know.
pub(super) fn restrict(
    grants: &[Grant],
    scratch: &Scratch<'_>,
    network: Network,
) -> Result<Vec<String>, Failure> {
    let failed = Failure::of::<RulesetError>("restrict files with Landlock");
    let paths = |wanted: Access| -> Vec<PathBuf> {
        grants.iter().filter(|grant| grant.access == wanted).map(|grant| grant.at.clone()).collect()
    };
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(TESTED))
        .and_then(|rules| rules.scope(Scope::from_all(TESTED)))
        .map_err(&failed)?;
    if network == Network::Denied {
        ruleset = ruleset.handle_access(AccessNet::from_all(TESTED)).map_err(&failed)?;
    }
    let restricted = ruleset
        .create()
        .and_then(|rules| rules.add_rules(path_beneath_rules(paths(Access::Read), reading())))
        .and_then(|rules| rules.add_rules(path_beneath_rules(["/proc"], reading())))
        .and_then(|rules| rules.add_rules(path_beneath_rules(paths(Access::Write), writing())))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&scratch.directories, writing())))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(&failed)?;
    let LandlockStatus::Available { effective_abi, .. } = restricted.landlock else {
        return Err(failed_because("this kernel has no Landlock, or it is not enabled at boot"));
    };
    match restricted.ruleset {
        RulesetStatus::NotEnforced => Err(failed_because("Landlock enforces nothing")),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => {
            Ok(what_is_missing(effective_abi))
        }
    }
}

fn failed_because(reason: &str) -> Failure {
    Failure { step: "restrict files with Landlock", error: reason.to_owned() }
}

fn reading() -> BitFlags<AccessFs> {
    AccessFs::from_read(TESTED)
}

/// Everything but devices: who makes one has the disk.
fn writing() -> BitFlags<AccessFs> {
    let devices = AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::IoctlDev;
    AccessFs::from_all(TESTED) & !devices
}

/// What older interfaces let through.
fn what_is_missing(abi: ABI) -> Vec<String> {
    let lacks = [
        (ABI::V3, "files outside can be truncated"),
        (ABI::V4, "TCP is not restricted by Landlock"),
        (ABI::V6, "signals to other processes are not restricted by Landlock"),
    ];
    lacks
        .into_iter()
        .filter(|(since, _)| abi < *since)
        .map(|(_, what)| format!("Landlock ABI {abi}: {what}"))
        .collect()
}
