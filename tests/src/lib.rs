//! Shared by the process tests.
