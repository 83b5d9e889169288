//! Backing services of a deploy of this machine: started and stopped by themselves, and swapped by config alone.

mod attaching;
mod own;
mod shipping;
