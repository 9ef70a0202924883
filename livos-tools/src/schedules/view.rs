//! A schedule as a model reads it.

use livos_core::Recurrence;
use livos_core::ScheduleManager;
use livos_core::ScheduleRecord;
use serde_json::Value;
use serde_json::json;

/// What is said of a schedule, with its next times in its own zone.
pub(super) fn view(schedules: &ScheduleManager, schedule: &ScheduleRecord) -> Value {
    let next: Vec<String> =
        schedules.next_times(schedule).into_iter().map(|slot| slot.to_string()).collect();
    let mut view = json!({
        "id": schedule.id,
        "title": schedule.plan.title,
        "when": when(&schedule.plan.recurrence),
        "status": schedule.progress.status.name(),
        "next_times": next,
    });
    if let (Some(reason), Some(view)) = (&schedule.progress.reason, view.as_object_mut()) {
        view.insert("reason".to_owned(), reason.as_str().into());
    }
    view
}

fn when(recurrence: &Recurrence) -> String {
    match recurrence {
        Recurrence::Cron { expression, time_zone } => {
            format!("{expression} ({})", time_zone.as_deref().unwrap_or("UTC"))
        }
        Recurrence::Every { seconds } => format!("every {seconds} seconds"),
        Recurrence::At { time } => format!("once at {time}"),
        Recurrence::Delay { seconds } => format!("once after {seconds} seconds"),
    }
}
