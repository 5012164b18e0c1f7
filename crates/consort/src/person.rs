//! Who gives commands.

/// The user's name as the environment has it, or the number of the user.
pub(crate) fn name() -> String {
    let named = ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let fit = |name: &String| !name.trim().is_empty() && !name.chars().any(char::is_control);
    named
        .into_iter()
        .find(fit)
        .map(|name| name.trim().chars().take(80).collect())
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
