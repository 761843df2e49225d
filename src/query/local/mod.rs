//! DataFusion
#![allow(dead_code)]
mod functions;
