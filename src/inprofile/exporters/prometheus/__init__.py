"""What is counted, in the formats that Prometheus reads."""
