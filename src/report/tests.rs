//! Claims against answers.
