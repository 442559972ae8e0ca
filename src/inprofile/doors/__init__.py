"""Where work enters the process: each door begins and finishes a trace, nothing else."""
