//! Scalar values of the data: which type they show, and how they fit into a column of another type.
