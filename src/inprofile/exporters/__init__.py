"""Readers of cells and traces that each speak one outside format."""
