"""Pure functions from a trace to findings."""
