use model::AutopilotConfig;
use state::{AUTOPILOT_CHANGED, Command, Outcome};
use testkit::World;

#[test]
fn settings_are_set_where_nobody_was_faster() {
    // the first, with and without a check; another one, on the present and on an earlier version of them
    let mut world = World::new();
    let mut set = |min_quorum: u64, cas: Option<u64>| {
        let applied = world.try_apply(&Command::SetAutopilot { config: AutopilotConfig { min_quorum, ..Default::default() }, cas });
        let config = world.store.autopilot().map(|config| (config.min_quorum, config.create_index, config.modify_index));
        let refused = applied.outcome == Outcome::Refused(AUTOPILOT_CHANGED.to_owned());
        (refused, config, applied.index)
    };
    assert_eq!(set(3, Some(7)), (true, None, 2));
    assert_eq!(set(3, Some(0)), (false, Some((3, 3, 3)), 3));
    assert_eq!(set(5, Some(2)), (true, Some((3, 3, 3)), 4));
    assert_eq!(set(5, Some(3)), (false, Some((5, 3, 5)), 5));
    assert_eq!(set(0, None), (false, Some((0, 3, 6)), 6));
}
