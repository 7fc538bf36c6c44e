"""The plain values that everything else speaks of: records, predictions, entries of the log. No I/O, no clock."""
