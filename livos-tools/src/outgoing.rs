//! Requests to servers that somebody else names: one client, and the guard that says where it may go.
//!
//! [`AddressGuard`] decides about addresses, [`GuardedClient`] makes the requests. A name is judged
//! by where it leads, at the moment of connecting, and the connection goes to the very address that
//! was judged; each redirect is judged like a first request. Proxies that the environment names are
//! not used: a proxy resolves names itself, where no guard looks.

mod address_guard;
mod body;
mod client;
mod public_address;
mod resolver;
mod web_address;

pub use self::address_guard::AddressGuard;
pub use self::address_guard::NotAllowed;
pub use self::body::Body;
pub use self::body::BodyEnd;
pub use self::client::Answer;
pub use self::client::ClientError;
pub use self::client::GuardedClient;
pub use self::client::Limits;
pub use self::client::Redirects;
pub use self::client::Request;
pub use self::resolver::GuardedResolver;
pub use self::resolver::NameResolver;
pub use self::resolver::SystemResolver;
pub use self::web_address::WebAddressError;

#[cfg(feature = "fuzzing")]
pub(crate) use self::body::Packing;
#[cfg(feature = "fuzzing")]
pub(crate) use self::body::decoded;
