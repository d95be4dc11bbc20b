//! Update, migrate, restart and reschedule.

use model::{DelayFunction, HealthCheck, MigrateStrategy, ReschedulePolicy, RestartMode, RestartPolicy, UpdateStrategy};

use super::{Report, shown};

const SECOND: i64 = 1_000_000_000;
/// A shorter window counts no restarts.
const RESTART_INTERVAL_MIN: i64 = 5 * SECOND;
/// Shorter delays would place an allocation that cannot start again and again.
const RESCHEDULE_DELAY_MIN: i64 = 5 * SECOND;
const RESCHEDULE_INTERVAL_MIN: i64 = 15 * SECOND;

pub(super) fn update(update: &UpdateStrategy, count: i64, report: &mut Report<'_>) {
    if update.max_parallel < 0 {
        report.error("MaxParallel", format!("max_parallel must not be negative: {}", update.max_parallel));
    }
    // 0 means that changes do not roll, and the rest says nothing.
    if update.max_parallel <= 0 {
        return;
    }
    if update.canary < 0 {
        report.error("Canary", format!("canary must not be negative: {}", update.canary));
    }
    if update.auto_promote && update.canary == 0 {
        report.error("AutoPromote", "auto_promote needs canaries: set canary");
    }
    if update.min_healthy_time < 0 {
        report.error("MinHealthyTime", format!("min_healthy_time must not be negative: {}", shown(update.min_healthy_time)));
    }
    if update.healthy_deadline <= 0 {
        report.error("HealthyDeadline", format!("healthy_deadline must be more than 0, not {}", shown(update.healthy_deadline)));
    }
    if update.progress_deadline < 0 {
        report.error("ProgressDeadline", format!("progress_deadline must not be negative: {}", shown(update.progress_deadline)));
    }
    if update.min_healthy_time >= update.healthy_deadline {
        let (least, deadline) = (shown(update.min_healthy_time), shown(update.healthy_deadline));
        report.error("MinHealthyTime", format!("min_healthy_time ({least}) must be shorter than healthy_deadline ({deadline})"));
    }
    if update.progress_deadline > 0 && update.healthy_deadline >= update.progress_deadline {
        let (healthy, progress) = (shown(update.healthy_deadline), shown(update.progress_deadline));
        report.error("HealthyDeadline", format!("healthy_deadline ({healthy}) must be shorter than progress_deadline ({progress})"));
    }
    if update.stagger <= 0 {
        report.error("Stagger", format!("stagger must be more than 0, not {}", shown(update.stagger)));
    }
    // A count of 0 is filled in by the regions of the job.
    if count > 0 && update.max_parallel > count {
        report.warning(
            "MaxParallel",
            format!("max_parallel ({}) is more than count ({count}): all allocations change at once", update.max_parallel),
        );
    }
}

pub(super) fn migrate(migrate: &MigrateStrategy, report: &mut Report<'_>) {
    if migrate.max_parallel < 0 {
        report.error("MaxParallel", format!("max_parallel must not be negative: {}", migrate.max_parallel));
    }
    if !matches!(migrate.health_check, HealthCheck::Checks | HealthCheck::TaskStates) {
        report.error("HealthCheck", format!("health_check must be checks or task_states, not {:?}", migrate.health_check.as_str()));
    }
    if migrate.min_healthy_time < 0 {
        report.error("MinHealthyTime", format!("min_healthy_time must not be negative: {}", shown(migrate.min_healthy_time)));
    }
    if migrate.min_healthy_time >= migrate.healthy_deadline {
        let (least, deadline) = (shown(migrate.min_healthy_time), shown(migrate.healthy_deadline));
        report.error("MinHealthyTime", format!("min_healthy_time ({least}) must be shorter than healthy_deadline ({deadline})"));
    }
}

pub(super) fn restart(policy: &RestartPolicy, report: &mut Report<'_>) {
    if policy.attempts < 0 {
        report.error("Attempts", format!("attempts must not be negative: {}", policy.attempts));
    }
    if policy.delay < 0 {
        report.error("Delay", format!("delay must not be negative: {}", shown(policy.delay)));
    }
    if policy.render_templates {
        report.error("RenderTemplates", "render_templates is not supported yet");
    }
    if policy.attempts == 0 {
        // With mode fail it means: never again. With delay nothing would ever run.
        if policy.mode == RestartMode::Delay {
            report.error("Mode", "mode \"delay\" needs attempts: set attempts, or mode \"fail\" for no restarts at all");
        }
        return;
    }
    if policy.interval < RESTART_INTERVAL_MIN {
        let (least, given) = (shown(RESTART_INTERVAL_MIN), shown(policy.interval));
        report.error("Interval", format!("interval must be at least {least}, not {given}"));
    }
    if policy.attempts.saturating_mul(policy.delay) > policy.interval {
        let (delay, interval) = (shown(policy.delay), shown(policy.interval));
        report.error("Attempts", format!("{} attempts with a delay of {delay} do not fit into an interval of {interval}", policy.attempts));
    }
}

pub(super) fn reschedule(policy: &ReschedulePolicy, report: &mut Report<'_>) {
    if policy.attempts < 0 {
        report.error("Attempts", format!("attempts must not be negative: {}", policy.attempts));
    }
    // No attempts, and not unlimited: never again, and the rest says nothing.
    if policy.attempts <= 0 && !policy.unlimited {
        return;
    }
    if policy.attempts > 0 && policy.unlimited {
        report.error(
            "Unlimited",
            format!("{} attempts and unlimited exclude each other: set unlimited = false, or no attempts", policy.attempts),
        );
    }
    if !policy.unlimited && policy.interval < RESCHEDULE_INTERVAL_MIN {
        let (least, given) = (shown(RESCHEDULE_INTERVAL_MIN), shown(policy.interval));
        report.error("Interval", format!("interval must be at least {least} where attempts are counted, not {given}"));
    }
    let least = shown(RESCHEDULE_DELAY_MIN);
    if policy.delay < RESCHEDULE_DELAY_MIN {
        report.error("Delay", format!("delay must be at least {least}, not {}", shown(policy.delay)));
    }
    if policy.delay_function == DelayFunction::Constant {
        return;
    }
    if policy.max_delay < RESCHEDULE_DELAY_MIN {
        report.error("MaxDelay", format!("max_delay must be at least {least}, not {}", shown(policy.max_delay)));
    }
    if policy.max_delay < policy.delay {
        report
            .error("MaxDelay", format!("max_delay ({}) must not be shorter than delay ({})", shown(policy.max_delay), shown(policy.delay)));
    }
}
