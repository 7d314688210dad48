//! `GET /report.json?project=NAME`, for `dlt tracker report`: read beside the loader, from what is loaded by then.
//!
//! Who asks does not wait long. While more events come than fill loads of their own, nobody waits for a load; and where
//! counting takes longer than [`PATIENCE`], because the tables are large or the cores are busy, the last report is
//! given, which says of when it is. What was being counted is the next one's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Response};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::App;
use super::admin::{failed, found_or_failed, overloaded, ready_to_read, value};
use crate::error::Error;
use crate::loader;
use crate::report::Report;

/// How long is counted before the last report is given.
const PATIENCE: Duration = Duration::from_millis(600);
/// How old the last report may be that is given.
const TOO_OLD: Duration = Duration::from_secs(10 * 60);
/// Most projects whose report is kept.
const MOST_KEPT: usize = 100;

/// The last reports, by project; none for that of all.
#[derive(Debug, Default)]
pub(crate) struct KeptReports(Mutex<HashMap<Option<String>, Kept>>);

#[derive(Debug)]
struct Kept {
    at: Instant,
    report: Report,
}

impl KeptReports {
    fn keep(&self, project: Option<String>, report: &Report) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, kept| kept.at.elapsed() < TOO_OLD);
        if kept.len() < MOST_KEPT || kept.contains_key(&project) {
            let report = Report { as_of: Some(format!("{:.0}", Timestamp::now())), ..report.clone() };
            kept.insert(project, Kept { at: Instant::now(), report });
        }
    }

    /// The last one, which says of when it is.
    fn last(&self, project: &Option<String>) -> Option<Report> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(project).filter(|kept| kept.at.elapsed() < TOO_OLD).map(|kept| kept.report.clone())
    }
}

pub(crate) async fn report(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    if let Err(refused) = ready_to_read(&app, &headers).await {
        return *refused;
    }
    let project = value(query.as_deref(), "project").filter(|name| !name.is_empty());
    let Ok(permit) = Arc::clone(&app.reports).try_acquire_owned() else {
        // Others wait for what is being counted.
        return app.kept_reports.last(&project).map_or_else(overloaded, |report| found_or_failed(Ok(report)));
    };
    let mut counted = count(&app, project.clone(), permit);
    let found = match tokio::time::timeout(PATIENCE, &mut counted).await {
        Ok(found) => found,
        Err(_) => match app.kept_reports.last(&project) {
            Some(report) => Ok(Ok(report)),
            None => counted.await,
        },
    };
    match found {
        Ok(found) => found_or_failed(found),
        Err(_) => failed("the report could not be read: the tracker's log says why".to_owned()),
    }
}

/// Counts on a thread that may block, and goes on with it when nobody waits any more.
fn count(
    app: &Arc<App>,
    project: Option<String>,
    permit: OwnedSemaphorePermit,
) -> oneshot::Receiver<Result<Report, Error>> {
    let (sender, counted) = oneshot::channel();
    let app = Arc::clone(app);
    tokio::task::spawn_blocking(move || {
        let found = loader::report(&*app.dashboard.store, &app.dashboard.surveyor, &*app.journal, project.as_deref());
        if let Ok(report) = &found {
            app.kept_reports.keep(project, report);
        }
        drop(permit);
        // Who asked may have got the last one.
        drop(sender.send(found));
    });
    counted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_last_report_of_each_project_is_kept_and_says_of_when_it_is() {
        let kept = KeptReports::default();
        let (all, web) = (None, Some("web".to_owned()));
        kept.keep(web.clone(), &Report { total: 1, ..Report::default() });
        kept.keep(web.clone(), &Report { total: 2, ..Report::default() });
        assert!(kept.last(&all).is_none());
        let last = kept.last(&web).unwrap();
        assert_eq!(last.total, 2);
        let as_of = last.as_of.clone().unwrap();
        assert!(as_of.parse::<Timestamp>().is_ok());
        assert!(last.to_string().contains(&format!("Counted at {as_of}: ")), "{last}");

        kept.0.lock().unwrap().get_mut(&web).unwrap().at = Instant::now().checked_sub(TOO_OLD).unwrap();
        assert!(kept.last(&web).is_none());
        for number in 0..MOST_KEPT + 10 {
            kept.keep(Some(number.to_string()), &Report::default());
        }
        assert_eq!(kept.0.lock().unwrap().len(), MOST_KEPT, "and it was let go");
        kept.keep(Some("0".to_owned()), &Report { total: 3, ..Report::default() });
        assert_eq!(kept.last(&Some("0".to_owned())).unwrap().total, 3);
    }
}
