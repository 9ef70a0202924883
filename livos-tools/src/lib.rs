//! livos-tools
