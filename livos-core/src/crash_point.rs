//! Named places at which a test can kill the process.
//!
//! A promise about crashes is kept between two writes or it is not kept, so the crash test
//! must be able to die exactly there. Without the feature `crash-points` a passage is no code at all.

#[cfg(not(feature = "crash-points"))]
mod absent;
#[cfg(feature = "crash-points")]
mod armed;

#[cfg(not(feature = "crash-points"))]
use self::absent::pass;
#[cfg(feature = "crash-points")]
use self::armed::pass;

#[cfg(feature = "crash-points")]
pub use self::armed::arm;

/// A place between two facts.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrashPoint {
    /// The message is admitted, and its sender was not told.
    Admitted,
    /// A worker has the run's lease, and has done nothing with it.
    Claimed,
    /// A model call is written down, and not made.
    TurnStarted,
    /// A piece of an answer came, and its end did not.
    Streaming,
    /// The answer is written down, and none of its tool calls is.
    Answered,
    /// A person is asked, and nobody has decided.
    ApprovalRequested,
    /// A decision is written down, and nothing was done about it.
    ApprovalDecided,
    /// A tool call is written down, and not made.
    ToolStarted,
    /// A tool call was made, and its result is not written down.
    ToolReturned,
    /// All is done but for the run's end.
    Finishing,
    /// The run's end is written down, and its reply was not sent.
    Finished,
    /// A worker has the delivery, and has not sent it.
    DeliveryClaimed,
    /// The reply arrived, and its receipt is not written down.
    Delivered,
    /// A slot is due, and nothing of it is written down.
    SlotDue,
    /// The run of a slot is admitted, and the schedule's worker was not told.
    SlotFired,
    /// An agent is admitted, and the journal of whoever asked for it does not say so.
    SubagentAdmitted,
    /// An agent is done that a call waits for, and the journal of that run does not say so.
    SubagentEnded,
    /// The result of an agent is in the journal of whoever is owed it, and still counts as owed.
    ResultArrived,
    /// A run ended whose user's words are to be looked through, and nothing was done about it.
    ExtractionDue,
    /// The run that looks through them is admitted, and that is not written down in the outbox.
    ExtractionAdmitted,
    /// What was found is remembered, and that is not written down in the outbox.
    FactsKept,
}

impl CrashPoint {
    /// Every one, in the order that a run passes them; then those of schedules, agents and memory.
    pub const ALL: [Self; 21] = [
        Self::Admitted,
        Self::Claimed,
        Self::TurnStarted,
        Self::Streaming,
        Self::Answered,
        Self::ApprovalRequested,
        Self::ApprovalDecided,
        Self::ToolStarted,
        Self::ToolReturned,
        Self::Finishing,
        Self::Finished,
        Self::DeliveryClaimed,
        Self::Delivered,
        Self::SlotDue,
        Self::SlotFired,
        Self::SubagentAdmitted,
        Self::SubagentEnded,
        Self::ResultArrived,
        Self::ExtractionDue,
        Self::ExtractionAdmitted,
        Self::FactsKept,
    ];

    /// What it is called in arguments and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Claimed => "claimed",
            Self::TurnStarted => "turn_started",
            Self::Streaming => "streaming",
            Self::Answered => "answered",
            Self::ApprovalRequested => "approval_requested",
            Self::ApprovalDecided => "approval_decided",
            Self::ToolStarted => "tool_started",
            Self::ToolReturned => "tool_returned",
            Self::Finishing => "finishing",
            Self::Finished => "finished",
            Self::DeliveryClaimed => "delivery_claimed",
            Self::Delivered => "delivered",
            Self::SlotDue => "slot_due",
            Self::SlotFired => "slot_fired",
            Self::SubagentAdmitted => "subagent_admitted",
            Self::SubagentEnded => "subagent_ended",
            Self::ResultArrived => "result_arrived",
            Self::ExtractionDue => "extraction_due",
            Self::ExtractionAdmitted => "extraction_admitted",
            Self::FactsKept => "facts_kept",
        }
    }

    /// The one of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.name() == name)
    }

    /// Goes on, or dies here if that was asked for.
    #[inline]
    pub fn pass(self) {
        pass(self);
    }
}
