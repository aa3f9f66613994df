//! The bundle: a memory, or part of one, packed to travel.

pub(crate) mod page;
