//! `dlt tracker contract`: what projects may send.

use super::{data_dir, failure, place};
use crate::args::Contract;
use crate::exit::Outcome;
use crate::grid::count;
use crate::printer::Printer;

pub(super) fn contract(arguments: &Contract, printer: Printer) -> Outcome {
    match arguments {
        Contract::Check { file } => {
            let found = dlt_tracker::check_contract(file)?;
            let (events, properties) = (count(found.events as u64), count(found.properties as u64));
            printer.report(&format!("{} is a contract; events: {events}, properties: {properties}", file.display()))
        }
        Contract::Learn { project, folder } => {
            let text = dlt_tracker::learn_contract(place(folder)?, project).map_err(failure)?;
            printer.data_with(|out| out.write_all(text.as_bytes()))
        }
        Contract::Show { project, folder } => {
            let text = dlt_tracker::show_contract(data_dir(folder)?, project).map_err(failure)?;
            printer.data_with(|out| out.write_all(text.as_bytes()))
        }
    }
}
