"""The main job: an example app, real traffic from another process, and the report."""
