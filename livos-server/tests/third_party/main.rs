//! LivOS against programs that others wrote: mocks of the three model APIs.
//!
//! `cargo xtask third-party` installs them and `cargo xtask test` runs these
//! tests. One whose program is missing fails and says so.

mod conversations;
mod faults;
mod program;
mod vendor;
mod weather;
