//! Backing services of a local deploy: started and stopped by themselves, and swapped by config alone.

mod attaching;
mod own;
mod shipping;
