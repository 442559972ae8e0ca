"""What launched processes begin with: a directory for PYTHONPATH."""
