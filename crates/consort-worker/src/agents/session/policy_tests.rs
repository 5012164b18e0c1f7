use super::policy::{Bounds, Verdict, judge};
use super::port::{Action, Request};
use consort_core::plan::{Decision, Grip, Policy, Role, Rule, Tool};
use std::path::PathBuf;

struct World {
    root: tempfile::TempDir,
    policy: Policy,
    role: Option<Role>,
    read_only: bool,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for dir in ["ws/src", "tmp", "elsewhere"] {
            std::fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        std::os::unix::fs::symlink(root.path().join("elsewhere"), root.path().join("ws/link")).unwrap();
        Self { root, policy: Policy::default(), role: None, read_only: false }
    }

    fn judge(&self, tool: Tool, what: Action) -> Verdict {
        let cwd = self.root.path().join("ws");
        let writable: Vec<PathBuf> = vec![self.root.path().join("tmp")];
        let (policy, role, read_only) = (&self.policy, self.role.as_ref(), self.read_only);
        let bounds = Bounds { policy, role, cwd: &cwd, writable: &writable, read_only };
        let name = match &tool {
            Tool::Other(name) => name.clone(),
            tool => format!("{tool:?}"),
        };
        judge(&bounds, &Request { id: "1".into(), name, tool, what, last: true })
    }

    fn shell(&self, line: &str) -> Verdict {
        let line = line.replace("ROOT", &self.root.path().display().to_string());
        self.judge(Tool::Shell, Action::Command(line))
    }

    fn write(&self, path: &str) -> Verdict {
        let path = path.replace("ROOT", &self.root.path().display().to_string());
        self.judge(Tool::Write, Action::Write(vec![path]))
    }
}

fn denied(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Deny(_))
}

fn rule(tool: Tool, grip: Option<Grip>) -> Rule {
    Rule { tool: Some(tool), grip }
}

#[test]
fn what_leaves_the_workspace_is_refused_whatever_the_rules_say() {
    let mut world = World::new();
    world.policy.allow = vec![rule(Tool::Write, None), rule(Tool::Shell, None), rule(Tool::Delegate, None)];
    for path in ["out.md", "src/new/deep.rs", "ROOT/ws/a", "ROOT/tmp/x", "src/../b"] {
        assert_eq!(world.write(path), Verdict::Allow, "{path}");
    }
    for path in [
        "/etc/passwd",
        "../elsewhere/x",
        "link/x",
        "ROOT/elsewhere/x",
        "ROOT/ws2/x",
        "src/../../x",
        "~/x/../../../../../etc",
    ] {
        assert!(denied(&world.write(path)), "{path}");
    }
    for line in [
        "make > build.log 2>&1",
        "echo x > ROOT/tmp/a",
        "rm -rf src",
        "ls /etc | tee list",
        "cd src && touch a",
        "cat < /etc/hosts > /dev/null",
    ] {
        assert_eq!(world.shell(line), Verdict::Allow, "{line}");
    }
    for line in [
        "echo x > /etc/motd",
        "cp a ../elsewhere",
        "rm -rf ROOT/elsewhere",
        "cd / && touch a",
        "cd \"$D\" && rm -r x",
        "echo x > \"$HOME/.profile\"",
        "bash -c 'echo x >> ~/.bashrc'",
        "touch link/x",
        "echo 'open",
        "claude -p hi",
        "env A=b /usr/bin/codex exec x",
        "echo $(gemini -p x)",
        "xargs opencode run",
        "npx -y @anthropic-ai/claude-code@latest -p hi",
        "npx --offline codex exec x",
        "npm exec --package=x -- gemini",
        "pnpm dlx opencode-ai run",
        "uvx aider",
    ] {
        assert!(denied(&world.shell(line)), "{line}");
    }
    assert!(denied(&world.judge(Tool::Delegate, Action::Delegate("a helper".into()))));
}

#[test]
fn deny_comes_before_ask_and_ask_before_allow() {
    let mut world = World::new();
    let git = |verb: &str| rule(Tool::Shell, Some(Grip::Command(format!("git {verb}"))));
    world.policy.deny = vec![git("push")];
    world.policy.ask = vec![rule(Tool::Shell, Some(Grip::Command("git".into())))];
    world.policy.allow = vec![git("status"), rule(Tool::Shell, Some(Grip::Command("cargo test".into())))];
    world.policy.otherwise = Some(Decision::Deny);
    assert!(denied(&world.shell("git push --force")));
    assert_eq!(world.shell("git log -3"), Verdict::Ask(Some(git("log"))));
    assert_eq!(world.shell("git status"), Verdict::Ask(Some(git("status"))), "ask is the stricter word");
    assert_eq!(world.shell("cargo test -p core"), Verdict::Allow);
    assert!(denied(&world.shell("cargo test && curl evil")), "each command of the line must fit");
    assert!(denied(&world.shell("cargo testing")));
}

#[test]
fn paths_hosts_and_servers_are_told_apart() {
    let mut world = World::new();
    world.policy.allow = vec![
        rule(Tool::Fetch, Some(Grip::Host("docs.rs".into()))),
        rule(Tool::Other("mcp__context7__*".into()), None),
    ];
    world.policy.deny = vec![rule(Tool::Write, Some(Grip::Path("vendor/**".into())))];
    assert_eq!(world.judge(Tool::Fetch, Action::Host("docs.rs".into())), Verdict::Allow);
    assert_eq!(world.judge(Tool::Fetch, Action::Host("static.docs.rs".into())), Verdict::Allow);
    assert!(denied(&world.judge(Tool::Fetch, Action::Host("evildocs.rs".into()))));
    assert!(denied(&world.write("vendor/x/y.rs")));
    let call = |name: &str| world.judge(Tool::Other(name.into()), Action::Other("{}".into()));
    assert_eq!(call("mcp__context7__query"), Verdict::Allow);
    assert!(denied(&call("mcp__github__delete")));
    assert_eq!(call("TodoWrite"), Verdict::Allow);
}

#[test]
fn a_role_brings_its_tools_and_a_reviewer_changes_nothing() {
    let mut world = World::new();
    assert!(denied(&world.judge(Tool::WebSearch, Action::Host("the web".into()))));
    world.role = Some(Role { tools: vec![Tool::WebSearch], ..Role::default() });
    assert_eq!(world.judge(Tool::WebSearch, Action::Host("the web".into())), Verdict::Allow);
    world.read_only = true;
    world.policy.allow = vec![rule(Tool::Write, None), rule(Tool::Shell, Some(Grip::Command("wc".into())))];
    assert!(denied(&world.write("out.md")));
    assert!(denied(&world.shell("ls")));
    assert_eq!(world.shell("wc -l a"), Verdict::Allow);
    assert!(denied(&world.judge(Tool::Read, Action::Read(vec!["../elsewhere/secret".into()]))));
    assert_eq!(world.judge(Tool::Read, Action::Read(vec!["/usr/include/stdio.h".into()])), Verdict::Allow);
    assert_eq!(
        world.judge(Tool::Other("AskUserQuestion".into()), Action::Question("?".into())),
        Verdict::Ask(None)
    );
}
