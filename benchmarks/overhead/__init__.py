"""What a request costs in process, bare and with each way of watching it."""
