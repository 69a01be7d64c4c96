//! Files that are cut off, flipped, put together: what is whole comes out, what is not is told.

use serde_json::Value;

use crate::files::{Folder, as_ours, as_pcap, read, read_well, recorded};
use crate::support::random::Random;

fn ours() -> Vec<u8> {
    let name = "mc-1.12.2-offline";
    let log = read_well(&[&recorded(name), "--json"]).json();
    as_ours(name, "minecraft", &log)
}

fn packets(log: &[Value]) -> Vec<&Value> {
    log.iter().filter(|line| line["type"] == "packet").collect()
}

#[test]
fn a_file_that_is_cut_off_reads_to_its_last_whole_record() {
    let folder = Folder::new("cut");
    let ours = ours();
    let whole = read_well(&[&folder.write("whole.pcapng", &ours), "--json"]).json();
    let mut random = Random::new(7);
    for _ in 0..6 {
        let len = 500 + random.below(ours.len() - 500);
        let file = folder.write("cut.pcapng", &ours[..len]);
        let ended = read(&[&file, "--json"]);
        let log = ended.json();
        let (left, all) = (packets(&log), packets(&whole));
        assert_eq!(left, all[..left.len()], "cut at {len}");
        let is_told = ended.diagnostics.contains("at offset");
        assert_eq!(ended.status.code(), Some(i32::from(is_told)), "{}", ended.diagnostics);
    }
}

#[test]
fn flipped_bits_cost_what_they_hit() {
    let folder = Folder::new("flipped");
    let mut random = Random::new(11);
    for bytes in [ours(), as_pcap(&ours())] {
        let whole = read_well(&[&folder.write("whole", &bytes), "--json"]).json();
        for _ in 0..6 {
            let mut flipped = bytes.clone();
            for _ in 0..3 {
                let place = 200 + random.below(bytes.len() - 200);
                flipped[place] ^= 1 << random.below(8);
            }
            let ended = read(&[&folder.write("flipped", &flipped), "--json"]);
            assert!(matches!(ended.status.code(), Some(0 | 1)), "{}", ended.diagnostics);
            assert!(!packets(&whole).is_empty());
        }
    }
}

/// Several runs in one file, several files in one reading, one behind the other.
#[test]
fn files_that_are_put_together_are_read_one_after_the_other() {
    let folder = Folder::new("together");
    let ours = ours();
    let one = folder.write("one.pcapng", &ours);
    let both = folder.write("both.pcapng", &[&ours[..], &ours].concat());
    let lines = |files: &[&str]| read_well(&[files, &["--json"]].concat()).json();
    let (once, joined, apart) = (lines(&[&one]), lines(&[&both]), lines(&[&one, &one]));
    assert_eq!(packets(&joined).len(), 2 * packets(&once).len());
    assert_eq!(joined, apart);
    let sessions: std::collections::BTreeSet<_> =
        joined.iter().filter_map(|line| line["session"].as_u64()).collect();
    assert_eq!(sessions.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4]);

    // A run that was cut off, and the next one behind it.
    let torn = folder.write("torn.pcapng", &[&ours[..ours.len() / 2 + 1], &ours].concat());
    let ended = read(&[&torn, "--json"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.diagnostics);
    assert!(packets(&ended.json()).len() > packets(&once).len());
}
