//! The examples of LivOS; each lives in its own file beside this one.
