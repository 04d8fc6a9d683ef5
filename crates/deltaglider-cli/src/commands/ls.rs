//! `ls`: lists buckets, or the objects under a prefix.

use std::cmp::Ordering;
use std::time::SystemTime;

use deltaglider::core::StoreUrl;
use deltaglider::core::engine::{LogicalEntry, LogicalListRequest, LogicalObject};
use deltaglider::core::store::{ListEntry, ListRequest, ListedObject};
use futures::TryStreamExt;

use crate::args::ls::{LsArgs, SortBy};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::operand::Operand;
use crate::output::{ListStyle, Listed};
use crate::session::Root;
use crate::tally::share_saved;

/// Lines that are written together, common prefixes first, as on a page of S3's.
const PAGE: usize = 1000;

pub(super) async fn run(args: LsArgs, context: &Context) -> Result<Exit, CliError> {
    let url = match args.url.as_deref() {
        None => "s3://".to_owned(),
        Some(text) if StoreUrl::is_url(text) => Operand::url(text)?,
        Some(text) => format!("s3://{text}"),
    };
    if url == "s3://" {
        return buckets(&args, &url, context).await;
    }
    let root = context.session.root(&url).await.map_err(CliError::plain)?;
    let style = ListStyle { human_readable: args.human_readable, whole_keys: args.recursive, long: args.long };
    let mut page =
        Page { context, root: &root, style, objects: Vec::new(), prefixes: Vec::new(), total: Total::default() };
    if args.physical {
        physical(&args, &mut page).await?;
    } else {
        logical(&args, &mut page).await?;
    }
    if let Some(by) = args.sort {
        page.objects.sort_by(|a, b| compare(a, b, by));
    }
    page.write()?;
    let Total { objects, bytes, lines } = page.total;
    context.output.listing_total(objects, bytes, style, args.summarize)?;
    let found_nothing = lines == 0 && !root.at.key().is_empty();
    Ok(if found_nothing { Exit::Failed } else { Exit::Done })
}

async fn buckets(args: &LsArgs, url: &str, context: &Context) -> Result<Exit, CliError> {
    let (buckets, _) = context.session.buckets(url).await.map_err(CliError::plain)?;
    let mut all = buckets.list_buckets().await.map_err(CliError::plain)?;
    if let Some(prefix) = &args.bucket_name_prefix {
        all.retain(|bucket| bucket.name.starts_with(prefix.as_str()));
    }
    let lines: Vec<_> = all.iter().map(Listed::Bucket).collect();
    context.output.listed(&lines, "", ListStyle::default())?;
    Ok(Exit::Done)
}

async fn logical(args: &LsArgs, page: &mut Page<'_>) -> Result<(), CliError> {
    let request = LogicalListRequest {
        bucket: page.root.at.bucket().to_owned(),
        prefix: page.root.at.key().to_owned(),
        fold: !args.recursive,
        start_after: None,
        page_size: args.page_size,
    };
    let size = args.page_size.map_or(PAGE, |size| size as usize);
    let mut entries = page.root.engine.list(request);
    while let Some(entry) = entries.try_next().await.map_err(CliError::plain)? {
        if !args.filters.filter.allows(relative(page.root, entry.name()), None) {
            continue;
        }
        match entry {
            LogicalEntry::Prefix(prefix) => page.prefixes.push(prefix),
            LogicalEntry::Object(object) => page.objects.push(Object::Logical(object)),
        }
        if args.sort.is_none() && page.is_full(size) {
            page.write()?;
        }
    }
    Ok(())
}

async fn physical(args: &LsArgs, page: &mut Page<'_>) -> Result<(), CliError> {
    let request = ListRequest {
        bucket: page.root.at.bucket().to_owned(),
        prefix: page.root.at.key().to_owned(),
        delimiter: (!args.recursive).then(|| "/".to_owned()),
        start_after: None,
        page_size: args.page_size,
    };
    let mut entries = page.root.engine.store().list(request);
    while let Some(entry) = entries.try_next().await.map_err(CliError::plain)? {
        if !args.filters.filter.allows(relative(page.root, entry.name()), None) {
            continue;
        }
        match entry {
            ListEntry::Prefix(prefix) => page.prefixes.push(prefix),
            ListEntry::Object(object) => page.objects.push(Object::Physical(object)),
        }
        if args.sort.is_none() && page.is_full(PAGE) {
            page.write()?;
        }
    }
    Ok(())
}

/// Lines that are to be written together.
struct Page<'a> {
    context: &'a Context,
    root: &'a Root,
    style: ListStyle,
    prefixes: Vec<String>,
    objects: Vec<Object>,
    total: Total,
}

enum Object {
    Logical(LogicalObject),
    Physical(ListedObject),
}

impl Object {
    fn line(&self) -> Listed<'_> {
        match self {
            Self::Logical(object) => Listed::Object(object),
            Self::Physical(object) => Listed::Physical(object),
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Logical(object) => object.size,
            Self::Physical(object) => object.size,
        }
    }

    fn modified(&self) -> SystemTime {
        match self {
            Self::Logical(object) => object.last_modified,
            Self::Physical(object) => object.last_modified,
        }
    }

    /// The share that was saved; of what lies in the bucket nothing is.
    fn saved(&self) -> f64 {
        match self {
            Self::Logical(object) => share_saved(object.stored_size, object.size).unwrap_or(0.0),
            Self::Physical(_) => 0.0,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Total {
    objects: u64,
    bytes: u64,
    lines: u64,
}

impl Page<'_> {
    fn is_full(&self, size: usize) -> bool {
        self.objects.len() + self.prefixes.len() >= size
    }

    fn write(&mut self) -> Result<(), CliError> {
        let objects = std::mem::take(&mut self.objects);
        let prefixes = std::mem::take(&mut self.prefixes);
        self.total.objects += objects.len() as u64;
        self.total.lines += (objects.len() + prefixes.len()) as u64;
        self.total.bytes += objects.iter().map(Object::size).sum::<u64>();
        let prefixes = prefixes.iter().map(|prefix| Listed::Prefix(prefix));
        let lines: Vec<_> = prefixes.chain(objects.iter().map(Object::line)).collect();
        self.context.output.listed(&lines, self.root.at.key(), self.style)?;
        Ok(())
    }
}

/// A name below the directory that is listed.
fn relative<'a>(root: &Root, name: &'a str) -> &'a str {
    let directory = root.at.key().rfind('/').map_or(0, |slash| slash + 1);
    name.get(directory..).unwrap_or(name)
}

fn compare(a: &Object, b: &Object, by: SortBy) -> Ordering {
    match by {
        SortBy::Size => a.size().cmp(&b.size()),
        SortBy::Saved => a.saved().total_cmp(&b.saved()),
        SortBy::Date => a.modified().cmp(&b.modified()),
    }
}
