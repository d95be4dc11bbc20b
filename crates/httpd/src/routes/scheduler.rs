//! `/v1/operator/scheduler/configuration`: how the region schedules.

use api::{SchedulerConfigurationResponse, SchedulerSetConfigurationResponse};
use model::SchedulerConfiguration;
use rpc::message::{Read, ReadValue, Write, WriteValue};

use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

pub(super) async fn configuration(cx: Cx) -> Answer {
    match cx.verb() {
        Verb::Get => read(cx).await,
        Verb::Put => set(cx).await,
        _ => Err(Refusal::wrong_verb()),
    }
}

async fn read(cx: Cx) -> Answer {
    let (meta, ReadValue::Scheduler(config)) = cx.read_with(cx.options_now()?, Read::Scheduler).await? else {
        return Err(Refusal::mismatch());
    };
    let (last_contact, known_leader) = meta.contact_in_body();
    let response = SchedulerConfigurationResponse {
        scheduler_config: config,
        index: meta.index,
        last_contact,
        known_leader,
        next_token: String::new(),
    };
    cx.json(Some(&meta), &response)
}

async fn set(mut cx: Cx) -> Answer {
    let cas = cx.params.number::<u64>("cas")?;
    let config: SchedulerConfiguration = cx.decode().await?;
    let (meta, WriteValue::Changed(updated)) = cx.write(Write::SetScheduler { config, cas }).await? else {
        return Err(Refusal::mismatch());
    };
    cx.json(Some(&meta), &SchedulerSetConfigurationResponse { updated, index: meta.index })
}
