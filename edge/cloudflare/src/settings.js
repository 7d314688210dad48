// Write keys and contracts of the tracker that this Worker receives for. `dlt tracker edge` writes this file from a data folder.

export default { keys: [], refuse_unknown_keys: false, contracts: {} };
