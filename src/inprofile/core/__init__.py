"""The hot path: spans, the ledger and shared-memory cells. Standard library only."""
