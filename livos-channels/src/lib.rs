//! livos-channels
