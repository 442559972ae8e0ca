"""The same facts as text, Markdown and JSON: one format per file."""
