//! Who is calling and what they may do: pure rules without I/O, so that they can be tested with every input.

pub mod context;
pub mod decision;
pub mod delegation;
pub mod denial;
pub mod principal;
