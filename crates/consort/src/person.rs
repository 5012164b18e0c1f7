//! Who gives commands: a name that is said, not proved.

use crate::failure::Failure;
use consort_core::run::speaking_as;
use std::sync::OnceLock;

/// No name is longer, in characters.
const NAME_MAX: usize = 80;

/// What was given with `--as`.
static SAID: OnceLock<String> = OnceLock::new();

/// From now on this process speaks as somebody; the record names its user too.
///
/// # Errors
/// It is no name.
pub(crate) fn speak_as(name: &str) -> Result<(), Failure> {
    let name = name.trim();
    if !is_name(name) || name.chars().count() > NAME_MAX {
        return Err(Failure::invalid(format!("`{}` is not a name", name.escape_debug()))
            .why(format!("a name has at most {NAME_MAX} characters, in one line, without brackets"))
            .help("give a name after `--as`, or leave it out: then it is $USER"));
    }
    let _ = SAID.set(name.to_owned()); // said once, when the process begins
    Ok(())
}

/// What was given with `--as`, for another process of this program.
pub(crate) fn said() -> Option<&'static str> {
    SAID.get().map(String::as_str)
}

/// The name that counts: what was said with `--as`, else the user's.
pub(crate) fn name() -> String {
    SAID.get().map_or_else(user, |said| speaking_as(said, &user()))
}

/// The user's name as the environment has it, or the number of the user.
fn user() -> String {
    let named = ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    named
        .into_iter()
        .find(|name| is_name(name.trim()))
        .map(|name| name.trim().chars().take(NAME_MAX).collect())
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// Brackets are how the record tells a name from whoever typed it.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_control() || matches!(c, '(' | ')'))
}
