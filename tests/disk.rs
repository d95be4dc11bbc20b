//! Disks that fail under a server.

use nix::errno::Errno;
use process_tests::bad_disk::{Fault, play};

#[test]
fn what_was_acknowledged_survives_a_bad_disk() {
    // which call fails from which on: a server that cannot write says so and ends, and nothing that it acknowledged is lost; the first are
    // those of the start
    let rows = [
        ("sync", Errno::EIO, 1),
        ("sync", Errno::EIO, 12),
        ("sync", Errno::EIO, 60),
        ("write", Errno::ENOSPC, 2),
        ("write", Errno::EIO, 40),
    ];
    let mut n_in_the_work = 0;
    for (call, error, nth) in rows {
        let folder = tempfile::tempdir().expect("a folder");
        let fault = Fault { call, error, nth };
        let played = play(folder.path(), &fault).unwrap_or_else(|problem| panic!("{fault}: {problem}"));
        assert!(played.has_ended, "{fault}: it was reached");
        n_in_the_work += usize::from(played.n_acknowledged > 0);
    }
    assert!(n_in_the_work >= 2, "some faults came after the first write");
}
