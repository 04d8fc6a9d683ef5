//! Links of the documentation lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::Finding;
use crate::workspace::{Page, Workspace};

/// A link that is relative leads to a file of the workspace, and to a heading of it.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in &workspace.pages {
        for (number, link) in &page.links {
            if let Err(fault) = follow(workspace, page, link) {
                findings.push(Finding {
                    rule: "link",
                    place: format!("{}:{number}", page.path.display()),
                    fault,
                    fix: "link to where it is now".to_owned(),
                });
            }
        }
    }
    findings
}

fn follow(workspace: &Workspace, page: &Page, link: &str) -> Result<(), String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (target, anchor) = link.split_once('#').map_or((link, None), |(target, anchor)| (target, Some(anchor)));
    let path = if target.is_empty() { Some(page.path.clone()) } else { resolve(&page.path, target) };
    let path = path.ok_or_else(|| format!("`{link}` leads out of the workspace"))?;
    if !path.as_os_str().is_empty() && !workspace.paths.contains(&path) && path != page.path {
        return Err(format!("`{link}` leads nowhere"));
    }
    let Some(anchor) = anchor else { return Ok(()) };
    match workspace.pages.iter().find(|page| page.path == path) {
        Some(page) if !page.anchors.contains(anchor) => Err(format!("`{link}` names a heading that is not there")),
        _ => Ok(()),
    }
}

/// The path that a link means, relative to the root; none where it climbs out.
fn resolve(page: &Path, target: &str) -> Option<PathBuf> {
    let mut path = page.parent()?.to_path_buf();
    for component in Path::new(target).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            _ => return None,
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let pages = vec![Page::new("docs/a.md", text), Page::new("docs/b.md", "# One two\n")];
        let paths = ["docs", "docs/a.md", "docs/b.md", "LICENSE-MIT"].map(PathBuf::from).into();
        let workspace = Workspace { pages, paths, ..Workspace::default() };
        check(&workspace).into_iter().map(|finding| finding.fault).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text =
            "# Top\n[a](b.md) [b](./b.md#one-two) [c](../LICENSE-MIT) [d](#top) [e](https://x.y/z) [f](../docs)\n";
        assert_eq!(faults(text), Vec::<String>::new());
    }

    #[test]
    fn broken_links_are_found() {
        assert_eq!(faults("[a](c.md)"), ["`c.md` leads nowhere"]);
        assert_eq!(faults("[a](b.md#three)"), ["`b.md#three` names a heading that is not there"]);
        assert_eq!(faults("[a](#nowhere)"), ["`#nowhere` names a heading that is not there"]);
        assert_eq!(faults("[a](../../x.md)"), ["`../../x.md` leads out of the workspace"]);
        assert_eq!(faults("[a](/docs/b.md)"), ["`/docs/b.md` leads out of the workspace"]);
        assert_eq!(faults("[a]: gone.md"), ["`gone.md` leads nowhere"]);
    }
}
