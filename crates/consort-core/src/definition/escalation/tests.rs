use super::*;

fn told(found: &[Demand<'_>]) -> String {
    let level = level_of(found).map_or_else(|| "-".to_owned(), |(level, _)| level.to_string());
    let ids: Vec<&str> = found.iter().map(|demand| demand.rule.id.as_str()).collect();
    format!("{level} {}", ids.join(" "))
}

fn declared(paths: &[&str], kind: Option<&str>, base: &BaseFiles) -> String {
    let rules = builtin();
    let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
    let task = Declared { paths: &paths, kind, in_repository: true };
    told(&Rules::new(&rules).declared(task, base))
}

fn ids(paths: &[&str], kind: Option<&str>) -> String {
    declared(paths, kind, &BaseFiles::none())
}

fn with(files: &[&str]) -> BaseFiles {
    BaseFiles::Known(files.iter().map(|f| (*f).to_owned()).collect())
}

/// `+` new, `~` changed, `-` deleted, `x` deleted and made by the run itself.
fn changed(rules: &[EscalationRule], files: &[&str]) -> String {
    let file = |text: &&str| {
        let (sign, path) = text.split_at(1);
        Changed {
            path: path.to_owned(),
            deleted: matches!(sign, "-" | "x"),
            existed: matches!(sign, "~" | "-"),
        }
    };
    told(&Rules::new(rules).changed(&files.iter().map(file).collect::<Vec<_>>()))
}

#[test]
fn the_built_in_rules_fire_where_they_are_meant_to_and_nowhere_else() {
    assert_eq!(builtin().len(), 14);
    for rule in builtin().into_iter().filter(|rule| rule.id != CARRIED) {
        assert!(!rule.about.is_empty(), "{}", rule.id);
        let counts = rule.files_above > 0 || rule.deleted;
        assert!(!rule.paths.is_empty() || counts, "{}", rule.id);
        assert!(rule.paths.iter().all(|glob| pattern(glob).is_ok()), "{}", rule.id);
    }
    for (path, expected) in [
        ("docs/governance/PROJECT_CONSTITUTION.md", "C4 AE-001"),
        ("LICENSE", "C4 AE-001"),
        ("AGENTS.md", "C3 AE-002"),
        ("docs/decisions/0001-x.md", "C3 AE-003"),
        ("src/auth/token.rs", "C3 AE-005"),
        ("src/oauth_client.py", "C3 AE-005"),
        ("api/v1/users.proto", "C3 SCOPE-003"),
        ("docs/openapi-v2.yaml", "C3 SCOPE-003"),
        ("shop/migrations/0007_prices.py", "C3 REV-002"),
        ("db/migrate/20260220_prices.rb", "C3 REV-002"),
    ] {
        assert_eq!(ids(&[path], None), expected, "{path}");
    }
    assert_eq!(ids(&["out/x.md"], Some("ADR")), "C3 AE-003");
    assert_eq!(ids(&["src/permissions.rs", "Cargo.toml"], None), "C3 AE-005 DEP-001");
    assert_eq!(ids(&[".github/workflows/ci.yml", "package.json"], None), "C2 CI-001 DEP-001");
    for calm in [
        "src/api/list.rs",
        "docs/author.md",
        "README.md",
        "src/authors/list.md",
        "src/author.rs",
        "docs/notes.md",
        "docs/migrations.md",
        "src/proto.rs",
        "**",
    ] {
        assert_eq!(ids(&[calm], None), "- ", "{calm}");
    }
}

#[test]
fn a_record_that_is_there_is_critical_and_a_new_one_beside_it_is_not() {
    let base = with(&["README.md", "docs/adr/0001-x.md", "out/old.md"]);
    for (path, kind, expected) in [
        ("docs/adr/0001-x.md", None, "C4 AE-004 AE-003"),
        ("docs/adr/0002-y.md", None, "C3 AE-003"),
        // It is a record because the task says so.
        ("out/old.md", Some("adr"), "C4 AE-004 AE-003"),
        ("out/new.md", Some("adr"), "C3 AE-003"),
        // Who may write to all records may write to that one.
        ("docs/adr/**", None, "C4 AE-004 AE-003"),
        ("docs/adr/0002*", None, "C3 AE-003"),
        // A pattern that says nothing of records is measured by what is really changed.
        ("docs/**", None, "- "),
        ("README.md", None, "- "),
    ] {
        assert_eq!(declared(&[path], kind, &base), expected, "{path}");
    }
    let unseen = BaseFiles::Unknown;
    assert_eq!(declared(&["docs/adr/0002-y.md"], None, &unseen), "C4 AE-004 AE-003", "the safe side");
    assert_eq!(declared(&["README.md"], None, &unseen), "- ");
}

#[test]
fn how_many_files_are_declared_counts_where_they_can_be_counted() {
    let names: Vec<String> = (0..12).map(|n| format!("src/{n}.rs")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (count, expected) in
        [(1, "- "), (2, "- "), (3, "C2 SCOPE-001"), (10, "C2 SCOPE-001"), (11, "C3 SCOPE-002 SCOPE-001")]
    {
        assert_eq!(ids(&names[..count], None), expected, "{count}");
        let files: Vec<String> = names[..count].iter().map(|name| format!("~{name}")).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        assert_eq!(changed(&builtin(), &files), expected, "{count}");
    }
    assert_eq!(ids(&["a/**", "b/**", "c/**", "d.md"], None), "- ", "patterns cannot be counted");
    let rules = builtin();
    let paths: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let data = Declared { paths: &paths, kind: None, in_repository: false };
    assert_eq!(told(&Rules::new(&rules).declared(data, &BaseFiles::Unknown)), "- ", "data touches no file");
}

#[test]
fn what_was_really_changed_is_measured_with_what_became_of_it() {
    for (files, expected) in [
        (&["+docs/adr/2.md"][..], "C3 AE-003"),
        (&["~docs/adr/1.md"], "C4 AE-004 AE-003"),
        (&["-docs/adr/1.md"], "C4 AE-004 AE-003 REV-001"),
        // Made by an earlier task of the same run: nobody goes by it yet.
        (&["xdocs/adr/2.md"], "C3 AE-003"),
        (&["xsrc/a.rs"], "- "),
        (&["-src/a.rs", "+src/b.rs"], "C2 REV-001"),
        (&["+app/migrations/2.sql"], "C3 REV-002"),
        (&["~app/migrations/1.sql"], "C4 REV-003 REV-002"),
        (&["~a", "-b", "+c"], "C2 SCOPE-001 REV-001"),
        (&["-LICENSE"], "C4 AE-001 REV-001"),
        (&[], "- "),
    ] {
        assert_eq!(changed(&builtin(), files), expected, "{files:?}");
    }
}

#[test]
fn a_rule_that_is_off_holds_nowhere_and_own_rules_count_what_they_name() {
    let mut rules = builtin();
    rules.iter_mut().filter(|r| r.id == "REV-001").for_each(|r| r.off = Some("moves only".into()));
    let own = EscalationRule {
        id: "OWN".into(),
        at_least: Criticality::C4,
        paths: vec!["src/**".into()],
        types: vec![],
        existing: false,
        deleted: true,
        files_above: 1,
        about: "pruning".into(),
        off: None,
    };
    rules.push(own);
    assert_eq!(changed(&rules, &["-src/a"]), "- ");
    assert_eq!(changed(&rules, &["-src/a", "-b"]), "- ", "one of them is none of its own");
    assert_eq!(changed(&rules, &["-src/a", "xsrc/b"]), "C4 OWN");
    let rules = Rules::new(&rules);
    let file = |path: &str, deleted| Changed { path: path.into(), deleted, existed: false };
    assert!(!rules.want_to_know_of(&file("src/a", true)), "nobody asks");
    assert!(rules.want_to_know_of(&file("docs/adr/1.md", false)));
}
