"""What is counted as OpenTelemetry metrics: pushed by us, or by an exporter of the user."""
