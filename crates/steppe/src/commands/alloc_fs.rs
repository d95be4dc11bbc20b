//! `alloc fs`

use api::{AllocFileInfo, Client};

use super::tail::Tail;
use crate::context::{During, Global, Outcome, Stop, query};
use crate::{resolve, show};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    tail: Tail,
    /// Ids in full.
    #[arg(long)]
    verbose: bool,
    /// Sizes in bytes.
    #[arg(long = "H")]
    machine: bool,
    /// The argument is a job: choose one of its allocations.
    #[arg(long = "job")]
    of_job: bool,
    /// With -job: an allocation of this group.
    #[arg(long)]
    group: Option<String>,
    /// What it is, not what is in it.
    #[arg(long)]
    stat: bool,
    /// An allocation's id, or a prefix of it.
    allocation: String,
    /// A path in the directory of the allocation.
    path: Option<String>,
}

/// A directory is listed, a file is printed.
pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let alloc = if args.of_job {
        resolve::allocation_of_job(&client, &args.allocation, args.group.as_deref()).await?
    } else {
        resolve::allocation(&client, &args.allocation).await?
    };
    let id = alloc.id.to_string();
    let path = args.path.as_deref().unwrap_or("/");
    let file = client.stat_file(&id, path, &query()).await.during("getting file info")?.value;
    if args.stat {
        say!("{}", table(&[file], args.machine));
        return Ok(0);
    }
    if file.is_dir {
        if args.tail.is_wanted() {
            return Err(Stop::error(format!("\"{path}\" is a directory: it has no end to show or to follow")));
        }
        let files = client.list_files(&id, path, &query()).await.during("listing alloc dir")?.value;
        say!("{}", table(&files, args.machine));
        return Ok(0);
    }
    print(&client, &id, path, &args.tail).await
}

async fn print(client: &Client, id: &str, path: &str, tail: &Tail) -> Outcome {
    if tail.is_wanted() {
        let frames = client.stream_file(id, path, &tail.range(), &query()).await.during("reading file")?;
        tail.print(frames, show::raw).await?;
        return Ok(0);
    }
    let mut bytes = client.cat_file(id, path, &query()).await.during("reading file")?;
    while let Some(piece) = bytes.next().await.during("reading file")? {
        show::raw(&piece);
    }
    Ok(0)
}

fn table(files: &[AllocFileInfo], machine: bool) -> String {
    let content_type = files.iter().any(|file| !file.content_type.is_empty());
    let mut header = vec!["Mode", "Size", "Modified Time"];
    header.extend(content_type.then_some("Content Type"));
    header.push("Name");
    let mut rows = vec![show::row(&header)];
    for file in files {
        let size = if machine { file.size.to_string() } else { show::bytes(u64::try_from(file.size).unwrap_or(0)) };
        let mut row = vec![file.file_mode.clone(), size, show::time(file.mod_time.0)];
        row.extend(content_type.then(|| file.content_type.clone()));
        row.push(if file.is_dir { format!("{}/", file.name) } else { file.name.clone() });
        rows.push(row);
    }
    show::table(&rows)
}
