//! livos-providers
