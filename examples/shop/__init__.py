"""What the example shops have in common: their rows and their deliberate defects."""
