//! What the commands print, with paths, ids, sizes and moments taken out.
