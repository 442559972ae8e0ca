"""What our metrics and spans share on their way to OpenTelemetry."""
