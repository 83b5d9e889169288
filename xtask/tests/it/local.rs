//! A local deploy: from `up` to `down`, and whatever may happen in between.

mod admin;
mod changing_over;
mod dying;
mod falling_back;
mod going_back;
mod interrupting;
mod logging;
mod refusing;
mod scaling;
mod stopping;
mod taking_over;
mod whole_way;
