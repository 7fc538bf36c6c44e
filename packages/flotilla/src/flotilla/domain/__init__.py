"""Plain values and pure functions that all parts of flotilla share: no socket, no file, no clock."""
