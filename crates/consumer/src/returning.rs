//! Events that came before. Any of them may have ended the process then, or blocked it, so they run alone. Each try is
//! noted before it is made, and events with the fewest tries come first. Messages that are done are deleted from the
//! queue before an event runs that had a noted try, or that runs after another was dead-lettered.

use cellstack_aws::AwsFailure;
use cellstack_core::Clock;
use cellstack_core::mutation::{Mutation, is_planted};
use futures::future::join_all;

use crate::Processor;
use crate::batch::{Job, Lane};
use crate::conclude::Try;
use crate::failure::Failure;
use crate::handler::Consumer;
use crate::invocation::Invocation;
use crate::item::{Items, Standing};

/// A lane with the state of each of its events; `None` for those that come for the first time.
struct Known<'a> {
    lane: &'a Lane,
    events: Vec<(&'a Job, Option<Standing>)>,
}

impl Known<'_> {
    /// Returns the most tries noted on one of the lane's events.
    fn tries(&self) -> u32 {
        let noted = self.events.iter().map(|(_, standing)| match standing {
            Some(Standing::Waiting { tries }) => *tries,
            _ => 0,
        });
        noted.max().unwrap_or_default()
    }
}

impl<P: Processor, A: Clock> Consumer<P, A> {
    /// Processes the lanes of returning events, one after the other.
    pub(crate) async fn returning(&self, invocation: &Invocation, lanes: &[Lane]) {
        let mut known = Vec::new();
        for lane in join_all(lanes.iter().map(|lane| self.look_up(invocation, lane))).await {
            match lane {
                Ok(lane) => known.push(lane),
                // The lane comes again: none of it was tried.
                Err(failure) => tracing::warn!(%failure, "returning events are not tried"),
            }
        }
        known.sort_by_key(Known::tries);
        for Known { lane, events } in known {
            for (job, standing) in events {
                let done = match standing {
                    None => self.try_alone(invocation, lane, Try::first(job)).await,
                    Some(standing) => self.retry(invocation, lane, job, standing).await,
                };
                // The rest of a lane that keeps order waits for the event.
                if !done && invocation.blocks() {
                    break;
                }
            }
        }
    }

    async fn look_up<'a>(&self, invocation: &Invocation, lane: &'a Lane) -> Result<Known<'a>, AwsFailure> {
        let items = self.items(invocation);
        let reads = lane.jobs.iter().map(|job| read(items, job));
        let events = join_all(reads).await.into_iter().collect::<Result<_, _>>()?;
        Ok(Known { lane, events })
    }

    /// Tries a returning event again, unless it is done or had all its tries. Returns whether it is done.
    async fn retry(&self, invocation: &Invocation, lane: &Lane, job: &Job, standing: Standing) -> bool {
        let tries = match standing {
            Standing::Waiting { tries } => tries,
            standing => return self.untriable(invocation, job, standing).await,
        };
        if tries > 0 {
            self.delete_done(invocation).await;
        }
        if tries > 0 && tries + 1 >= self.settings.max_tries {
            return self.exhausted(invocation, Try { job, number: tries + 1, noted: true }).await;
        }
        if !invocation.budget.admits_another() {
            return false;
        }
        if is_planted(Mutation::TriesSpread) {
            for other in lane.jobs.iter().filter(|other| other.message.id != job.message.id) {
                let _ = self.items(invocation).note_try(&other.message).await;
            }
        }
        match self.items(invocation).note_try(&job.message).await {
            Ok(Ok(noted)) => {
                self.try_alone(invocation, lane, Try { job, number: noted.saturating_add(1), noted: true }).await
            }
            Ok(Err(standing)) => self.untriable(invocation, job, standing).await,
            Err(failure) => {
                let message = &job.message;
                tracing::warn!(tenant = message.tenant.as_str(), event = %message.id, %failure, "not tried");
                false
            }
        }
    }

    async fn untriable(&self, invocation: &Invocation, job: &Job, standing: Standing) -> bool {
        let failure = match standing {
            Standing::Done => {
                invocation.done(job);
                return true;
            }
            Standing::Missing => Failure::NotHeld,
            Standing::Waiting { .. } => Failure::Uncommitted("its status has changed".to_owned()),
            Standing::Unknown(status) => Failure::Uncommitted(format!("its status is '{status}'")),
        };
        self.settle(invocation, Try::first(job), &failure).await
    }

    async fn try_alone(&self, invocation: &Invocation, lane: &Lane, attempt: Try<'_>) -> bool {
        if invocation.owes_deletion() {
            self.delete_done(invocation).await;
        }
        if !invocation.budget.admits_another() {
            if attempt.noted {
                self.items(invocation).take_try_back(&attempt.job.message).await;
            }
            return false;
        }
        invocation.begun(attempt.job);
        let result = self.run(&attempt.job.message, invocation.budget.event()).await;
        self.conclude(invocation, &lane.tenant, vec![(attempt, result)]).await
    }
}

async fn read<'a>(items: Items<'_>, job: &'a Job) -> Result<(&'a Job, Option<Standing>), AwsFailure> {
    let standing = if job.is_returning() { Some(items.read(&job.message).await?) } else { None };
    Ok((job, standing))
}
