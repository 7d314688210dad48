//! How a run goes on: a bar for each step on a terminal, a line for each step elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dlt::{Event, Observer, Step};
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::grid::count;
use crate::printer::{BAD, BOLD, DIM, GOOD, Printer};

const STEPS: [Step; 3] = [Step::Extract, Step::Normalize, Step::Load];

/// Shows the steps of a run.
pub(crate) struct Progress {
    printer: Printer,
    bars: Option<Bars>,
    /// By step.
    rows: [AtomicU64; 3],
    bytes: [AtomicU64; 3],
}

struct Bars {
    all: MultiProgress,
    /// Bytes that the input has, where that is known.
    total_bytes: Option<u64>,
    of_step: Mutex<[Option<ProgressBar>; 3]>,
}

impl Progress {
    pub(crate) fn new(printer: Printer, total_bytes: Option<u64>) -> Self {
        let bars = printer.draws_progress().then(|| Bars {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15)),
            total_bytes,
            of_step: Mutex::default(),
        });
        Self { printer, bars, rows: Default::default(), bytes: Default::default() }
    }

    /// What was done in a step, for the end of a line.
    fn done(&self, step: Step) -> String {
        let rows = self.rows[step as usize].load(Ordering::Relaxed);
        let bytes = self.bytes[step as usize].load(Ordering::Relaxed);
        let rows = match rows {
            0 => None,
            1 => Some("1 row".to_owned()),
            rows => Some(format!("{} rows", count(rows))),
        };
        let bytes = (bytes > 0 && step == Step::Extract).then(|| HumanBytes(bytes).to_string());
        rows.into_iter().chain(bytes).collect::<Vec<_>>().join(", ")
    }

    fn finished(&self, step: Step, elapsed: Duration, success: bool) -> String {
        let name = step.name();
        let elapsed = seconds(elapsed);
        let done = self.done(step);
        match success {
            true => format!("{GOOD}✓{GOOD:#} {BOLD}{name:<9}{BOLD:#} {DIM}{elapsed:>8}{DIM:#}  {done}")
                .trim_end()
                .to_owned(),
            false => format!("{BAD}✗{BAD:#} {BOLD}{name:<9}{BOLD:#} {DIM}{elapsed:>8}{DIM:#}  {BAD}failed{BAD:#}"),
        }
    }
}

impl Bars {
    fn start(&self, step: Step) {
        let bar = match self.total_bytes.filter(|_| step != Step::Load) {
            Some(total) => ProgressBar::new(total).with_style(style(
                "{spinner:.cyan} {prefix:<9.bold} {elapsed:>7.dim}  {bar:28.cyan/dim} {percent:>3}%  {msg}",
            )),
            None => {
                ProgressBar::no_length().with_style(style("{spinner:.cyan} {prefix:<9.bold} {elapsed:>7.dim}  {msg}"))
            }
        };
        let bar = self.all.add(bar.with_prefix(step.name()));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.of_step.lock().unwrap_or_else(PoisonError::into_inner)[step as usize] = Some(bar);
    }

    fn with(&self, step: Step, act: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = &self.of_step.lock().unwrap_or_else(PoisonError::into_inner)[step as usize] {
            act(bar);
        }
    }
}

impl Observer for Progress {
    fn on_event(&self, event: &Event<'_>) {
        match event {
            Event::RunStarted { resumed: true, .. } => {
                let line = "taking up a run that was interrupted";
                match &self.bars {
                    Some(bars) => drop(bars.all.println(line)),
                    None => self.printer.note(line),
                }
            }
            Event::Notice { notice } => {
                let lines = self.printer.notice_lines(notice);
                match &self.bars {
                    Some(bars) => lines.iter().for_each(|line| drop(bars.all.println(line))),
                    None => lines.iter().for_each(|line| self.printer.note(line)),
                }
            }
            Event::StepStarted { step } => {
                if let Some(bars) = &self.bars {
                    bars.start(*step);
                }
            }
            Event::Progress { step, rows, bytes } => {
                // Events of several threads may arrive out of order; the numbers only grow.
                self.rows[*step as usize].fetch_max(*rows, Ordering::Relaxed);
                let bytes = self.bytes[*step as usize].fetch_max(*bytes, Ordering::Relaxed).max(*bytes);
                if let Some(bars) = &self.bars {
                    bars.with(*step, |bar| {
                        bar.set_position(bytes);
                        bar.set_message(self.done(*step));
                    });
                }
            }
            Event::StepFinished { step, elapsed, error } => {
                let line = self.finished(*step, *elapsed, error.is_none());
                match &self.bars {
                    Some(bars) => bars.with(*step, |bar| {
                        bar.set_style(style("{msg}"));
                        bar.finish_with_message(line.clone());
                    }),
                    None => self.printer.note(&line),
                }
            }
            Event::RunFinished { .. } => {
                if let Some(bars) = &self.bars {
                    // A bar whose step did not end stands for nothing any more.
                    for step in STEPS {
                        bars.with(step, |bar| {
                            if !bar.is_finished() {
                                bar.finish_and_clear();
                            }
                        });
                    }
                    *bars.of_step.lock().unwrap_or_else(PoisonError::into_inner) = Default::default();
                }
            }
            _ => {}
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .progress_chars("━━─")
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

/// `0.04s`, `12.3s`, `3m 05s`.
pub(crate) fn seconds(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    match seconds {
        _ if seconds < 10.0 => format!("{seconds:.2}s"),
        _ if seconds < 60.0 => format!("{seconds:.1}s"),
        _ => {
            let whole = seconds.round() as u64;
            format!("{}m {:02}s", whole / 60, whole % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_understood() {
        for template in
            ["{spinner:.cyan} {prefix:<9.bold} {elapsed:>7.dim}  {bar:28.cyan/dim} {percent:>3}%  {msg}", "{msg}"]
        {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }

    #[test]
    fn times() {
        for (millis, text) in [(40, "0.04s"), (9_990, "9.99s"), (12_340, "12.3s"), (185_000, "3m 05s")] {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }
}
