//! What becomes of a load package that an earlier run left: a decision over plain values, which the run carries out.

use crate::package::Stage;

/// What is known of a package that an earlier run left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    pub(crate) stage: Stage,
    /// Whether the destination has the load. Not asked where the package was for another destination or dataset.
    pub(crate) is_committed: bool,
    /// Whether it was for another destination or dataset than this run's.
    pub(crate) is_elsewhere: bool,
    /// Whether this run is the same call: same source, same options.
    pub(crate) is_same_call: bool,
    /// Whether its input can be read again.
    pub(crate) is_replayable: bool,
    /// Whether that input is another by now.
    pub(crate) has_changed: bool,
    /// Whether its run ended with an error, and was not killed.
    pub(crate) has_failed: bool,
    /// Whether it failed because of one of its rows, which will not change.
    pub(crate) is_refused: bool,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Remove it without a word: nothing in it is of use to anybody.
    Remove,
    /// Remove it and say so: its input has to be given again.
    Drop,
    /// Leave it, say so, and go on with this run's input.
    Keep,
    /// Finish it before this run's input is read.
    TakeUp,
}

pub(crate) fn decide(left: Left) -> Verdict {
    if left.stage == Stage::Extracting {
        return Verdict::Remove;
    }
    if left.is_committed {
        return Verdict::TakeUp;
    }
    if left.is_elsewhere {
        return if left.is_replayable { Verdict::Drop } else { Verdict::Keep };
    }
    match (left.is_replayable, left.is_same_call) {
        // This run reads the input as it is now.
        (true, true) if left.has_changed => Verdict::Remove,
        // What failed yesterday does not stand in the way of what is asked today.
        (true, false) if left.has_failed => Verdict::Drop,
        // To try it with every run would only cost time; its owner can.
        (false, _) if left.is_refused => Verdict::Keep,
        _ => Verdict::TakeUp,
    }
}

/// What to do with a package that was taken up and failed. `is_data` says that the failure is one of its rows.
pub(crate) fn after_failure(left: Left, is_data: bool) -> AfterFailure {
    match (left.is_replayable, left.is_same_call) {
        // It is read again from its input, which may have been corrected.
        (true, true) if is_data => AfterFailure::Remove,
        (true, true) => AfterFailure::Fail,
        (true, false) => AfterFailure::Drop,
        (false, _) => AfterFailure::Keep,
    }
}

/// What to do with a package that was taken up and failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// Its failure is that of this run.
    Fail,
    /// Remove it without a word.
    Remove,
    /// Remove it and say so.
    Drop,
    /// Leave it, say so, and go on with this run's input.
    Keep,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Left = Left {
        stage: Stage::Normalized,
        is_committed: false,
        is_elsewhere: false,
        is_same_call: true,
        is_replayable: true,
        has_changed: false,
        has_failed: false,
        is_refused: false,
    };

    #[test]
    fn every_package_has_its_verdict() {
        let file = LEFT;
        let other_file = Left { is_same_call: false, ..LEFT };
        let stdin = Left { is_replayable: false, ..LEFT };
        let other_stdin = Left { is_same_call: false, ..stdin };
        for (left, expected) in [
            (Left { stage: Stage::Extracting, ..stdin }, Verdict::Remove),
            (file, Verdict::TakeUp),
            (Left { has_failed: true, ..file }, Verdict::TakeUp),
            (Left { has_changed: true, ..file }, Verdict::Remove),
            (Left { has_changed: true, is_committed: true, ..file }, Verdict::TakeUp),
            (other_file, Verdict::TakeUp),
            (Left { has_failed: true, ..other_file }, Verdict::Drop),
            (Left { has_failed: true, is_committed: true, ..other_file }, Verdict::TakeUp),
            (Left { is_elsewhere: true, ..file }, Verdict::Drop),
            (stdin, Verdict::TakeUp),
            (Left { has_failed: true, ..other_stdin }, Verdict::TakeUp),
            (Left { has_failed: true, is_refused: true, ..other_stdin }, Verdict::Keep),
            (Left { has_failed: true, is_refused: true, ..stdin }, Verdict::Keep),
            (Left { is_elsewhere: true, ..stdin }, Verdict::Keep),
            (Left { is_elsewhere: true, is_committed: true, stage: Stage::Loaded, ..stdin }, Verdict::TakeUp),
        ] {
            assert_eq!(decide(left), expected, "{left:?}");
        }
    }

    #[test]
    fn input_that_cannot_be_had_again_is_never_lost_to_a_failure() {
        for is_same_call in [true, false] {
            for is_data in [true, false] {
                let left = Left { is_replayable: false, is_same_call, ..LEFT };
                assert_eq!(after_failure(left, is_data), AfterFailure::Keep);
            }
        }
        let other = Left { is_same_call: false, ..LEFT };
        assert_eq!(after_failure(other, false), AfterFailure::Drop);
        assert_eq!(after_failure(other, true), AfterFailure::Drop);
        assert_eq!(after_failure(LEFT, true), AfterFailure::Remove);
        assert_eq!(after_failure(LEFT, false), AfterFailure::Fail);
    }
}
