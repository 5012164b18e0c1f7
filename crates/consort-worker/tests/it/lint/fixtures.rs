//! Documents written by hand.

use super::{check, shown};
