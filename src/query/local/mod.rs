//! DataFusion
